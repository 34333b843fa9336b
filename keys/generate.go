package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"filippo.io/mldsa"
)

// Type is a kind of key that [Generate] makes.
type Type string

// The key types, in the order in which they are recommended.
const (
	Ed25519   Type = "ed25519"
	ECDSAP256 Type = "ecdsa-p256"
	ECDSAP384 Type = "ecdsa-p384"
	RSA3072   Type = "rsa-3072"
	RSA4096   Type = "rsa-4096"
	RSA2048   Type = "rsa-2048"

	// Post-quantum keys, for root and delegations of people; docs/signers.md
	// tells who can read what they sign.
	MLDSA65 Type = "ml-dsa-65"
	MLDSA87 Type = "ml-dsa-87"
	MLDSA44 Type = "ml-dsa-44"
)

// ParseType reads a key type by its name. Besides the constants' values it
// takes "ecdsa" (P-256), "rsa" (3072 bits) and "ml-dsa" (ML-DSA-65), as
// `rstuf key generate` does.
func ParseType(name string) (Type, error) {
	switch t := Type(name); t {
	case Ed25519, ECDSAP256, ECDSAP384, RSA2048, RSA3072, RSA4096, MLDSA44, MLDSA65, MLDSA87:
		return t, nil
	case "ecdsa":
		return ECDSAP256, nil
	case "rsa":
		return RSA3072, nil
	case "ml-dsa":
		return MLDSA65, nil
	}
	return "", fmt.Errorf("key type %q: %w: use ed25519, ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096, ml-dsa-44, ml-dsa-65 or ml-dsa-87", name, ErrUnsupported)
}

// Generate makes a new private key. The name is the display name that goes
// into metadata (x-rstuf-key-name); it may be empty.
func Generate(t Type, name string) (*Private, error) {
	t, err := ParseType(string(t))
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	switch t {
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case ECDSAP256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSAP384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	case MLDSA44:
		key, err = mldsa.GenerateKey(mldsa.MLDSA44())
	case MLDSA65:
		key, err = mldsa.GenerateKey(mldsa.MLDSA65())
	case MLDSA87:
		key, err = mldsa.GenerateKey(mldsa.MLDSA87())
	}
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", t, err)
	}
	return newPrivate(key, name)
}
