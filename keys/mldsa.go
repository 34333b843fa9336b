package keys

import (
	"crypto/sha512"
	"encoding/asn1"

	"filippo.io/mldsa"
)

// ML-DSA (FIPS 204), after TAP 21 (a draft) as securesystemslib 1.6 has it: the
// public value is a SubjectPublicKeyInfo in PEM and the private file PKCS#8 with
// the seed (both RFC 9881), and what is signed, in pure mode with an empty
// context, is framed.

// framed is what an ML-DSA key signs for a message: "tuf", a byte 1, and the
// SHA-512 of the message.
func framed(message []byte) []byte {
	sum := sha512.Sum512(message)
	return append([]byte("tuf\x01"), sum[:]...)
}

// mldsaScheme is the TUF scheme of a key.
func mldsaScheme(pub *mldsa.PublicKey) string {
	switch pub.Parameters() {
	case mldsa.MLDSA44():
		return SchemeMLDSA44
	case mldsa.MLDSA65():
		return SchemeMLDSA65
	}
	return SchemeMLDSA87
}

// isMLDSA tells whether an object identifier is one of ML-DSA's.
func isMLDSA(oid asn1.ObjectIdentifier) bool {
	switch oid.String() {
	case "2.16.840.1.101.3.4.3.17", "2.16.840.1.101.3.4.3.18", "2.16.840.1.101.3.4.3.19":
		return true
	}
	return false
}

// isSeed tells whether a PKCS#8 key holds a seed, and not the numbers that it was
// expanded to.
func isSeed(private []byte) bool { return len(private) > 0 && private[0] == 0x80 }

// PostQuantum tells whether signatures of the key are held to withstand quantum
// computers: whether it is an ML-DSA key whose signatures can be checked here.
func (p Public) PostQuantum() bool {
	_, ok := p.crypto.(*mldsa.PublicKey)
	return ok
}
