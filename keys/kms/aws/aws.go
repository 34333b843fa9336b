// Package aws opens awskms: key URIs with AWS Key Management Service. Import
// it for its side effect and use [keys.OpenURI].
//
// Credentials and region come from where AWS's SDK finds them: environment,
// shared configuration, instance role. Both RSTUF's form of the URI,
// awskms:<key id, alias/... or ARN>, and sigstore's,
// awskms://[endpoint]/<key id, alias/... or ARN>, are understood. Keys must be
// ECC_NIST_P256 or ECC_NIST_P384; see package kms for why not RSA. The caller
// needs kms:GetPublicKey, kms:DescribeKey and kms:Sign.
package aws

import (
	"context"
	"strings"

	provider "github.com/sigstore/sigstore/pkg/signature/kms/aws"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/kms"
)

func init() { keys.RegisterURI("awskms", Open) }

// Open is the [keys.URIOpener] of awskms.
func Open(ctx context.Context, uri string, cfg keys.URIConfig) (keys.Signer, error) {
	client, err := provider.LoadSignerVerifier(ctx, reference(uri))
	if err != nil {
		return nil, err
	}
	return kms.NewSigner(ctx, client, cfg.Name)
}

// reference turns RSTUF's form of the URI into sigstore's.
func reference(uri string) string {
	rest := strings.TrimPrefix(uri, "awskms:")
	if strings.HasPrefix(rest, "//") {
		return uri
	}
	return "awskms:///" + rest
}
