package keys

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// Signer signs with one key. [Private], HSMs, ssh-agents, Vault and cloud KMS
// are all behind it.
type Signer interface {
	// Public is the key that verifies the signatures.
	Public() Public
	// Sign returns the raw signature bytes over the message, which is what
	// metadata carries in hex, or the bundle in JSON if it is a Sigstore key. The
	// signature has been verified.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// NewSigner makes a Signer of a [crypto.Signer], such as a key in an HSM or a
// TPM. The name is the key's display name.
//
// A crypto.Signer knows no context, so a call that has begun is not cut short.
func NewSigner(s crypto.Signer, name string) (Signer, error) {
	if s == nil {
		return nil, fmt.Errorf("new signer: the crypto.Signer is nil")
	}
	pub, err := FromCrypto(s.Public(), name)
	if err != nil {
		return nil, fmt.Errorf("new signer: %w", err)
	}
	return NewSignerFunc(pub, func(_ context.Context, message []byte) ([]byte, error) {
		return signCrypto(s, pub, message)
	}), nil
}

// NewSignerFunc makes a Signer of a function that signs a message with the
// private part of pub, for keys that are neither a file nor a crypto.Signer,
// such as those of an ssh-agent or a remote service. The function must sign as
// the key's scheme says: Ed25519 signs the message, ECDSA its SHA-256 (P-384:
// SHA-384) in ASN.1, RSA its SHA-256 with PSS, ML-DSA "tuf", a byte 1 and the
// message's SHA-512. What the function returns is
// verified before it is passed on.
func NewSignerFunc(pub Public, sign func(ctx context.Context, message []byte) ([]byte, error)) Signer {
	return funcSigner{pub, sign}
}

// Checked returns a signer whose signatures are verified before they are passed
// on: the signer itself if it is of this package, whose signers do that, else
// one around it. Of nil it is nil.
func Checked(s Signer) Signer {
	switch s.(type) {
	case nil, *Private, funcSigner:
		return s
	}
	return NewSignerFunc(s.Public(), s.Sign)
}

type funcSigner struct {
	pub  Public
	sign func(ctx context.Context, message []byte) ([]byte, error)
}

func (s funcSigner) Public() Public { return s.pub }

func (s funcSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if s.sign == nil {
		return nil, fmt.Errorf("sign with key %s: there is no function that signs", s.pub)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", s.pub, err)
	}
	sig, err := s.sign(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("sign with key %s: %w", s.pub, err)
	}
	if err := s.pub.Verify(message, sig); err != nil {
		return nil, fmt.Errorf("sign: what the signer returned is unusable: %w", err)
	}
	return sig, nil
}

// signCrypto asks a crypto.Signer for a signature of the key's scheme.
func signCrypto(s crypto.Signer, pub Public, message []byte) ([]byte, error) {
	if _, ok := pub.crypto.(ed25519.PublicKey); ok {
		return s.Sign(rand.Reader, message, crypto.Hash(0))
	}
	hash, digest := pub.digest(message)
	var opts crypto.SignerOpts = hash
	if _, ok := pub.crypto.(*rsa.PublicKey); ok {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return s.Sign(rand.Reader, digest, opts)
}
