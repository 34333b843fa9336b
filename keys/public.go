package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"

	"filippo.io/mldsa"
	"filippo.io/mldsa/x509"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

// RSA sizes in bits. Below the minimum a key is not safe; above the maximum
// checking one signature costs more than a stranger's key may ask for.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Public is a public key as metadata carries it. It is a value: the With
// methods return changed copies. Whether two are the same key tells
// [Public.Same]. The zero value is not a key.
type Public struct {
	key rstuf.Key
	id  string
	// crypto is nil where signatures cannot be checked here.
	crypto crypto.PublicKey
}

// ID is the key id, 64 lower-case hex digits; see [KeyID].
func (p Public) ID() string { return p.id }

// LegacyID is the id that the first generation of RSTUF gave this key; it
// covers keyid_hash_algorithms too. Use it only to find a key in old files.
func (p Public) LegacyID() string {
	if p.id == "" {
		return ""
	}
	id, err := legacyKeyID(p.key)
	if err != nil {
		return "" // unreachable: the same text went through KeyID
	}
	return id
}

// HasID reports whether an id in a document stands for this key: its ID, its
// LegacyID, or, for a Sigstore key, the one that covers no name, which
// securesystemslib computes by itself.
func (p Public) HasID(id string) bool {
	if id == "" || p.id == "" {
		return false
	}
	plain, err := hashKey(p.key, "", "")
	return id == p.id || err == nil && id == plain || id == p.LegacyID()
}

// Name is the display name; empty if it has none.
func (p Public) Name() string { return p.key.DisplayName() }

// Verifiable reports whether [Public.Verify] can check this key's signatures.
// It can check those of Sigstore keys after [RegisterSigstore].
func (p Public) Verifiable() bool {
	return p.crypto != nil || p.IsSigstore() && sigstoreVerifier.Load() != nil
}

// Key is the key object as it goes into metadata, with name and URI. The
// caller may change it.
func (p Public) Key() rstuf.Key {
	k := p.key
	k.Value = maps.Clone(k.Value)
	k.Extra = maps.Clone(k.Extra)
	return k
}

// Crypto is the key for Go's crypto packages: an ed25519.PublicKey,
// *ecdsa.PublicKey or *rsa.PublicKey, or filippo.io/mldsa's *PublicKey; nil for a
// Sigstore key and a kind that is not known here.
func (p Public) Crypto() crypto.PublicKey { return p.crypto }

// WithName returns the key with another display name (x-rstuf-key-name).
func (p Public) WithName(name string) Public {
	p.key = p.Key()
	p.key.Name = name
	return p
}

// WithOnlineURI returns the key with the URI that tells a worker where its
// private part is (x-rstuf-online-key-uri), such as "fn:<file>".
func (p Public) WithOnlineURI(uri string) Public {
	p.key = p.Key()
	p.key.OnlineURI = uri
	return p
}

// String is the name and the start of the id, on one line. Names come from
// documents: one that holds what a terminal would act on is quoted.
func (p Public) String() string {
	if p.id == "" {
		return "no key"
	}
	name := quote.Cut(p.Name(), maxShown)
	if name == "" {
		return p.id[:16]
	}
	return fmt.Sprintf("%s (%s)", quote.Line(name), p.id[:16])
}

// MarshalJSON writes the TUF key object. The zero key has none.
func (p Public) MarshalJSON() ([]byte, error) {
	if p.id == "" {
		return nil, errNoKey
	}
	return json.Marshal(p.key)
}

// UnmarshalJSON reads a TUF key object; see [FromKey].
func (p *Public) UnmarshalJSON(data []byte) error {
	var k rstuf.Key
	if err := json.Unmarshal(data, &k); err != nil {
		return err
	}
	read, err := FromKey(k)
	if err != nil {
		return err
	}
	*p = read
	return nil
}

// FromCrypto makes a key of an ed25519.PublicKey, *ecdsa.PublicKey (P-256,
// P-384), *rsa.PublicKey (2048 bits or more) or filippo.io/mldsa's *PublicKey.
func FromCrypto(pub crypto.PublicKey, name string) (Public, error) {
	if err := checkCrypto(pub); err != nil {
		return Public{}, err
	}
	k := rstuf.Key{Name: name}
	var public string
	switch pub := pub.(type) {
	case ed25519.PublicKey:
		k.KeyType, k.Scheme = KeyTypeEd25519, SchemeEd25519
		public = hex.EncodeToString(pub)
	case *ecdsa.PublicKey:
		k.KeyType, k.Scheme = KeyTypeECDSA, ecdsaScheme(pub.Curve)
	case *rsa.PublicKey:
		k.KeyType, k.Scheme = KeyTypeRSA, SchemeRSAPSS256
	case *mldsa.PublicKey:
		k.KeyType, k.Scheme = KeyTypeMLDSA, mldsaScheme(pub)
	}
	if public == "" {
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			return Public{}, fmt.Errorf("encode public key: %w", err)
		}
		public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	k.Value = map[string]string{"public": public}
	id, err := KeyID(k)
	return Public{key: k, id: id, crypto: pub}, err
}

