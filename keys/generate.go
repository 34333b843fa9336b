package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
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
)

// ParseType reads a key type by its name. Besides the constants' values it
// takes "ecdsa" (P-256) and "rsa" (3072 bits), as `rstuf key generate` does.
func ParseType(name string) (Type, error) {
	switch t := Type(name); t {
	case Ed25519, ECDSAP256, ECDSAP384, RSA2048, RSA3072, RSA4096:
		return t, nil
	case "ecdsa":
		return ECDSAP256, nil
	case "rsa":
		return RSA3072, nil
	}
	return "", fmt.Errorf("key type %q: %w: use ed25519, ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096", name, ErrUnsupported)
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
	}
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", t, err)
	}
	return newPrivate(key, name)
}
