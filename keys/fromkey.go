package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/hex"
	"encoding/pem"
	"fmt"

	"filippo.io/mldsa"

	"example.org/rstuf"
)

// FromKey takes a key object of a TUF document as it is. Kinds of keys that
// are not known here, and Sigstore keys, are accepted: their signatures give
// [ErrUnverifiable], those of Sigstore keys unless there is a verifier
// ([RegisterSigstore]). A known kind with a malformed, weak or mismatched public
// value is an error.
func FromKey(k rstuf.Key) (Public, error) {
	id, err := KeyID(k)
	if err != nil {
		return Public{}, err
	}
	p := Public{key: k, id: id}
	p.key = p.Key() // a copy, so that the caller's maps stay his own
	switch {
	case k.KeyType == "" || k.Scheme == "" || len(k.Value) == 0 && k.Extra["keyval"] == nil:
		return Public{}, fmt.Errorf("key: keytype, scheme and keyval must all be set")
	case k.KeyType == KeyTypeEd25519 && k.Scheme == SchemeEd25519:
		p.crypto, err = parseHexEd25519(k.Public())
	case isKnownPublic(k):
		p.crypto, err = parseKnown(k)
	case k.KeyType == KeyTypeSigstore:
		if k.Value["identity"] == "" || k.Value["issuer"] == "" {
			err = fmt.Errorf("keyval: identity and issuer must be set")
		}
	}
	if err != nil {
		return Public{}, fmt.Errorf("key %s: %w", id[:16], err)
	}
	return p, nil
}

func parseHexEd25519(public string) (crypto.PublicKey, error) {
	raw, err := hex.DecodeString(public)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("keyval.public: an ed25519 key is %d hex digits", 2*ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(raw), nil
}

// isKnownPublic reports whether a key is of a type and scheme whose public
// value is understood beside that of ed25519. The keytypes that repeat the scheme are the
// specification's older names for "ecdsa".
func isKnownPublic(k rstuf.Key) bool {
	switch k.Scheme {
	case SchemeRSAPSS256:
		return k.KeyType == KeyTypeRSA
	case SchemeECDSAP256, SchemeECDSAP384:
		return k.KeyType == KeyTypeECDSA || k.KeyType == k.Scheme
	case SchemeMLDSA44, SchemeMLDSA65, SchemeMLDSA87:
		return k.KeyType == KeyTypeMLDSA
	}
	return false
}

func parseKnown(k rstuf.Key) (crypto.PublicKey, error) {
	pub, err := parseKnownPublic(k)
	if err != nil {
		return nil, fmt.Errorf("keyval.public: %w", err)
	}
	if err := checkCrypto(pub); err != nil {
		return nil, fmt.Errorf("keyval.public: %w", err)
	}
	scheme := ""
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		scheme = SchemeRSAPSS256
	case *ecdsa.PublicKey:
		scheme = ecdsaScheme(pub.Curve)
	case *mldsa.PublicKey:
		scheme = mldsaScheme(pub)
	}
	if scheme != k.Scheme {
		return nil, fmt.Errorf("keyval.public: the key does not fit scheme %s", k.Scheme)
	}
	return pub, nil
}

// parseKnownPublic reads a PEM or, for ECDSA, the hex digits of an uncompressed
// point, as older TUF repositories have it.
func parseKnownPublic(k rstuf.Key) (crypto.PublicKey, error) {
	if block, _ := pem.Decode([]byte(k.Public())); block != nil {
		return parseDERPublic(block.Type, block.Bytes)
	}
	if point, err := hex.DecodeString(k.Public()); err == nil {
		switch k.Scheme {
		case SchemeECDSAP256:
			return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		case SchemeECDSAP384:
			return ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
		}
	}
	return nil, fmt.Errorf("want a PEM public key")
}

// Sigstore makes a key of the kind sigstore-oidc: whoever can log in as identity
// at issuer. Its signatures are Sigstore bundles, which are carried unchanged;
// [Public.Verify] gives [ErrUnverifiable] before [RegisterSigstore]. RSTUF names such a key by its
// identity. An empty identity or issuer gives the zero key.
func Sigstore(identity, issuer, name string) Public {
	k := rstuf.Key{
		KeyType: KeyTypeSigstore,
		Scheme:  SchemeFulcio,
		Value:   map[string]string{"identity": identity, "issuer": issuer},
		Name:    name,
	}
	p, err := FromKey(k)
	if err != nil {
		return Public{}
	}
	return p
}