// checkCrypto says whether a public key is of a type, curve and size that is
// supported, and if not, why.
func checkCrypto(pub crypto.PublicKey) error {
	switch pub := pub.(type) {
	case ed25519.PublicKey:
		if len(pub) != ed25519.PublicKeySize {
			return fmt.Errorf("ed25519 public key of %d bytes, want %d", len(pub), ed25519.PublicKeySize)
		}
		return nil
	case *ecdsa.PublicKey:
		//lint:ignore SA1019 only looked at, because other calls panic on it
		if pub == nil || pub.Curve == nil || pub.X == nil || pub.Y == nil {
			return fmt.Errorf("ecdsa public key is empty")
		}
		if ecdsaScheme(pub.Curve) == "" {
			return fmt.Errorf("%w curve %s: use P-256 or P-384", ErrUnsupported, pub.Curve.Params().Name)
		}
		return nil
	case *rsa.PublicKey:
		if pub == nil || pub.N == nil {
			return fmt.Errorf("rsa public key is empty")
		}
		return checkRSABits(pub.N.BitLen())
	case *mldsa.PublicKey:
		if pub == nil || *pub == (mldsa.PublicKey{}) {
			return fmt.Errorf("ml-dsa public key is empty")
		}
		return nil
	}
	return fmt.Errorf("%w key type %T: use ed25519, ecdsa, rsa or ml-dsa", ErrUnsupported, pub)
}

func checkRSABits(bits int) error {
	switch {
	case bits < minRSABits:
		return fmt.Errorf("%w: rsa key of %d bits is too weak, use %d or more", ErrUnsupported, bits, minRSABits)
	case bits > maxRSABits:
		return fmt.Errorf("%w: rsa key of %d bits is too large, use %d or less", ErrUnsupported, bits, maxRSABits)
	}
	return nil
}

// ecdsaScheme is the TUF scheme of a curve; empty if there is none.
func ecdsaScheme(curve elliptic.Curve) string {
	switch curve {
	case elliptic.P256():
		return SchemeECDSAP256
	case elliptic.P384():
		return SchemeECDSAP384
	}
	return ""
}

// Verify checks a raw signature over a message. It gives [ErrBadSignature] if
// the signature is wrong and [ErrUnverifiable] if this kind of key cannot be
// checked here. RSA takes any PSS salt length. The signature of a Sigstore key
// is its bundle, in JSON.
func (p Public) Verify(message, sig []byte) error {
	ok := false
	switch pub := p.crypto.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(pub, message, sig)
	case *ecdsa.PublicKey:
		_, digest := p.digest(message)
		ok = ecdsa.VerifyASN1(pub, digest, sig)
	case *rsa.PublicKey:
		hash, digest := p.digest(message)
		ok = rsa.VerifyPSS(pub, hash, digest, sig, nil) == nil
	case *mldsa.PublicKey:
		_, message := p.digest(message)
		ok = mldsa.Verify(pub, message, sig, nil) == nil
	default:
		if p.IsSigstore() {
			return p.verifySigstore(message, sig)
		}
		if p.id == "" {
			return fmt.Errorf("verify with an empty key: %w", ErrUnverifiable)
		}
		return fmt.Errorf("key %s (%s/%s): %w", p, p.key.KeyType, p.key.Scheme, ErrUnverifiable)
	}
	if !ok {
		return fmt.Errorf("key %s: %w", p, ErrBadSignature)
	}
	return nil
}

// digest hashes a message as the key's scheme wants it signed. ML-DSA hashes by
// itself what it is given, which is framed.
func (p Public) digest(message []byte) (crypto.Hash, []byte) {
	if p.PostQuantum() {
		return 0, framed(message)
	}
	if p.key.Scheme == SchemeECDSAP384 {
		sum := sha512.Sum384(message)
		return crypto.SHA384, sum[:]
	}
	sum := sha256.Sum256(message)
	return crypto.SHA256, sum[:]
}
