// Package dsse signs and verifies DSSE envelopes, such as in-toto attestations,
// with the keys of package keys: it makes go-securesystemslib's dsse.Signer
// and dsse.Verifier of them. A bot signs attestations with the key that it
// signs a delegated role with, be it in a file, an HSM or a key service.
//
// Start with [NewSigner] for [dsse.NewEnvelopeSigner], and with
// [NewEnvelopeVerifier] or [NewVerifier].
//
// Signatures are those of the key's scheme over the envelope's
// pre-authentication encoding, as go-securesystemslib's own signers make them.
// That encoding begins with "DSSEv1 " and signed metadata with "{", so that
// neither signature can be taken for the other. The key id in an envelope is
// that of metadata, [keys.Public.ID].
package dsse

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"example.org/rstuf/keys"
)

// NewSigner makes a signer of envelopes. What it signs has been verified. Of
// nil, and of a signer whose signatures cannot be verified here, it is an error.
func NewSigner(s keys.Signer) (dsse.SignerVerifier, error) {
	if s == nil {
		return nil, errors.New("dsse: the signer is nil")
	}
	v, err := newVerifier(s.Public())
	if err != nil {
		return nil, err
	}
	return signer{v, keys.Checked(s)}, nil
}

// NewVerifier makes a verifier of one key's signatures. A key whose signatures
// cannot be verified here, such as a Sigstore key, gives
// [keys.ErrUnverifiable].
func NewVerifier(pub keys.Public) (dsse.Verifier, error) { return newVerifier(pub) }

// NewEnvelopeVerifier makes a verifier of envelopes that want the signatures of
// threshold of the keys. One key counts once: the same key twice, under
// whatever names and ids, is an error.
func NewEnvelopeVerifier(threshold int, pubs ...keys.Public) (*dsse.EnvelopeVerifier, error) {
	if threshold < 1 || threshold > len(pubs) {
		return nil, fmt.Errorf("dsse: a threshold of %d with %d keys", threshold, len(pubs))
	}
	seen := map[string]bool{}
	verifiers := make([]dsse.Verifier, 0, len(pubs))
	for _, pub := range pubs {
		v, err := newVerifier(pub)
		if err != nil {
			return nil, err
		}
		if seen[pub.Identity()] {
			return nil, fmt.Errorf("dsse: the key %s stands there twice, and one key counts once", pub)
		}
		seen[pub.Identity()] = true
		verifiers = append(verifiers, v)
	}
	return dsse.NewMultiEnvelopeVerifier(threshold, verifiers...)
}

func newVerifier(pub keys.Public) (verifier, error) {
	if pub.Crypto() == nil {
		return verifier{}, fmt.Errorf("dsse: key %s: %w", pub, keys.ErrUnverifiable)
	}
	return verifier{pub}, nil
}

type verifier struct{ pub keys.Public }

func (v verifier) Verify(_ context.Context, data, sig []byte) error { return v.pub.Verify(data, sig) }
func (v verifier) KeyID() (string, error)                           { return v.pub.ID(), nil }
func (v verifier) Public() crypto.PublicKey                         { return v.pub.Crypto() }

type signer struct {
	verifier
	key keys.Signer
}

func (s signer) Sign(ctx context.Context, data []byte) ([]byte, error) { return s.key.Sign(ctx, data) }
