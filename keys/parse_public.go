package keys

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	mldsax509 "filippo.io/mldsa/x509"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

// LoadPublic reads a public key file; see [ParsePublic].
func LoadPublic(path string) (Public, error) {
	data, err := readFile(path)
	if err != nil {
		return Public{}, fmt.Errorf("load public key: %w", err)
	}
	p, err := parsePublic(data)
	if err != nil {
		return Public{}, fmt.Errorf("load public key %s: %w", path, err)
	}
	return p, nil
}

// ParsePublic reads a public key and recognises its format by its content:
// PEM or DER (SubjectPublicKeyInfo, PKCS#1), an X.509 certificate (its common
// name becomes the key's name; it is not checked against any authority), a TUF
// key object, the .pub JSON of RSTUF's first generation, and the .pub line of
// OpenSSH (its comment becomes the name).
func ParsePublic(data []byte) (Public, error) {
	p, err := parsePublic(data)
	if err != nil {
		return Public{}, fmt.Errorf("parse public key: %w", err)
	}
	return p, nil
}

func parsePublic(data []byte) (Public, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	switch {
	case isDER(data):
		return publicFromDER("", data)
	case len(text) == 0:
		return Public{}, fmt.Errorf("%w: it is empty", ErrNotKey)
	case text[0] == '{':
		return parsePublicJSON(text)
	case bytes.Contains(text, []byte("-----BEGIN ")):
		block, _ := pem.Decode(text)
		if block == nil {
			return Public{}, fmt.Errorf("%w: the PEM is cut short or damaged", ErrNotKey)
		}
		return publicFromDER(block.Type, block.Bytes)
	case isOpenSSHPublic(text):
		return parseOpenSSHPublic(text)
	}
	return Public{}, fmt.Errorf("%w: neither PEM nor DER nor a JSON key object nor an OpenSSH key", ErrNotKey)
}

// parsePublicJSON reads a key object. keyid and keyid_hash_algorithms, which
// old files have beside the key, are no part of it today.
func parsePublicJSON(text []byte) (Public, error) {
	var k rstuf.Key
	if err := json.Unmarshal(text, &k); err != nil {
		return Public{}, fmt.Errorf("%w: %w", ErrNotKey, err)
	}
	var other struct { // a keyval that holds more than strings
		Private json.RawMessage `json:"private"`
	}
	_ = json.Unmarshal(k.Extra["keyval"], &other) // what is no object has no private part
	if k.Value["private"] != "" || other.Private != nil {
		return Public{}, fmt.Errorf("%w: it is a private key, which does not belong here", ErrNotKey)
	}
	delete(k.Value, "private")
	delete(k.Extra, "keyid")
	delete(k.Extra, "keyid_hash_algorithms")
	return FromKey(k)
}

func publicFromDER(pemType string, der []byte) (Public, error) {
	if cert, err := x509.ParseCertificate(der); err == nil {
		return FromCrypto(cert.PublicKey, cert.Subject.CommonName)
	}
	pub, err := parseDERPublic(pemType, der)
	if err != nil {
		return Public{}, err
	}
	return FromCrypto(pub, "")
}

// subjectPublicKeyInfo is what PEM calls a PUBLIC KEY.
type subjectPublicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

// parseDERPublic reads SubjectPublicKeyInfo or PKCS#1. The PEM type, empty
// for bare DER, only makes errors clearer.
func parseDERPublic(pemType string, der []byte) (crypto.PublicKey, error) {
	if strings.HasSuffix(pemType, "PRIVATE KEY") {
		return nil, fmt.Errorf("%w: it is a private key, which does not belong here", ErrNotKey)
	}
	if pub, err := mldsax509.ParsePKIXPublicKey(der); err == nil {
		return pub, nil
	}
	if pub, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return pub, nil
	}
	var info subjectPublicKeyInfo
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("%w: neither a public key nor a certificate, or damaged", ErrNotKey)
	}
	switch oid := info.Algorithm.Algorithm; {
	case oid.Equal(oidEC):
		if err := checkCurve(curveOf(info.Algorithm)); err != nil {
			return nil, err
		}
	case !oid.Equal(oidRSA) && !oid.Equal(oidEd25519) && !isMLDSA(oid):
		return nil, fmt.Errorf("%w key algorithm %s: use ed25519, ecdsa, rsa or ml-dsa", ErrUnsupported, quote.Cut(oid.String(), maxShown))
	}
	return nil, fmt.Errorf("%w: the public key is damaged", ErrNotKey)
}
