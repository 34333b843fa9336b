package keys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"

	"example.org/rstuf/internal/quote"
)

// Encrypted PKCS#8 (RFC 5958) under PBES2 (RFC 8018) is read and written
// here; PBES1 is read in pbes1.go.

// What Save writes: OWASP's figure for PBKDF2-HMAC-SHA256.
const saveIterations = 600_000

var (
	oidPBES2          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt         = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	oidHMACWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256CBC      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// prf is the hash of PBKDF2's HMAC by its object identifier.
func prf(oid asn1.ObjectIdentifier) (func() hash.Hash, error) {
	switch oid.String() {
	case "", "1.2.840.113549.2.7": // absent means SHA-1
		return sha1.New, nil
	case "1.2.840.113549.2.8":
		return sha256.New224, nil
	case "1.2.840.113549.2.9":
		return sha256.New, nil
	case "1.2.840.113549.2.10":
		return sha512.New384, nil
	case "1.2.840.113549.2.11":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("%w pbkdf2 hash %s", ErrUnsupported, quote.Cut(oid.String(), maxShown))
}

// blockCipher is the cipher of an encryption scheme and the size of its key.
func blockCipher(oid asn1.ObjectIdentifier) (newCipher func([]byte) (cipher.Block, error), keySize int, err error) {
	switch oid.String() {
	case "2.16.840.1.101.3.4.1.2":
		return aes.NewCipher, 16, nil
	case "2.16.840.1.101.3.4.1.22":
		return aes.NewCipher, 24, nil
	case "2.16.840.1.101.3.4.1.42":
		return aes.NewCipher, 32, nil
	case "1.2.840.113549.3.7":
		return des.NewTripleDESCipher, 24, nil
	}
	return nil, 0, fmt.Errorf("%w cipher %s: use aes-128-cbc, aes-256-cbc or des-ede3-cbc", ErrUnsupported, quote.Cut(oid.String(), maxShown))
}

type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	KDF    pkix.AlgorithmIdentifier
	Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

// A decrypter turns a password into the plain PKCS#8 DER. All that can be
// checked without the password has been checked when it exists.
type decrypter func(password []byte) ([]byte, error)

// parseEncryptedPKCS8 reads an EncryptedPrivateKeyInfo.
func parseEncryptedPKCS8(der []byte) (decrypter, error) {
	var info encryptedPrivateKeyInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: the encrypted PKCS#8 structure is damaged", ErrNotKey)
	}
	if info.Algorithm.Algorithm.Equal(oidPBES2) {
		return parsePBES2(info)
	}
	return parsePBES1(info)
}

func parsePBES2(info encryptedPrivateKeyInfo) (decrypter, error) {
	var params pbes2Params
	if err := unmarshalParams(info.Algorithm, &params); err != nil {
		return nil, err
	}
	newCipher, keySize, err := blockCipher(params.Cipher.Algorithm)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if err := unmarshalParams(params.Cipher, &iv); err != nil {
		return nil, err
	}
	derive, err := parseKDF(params.KDF)
	if err != nil {
		return nil, err
	}
	return func(password []byte) ([]byte, error) {
		key, err := derive(password, keySize)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		block, err := newCipher(key)
		if err != nil {
			return nil, err
		}
		return decryptCBC(block, iv, info.Data)
	}, nil
}

func parseKDF(algorithm pkix.AlgorithmIdentifier) (kdf, error) {
	switch {
	case algorithm.Algorithm.Equal(oidPBKDF2):
		var params pbkdf2Params
		if err := unmarshalParams(algorithm, &params); err != nil {
			return nil, err
		}
		h, err := prf(params.PRF.Algorithm)
		if err != nil {
			return nil, err
		}
		return newPBKDF2(h, params.Salt, params.Iterations)
	case algorithm.Algorithm.Equal(oidScrypt):
		var params scryptParams
		if err := unmarshalParams(algorithm, &params); err != nil {
			return nil, err
		}
		return newScrypt(params.Salt, params.N, params.R, params.P)
	}
	return nil, fmt.Errorf("%w key derivation %s: use pbkdf2 or scrypt", ErrUnsupported, quote.Cut(algorithm.Algorithm.String(), maxShown))
}

func unmarshalParams(algorithm pkix.AlgorithmIdentifier, into any) error {
	rest, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, into)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: the parameters of %s are damaged", ErrNotKey, quote.Cut(algorithm.Algorithm.String(), maxShown))
	}
	return nil
}

// decryptCBC decrypts and takes the padding off (RFC 8018, section 6.1.1).
// Padding that is not right means a wrong password.
func decryptCBC(block cipher.Block, iv, data []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, fmt.Errorf("%w: the encrypted part is cut short or damaged", ErrNotKey)
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > size || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		clear(plain)
		return nil, ErrPassword
	}
	return plain[:len(plain)-pad], nil
}

// encryptPKCS8 encrypts a PKCS#8 DER as [Private.MarshalPEM] says.
func encryptPKCS8(der, password []byte) ([]byte, error) {
	random := make([]byte, 16+aes.BlockSize)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	salt, iv := random[:16], random[16:]
	key, err := pbkdf2.Key(sha256.New, string(password), salt, saveIterations, 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	pad := aes.BlockSize - len(der)%aes.BlockSize
	data := append(bytes.Clone(der), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)

	null := asn1.RawValue{Tag: asn1.TagNull}
	kdfParams, err1 := asn1.Marshal(pbkdf2Params{
		Salt: salt, Iterations: saveIterations,
		PRF: pkix.AlgorithmIdentifier{Algorithm: oidHMACWithSHA256, Parameters: null},
	})
	ivParam, err2 := asn1.Marshal(iv)
	params, err3 := asn1.Marshal(pbes2Params{
		KDF:    pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: kdfParams}},
		Cipher: pkix.AlgorithmIdentifier{Algorithm: oidAES256CBC, Parameters: asn1.RawValue{FullBytes: ivParam}},
	})
	out, err4 := asn1.Marshal(encryptedPrivateKeyInfo{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: params}},
		Data:      data,
	})
	return out, errors.Join(err1, err2, err3, err4)
}
