package keys

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"

	mldsax509 "filippo.io/mldsa/x509"

	"example.org/rstuf/internal/quote"
)

// maxDER is three times what the largest accepted key takes. Checking a
// private key costs time that grows with the square of its size.
const maxDER = 16 << 10

// recogniseDER reads a file that is bare DER.
func recogniseDER(der []byte) (container, error) {
	if _, err := x509.ParseCertificate(der); err == nil {
		return container{}, fmt.Errorf("%w: it is an X.509 certificate, which holds the public half only", ErrNotPrivate)
	}
	if _, err := mldsax509.ParsePKIXPublicKey(der); err == nil {
		return container{}, fmt.Errorf("%w: it is a public key", ErrNotPrivate)
	}
	var info encryptedPrivateKeyInfo
	if _, err := asn1.Unmarshal(der, &info); err == nil {
		return encryptedDER(der)
	}
	return plainDER(der), nil
}

func tooLarge(der []byte) error {
	return fmt.Errorf("%w: a key of %d bytes is larger than any that is accepted", ErrUnsupported, len(der))
}

func plainDER(der []byte) container {
	return container{open: func([]byte) (crypto.PrivateKey, error) { return parseDER(der) }}
}

func encryptedDER(der []byte) (container, error) {
	if len(der) > maxDER {
		return container{}, tooLarge(der)
	}
	decrypt, err := parseEncryptedPKCS8(der)
	return container{encrypted: true, open: func(password []byte) (crypto.PrivateKey, error) {
		plain, err := decrypt(password)
		if err != nil {
			return nil, err
		}
		defer clear(plain)
		return parseDecrypted(plain)
	}}, err
}

// parseDecrypted reads a DER that was just decrypted. One wrong password in
// some 256 leaves padding that looks right over noise.
func parseDecrypted(der []byte) (crypto.PrivateKey, error) {
	if !isDER(der) {
		return nil, ErrPassword
	}
	return parseDER(der)
}

// isDER reports whether the data is exactly one ASN.1 SEQUENCE.
func isDER(data []byte) bool {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(data, &outer)
	return err == nil && len(rest) == 0 && outer.Tag == asn1.TagSequence && outer.Class == asn1.ClassUniversal
}

// privateKeyInfo is a PKCS#8 key as far as it is looked at here.
type privateKeyInfo struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
}

// ecPrivateKey is the beginning of a SEC 1 key.
type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
}

var (
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// curveNames are the curves that crypto/x509 reads.
var curveNames = map[string]string{
	"1.3.132.0.33": "P-224", "1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521",
}

// parseDER reads a plain PKCS#8, PKCS#1 or SEC 1 key, whatever its PEM label
// said: the label is often wrong.
func parseDER(der []byte) (crypto.PrivateKey, error) {
	if len(der) > maxDER {
		return nil, tooLarge(der)
	}
	var info privateKeyInfo
	_, err := asn1.Unmarshal(der, &info)
	isPKCS8 := err == nil
	rsaDER := der
	if isPKCS8 {
		rsaDER = info.PrivateKey
	}
	if bits := rsaBits(rsaDER); bits > 0 {
		if err := checkRSABits(bits); err != nil {
			return nil, err
		}
	}
	return guard(func() (crypto.PrivateKey, error) {
		if isPKCS8 {
			return parsePKCS8(der, info)
		}
		if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
			return key, nil
		}
		var ec ecPrivateKey
		if _, err := asn1.Unmarshal(der, &ec); err != nil {
			return nil, fmt.Errorf("%w: neither PKCS#8 nor PKCS#1 nor SEC 1, or damaged", ErrNotKey)
		}
		if err := checkCurve(ec.Curve); err != nil {
			return nil, err
		}
		return damagedIf(x509.ParseECPrivateKey(der))
	})
}

func parsePKCS8(der []byte, info privateKeyInfo) (crypto.PrivateKey, error) {
	switch oid := info.Algorithm.Algorithm; {
	case oid.Equal(oidRSA), oid.Equal(oidEd25519):
	case isMLDSA(oid):
		key, err := mldsax509.ParsePKCS8PrivateKey(der)
		if err != nil && !isSeed(info.PrivateKey) {
			return nil, fmt.Errorf("%w form of an ml-dsa key: keep the seed alone (openssl pkey -provparam ml-dsa.output_formats=seed-only)", ErrUnsupported)
		}
		return damagedIf(key, err)
	case oid.Equal(oidEC):
		if err := checkCurve(curveOf(info.Algorithm)); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%w key algorithm %s: use ed25519, ecdsa, rsa or ml-dsa", ErrUnsupported, quote.Cut(oid.String(), maxShown))
	}
	return damagedIf(x509.ParsePKCS8PrivateKey(der))
}

// curveOf is the curve that an ecdsa key names; empty if it spells out the
// curve's numbers instead.
func curveOf(algorithm pkix.AlgorithmIdentifier) asn1.ObjectIdentifier {
	var curve asn1.ObjectIdentifier
	_, _ = asn1.Unmarshal(algorithm.Parameters.FullBytes, &curve)
	return curve
}

func checkCurve(oid asn1.ObjectIdentifier) error {
	switch {
	case len(oid) == 0:
		return fmt.Errorf("%w: the ecdsa key does not name its curve, use P-256 or P-384", ErrUnsupported)
	case curveNames[oid.String()] == "":
		return fmt.Errorf("%w curve %s: use P-256 or P-384", ErrUnsupported, quote.Cut(oid.String(), maxShown))
	}
	return nil
}

// damagedIf says that a key of a known kind could not be read. The library's
// words are left out: they may quote numbers of the key.
func damagedIf[K crypto.PrivateKey](key K, err error) (crypto.PrivateKey, error) {
	if err != nil {
		return nil, fmt.Errorf("%w: the key is damaged", ErrNotKey)
	}
	return key, nil
}

// rsaBits is the size of the modulus of a PKCS#1 private key; 0 if it is
// none. It is asked before the costly checks of the key's numbers.
func rsaBits(der []byte) int {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil || outer.Tag != asn1.TagSequence {
		return 0
	}
	var version int
	rest, err := asn1.Unmarshal(outer.Bytes, &version)
	if err != nil {
		return 0
	}
	modulus := new(big.Int)
	if _, err := asn1.Unmarshal(rest, &modulus); err != nil {
		return 0
	}
	return modulus.BitLen()
}
