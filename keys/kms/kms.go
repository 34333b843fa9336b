// Package kms makes a [keys.Signer] of a sigstore signature.Signer, which is
// what sigstore's cloud KMS clients and its in-memory signers are.
//
// The packages below it open key URIs with those clients, each a module of its
// own that does nothing until it is imported:
//
//	import _ "example.org/rstuf/keys/kms/aws"
//
//	signer, err := keys.OpenURI(ctx, "awskms:alias/online", keys.URIConfig{})
//
// Of RSA keys only those that sign with PSS and SHA-256 fit TUF. Sigstore's
// clients choose PKCS#1 v1.5 for RSA keys of AWS and Azure: their signatures
// are refused before they get anywhere. Use P-256 keys there.
//
// The tests of aws and gcp speak to local doubles of the services' protocols;
// of azure only the URIs are tested. None has been run against the cloud.
package kms

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"example.org/rstuf/keys"
)

// NewSigner makes a keys.Signer of a sigstore signer. The name is the key's
// display name. The context bounds the look-up of the public key.
func NewSigner(ctx context.Context, s signature.Signer, name string) (keys.Signer, error) {
	if s == nil {
		return nil, errors.New("kms: the signer is nil")
	}
	raw, err := s.PublicKey(options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("kms: read public key: %w", err)
	}
	pub, err := keys.FromCrypto(raw, name)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	if pub.PostQuantum() {
		return nil, fmt.Errorf("kms: %w: an ML-DSA key of a key service: TUF signs a form of the document that these do not", keys.ErrUnsupported)
	}
	hash := hashOf(pub)
	return keys.NewSignerFunc(pub, func(ctx context.Context, message []byte) ([]byte, error) {
		return s.SignMessage(bytes.NewReader(message), options.WithContext(ctx), options.WithCryptoSignerOpts(hash))
	}), nil
}

// hashOf is what the key's scheme hashes the message with.
func hashOf(pub keys.Public) crypto.Hash {
	switch pub.Key().Scheme {
	case keys.SchemeEd25519:
		return crypto.Hash(0)
	case keys.SchemeECDSAP384:
		return crypto.SHA384
	}
	return crypto.SHA256
}
