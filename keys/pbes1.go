package keys

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/sha1"
	"fmt"
	"hash"
	"math/big"
	"unicode/utf16"

	"example.org/rstuf/internal/quote"
)

// Password-based encryption as it was before PBES2. It is weak and only read,
// for keys that people still have.

type pbes1Params struct {
	Salt       []byte
	Iterations int
}

// A pbes1Scheme derives both the cipher's key and its initial vector.
type pbes1Scheme func(password []byte, params pbes1Params) (cipher.Block, []byte, error)

var pbes1Schemes = map[string]pbes1Scheme{
	"1.2.840.113549.1.5.3":    pbkdf1DES(md5.New),
	"1.2.840.113549.1.5.10":   pbkdf1DES(sha1.New),
	"1.2.840.113549.1.12.1.3": pkcs12TripleDES, // OpenSSL's PBE-SHA1-3DES
}

func parsePBES1(info encryptedPrivateKeyInfo) (decrypter, error) {
	oid := info.Algorithm.Algorithm
	derive := pbes1Schemes[oid.String()]
	if derive == nil {
		return nil, fmt.Errorf("%w encryption %s: write the key anew with openssl pkcs8 -topk8", ErrUnsupported, quote.Cut(oid.String(), maxShown))
	}
	var params pbes1Params
	if err := unmarshalParams(info.Algorithm, &params); err != nil {
		return nil, err
	}
	if params.Iterations < 1 || len(params.Salt) == 0 {
		return nil, fmt.Errorf("%w: the parameters of %s are damaged", ErrNotKey, oid)
	}
	if params.Iterations > maxPBKDF2Iterations {
		return nil, workError("pbes1", params.Iterations, fmt.Sprint(maxPBKDF2Iterations, " iterations"))
	}
	return func(password []byte) ([]byte, error) {
		block, iv, err := derive(password, params)
		if err != nil {
			return nil, err
		}
		return decryptCBC(block, iv, info.Data)
	}, nil
}

// pbkdf1DES is PBKDF1 (RFC 8018, section 5.1) for DES-CBC: eight bytes of key
// and eight of initial vector.
func pbkdf1DES(h func() hash.Hash) pbes1Scheme {
	return func(password []byte, params pbes1Params) (cipher.Block, []byte, error) {
		sum := iterate(h(), params.Iterations, password, params.Salt)
		block, err := des.NewCipher(sum[:8])
		return block, sum[8:16], err
	}
}

// iterate hashes the parts, then the result again until it was hashed n times.
func iterate(h hash.Hash, n int, parts ...[]byte) []byte {
	for _, part := range parts {
		h.Write(part)
	}
	sum := h.Sum(nil)
	for range n - 1 {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:0])
	}
	return sum
}

// pkcs12TripleDES is PKCS #12's key derivation for 3DES-CBC.
func pkcs12TripleDES(password []byte, params pbes1Params) (cipher.Block, []byte, error) {
	// The password as a zero-terminated BMPString (RFC 7292, appendix B.1).
	var bmp []byte
	for _, unit := range append(utf16.Encode([]rune(string(password))), 0) {
		bmp = append(bmp, byte(unit>>8), byte(unit))
	}
	defer clear(bmp)
	block, err := des.NewTripleDESCipher(pkcs12KDF(1, bmp, params, 24))
	return block, pkcs12KDF(2, bmp, params, des.BlockSize), err
}

// pkcs12KDF derives size bytes with SHA-1 (RFC 7292, appendix B.2, whose
// letters the variables bear). The id is 1 for a key, 2 for an initial vector.
func pkcs12KDF(id byte, password []byte, params pbes1Params, size int) []byte {
	const v = 64 // SHA-1's block size
	D := bytes.Repeat([]byte{id}, v)
	I := append(fill(params.Salt, v), fill(password, v)...)
	one := big.NewInt(1)
	mod := new(big.Int).Lsh(one, 8*v)
	var out []byte
	for {
		A := iterate(sha1.New(), params.Iterations, D, I)
		out = append(out, A...)
		if len(out) >= size {
			return out[:size]
		}
		B := new(big.Int).SetBytes(fill(A, v)[:v])
		B.Add(B, one)
		for j := 0; j < len(I); j += v {
			n := new(big.Int).SetBytes(I[j : j+v])
			n.Add(n, B).Mod(n, mod).FillBytes(I[j : j+v])
		}
	}
}

// fill repeats b up to the next multiple of v bytes.
func fill(b []byte, v int) []byte {
	size := (len(b) + v - 1) / v * v
	return bytes.Repeat(b, size/max(len(b), 1)+1)[:size]
}
