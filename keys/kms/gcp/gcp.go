// Package gcp opens gcpkms: key URIs with Google Cloud Key Management Service.
// Import it for its side effect and use [keys.OpenURI].
//
// Credentials are Google's application default credentials. Both RSTUF's form
// of the URI, gcpkms:projects/<project>/locations/<location>/keyRings/<ring>/cryptoKeys/<key>/cryptoKeyVersions/<version>,
// and sigstore's with gcpkms:// are understood. Keys must be of an algorithm
// EC_SIGN_P256_SHA256, EC_SIGN_P384_SHA384 or RSA_SIGN_PSS_<size>_SHA256. The
// caller needs cloudkms.cryptoKeys.get and, of cloudkms.cryptoKeyVersions, get,
// viewPublicKey and useToSign.
package gcp

import (
	"context"
	"strings"

	provider "github.com/sigstore/sigstore/pkg/signature/kms/gcp"
	"google.golang.org/api/option"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/kms"
)

func init() { keys.RegisterURI("gcpkms", Open) }

// Open is the [keys.URIOpener] of gcpkms.
func Open(ctx context.Context, uri string, cfg keys.URIConfig) (keys.Signer, error) {
	return open(ctx, uri, cfg)
}

func open(ctx context.Context, uri string, cfg keys.URIConfig, opts ...option.ClientOption) (keys.Signer, error) {
	// The client keeps this context for its whole life.
	client, err := provider.LoadSignerVerifier(context.WithoutCancel(ctx), reference(uri), opts...)
	if err != nil {
		return nil, err
	}
	return kms.NewSigner(ctx, client, cfg.Name)
}

// reference turns RSTUF's form of the URI into sigstore's.
func reference(uri string) string {
	return "gcpkms://" + strings.TrimPrefix(strings.TrimPrefix(uri, "gcpkms:"), "//")
}
