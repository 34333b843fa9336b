package keys

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"

	"example.org/rstuf"
)

// recogniseJSON tells apart the JSON objects that hold private keys.
func recogniseJSON(text []byte) (container, error) {
	var j struct {
		legacyKey
		Ciphertext json.RawMessage `json:"ciphertext"`
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return container{}, fmt.Errorf("%w: the JSON is cut short or damaged", ErrNotKey)
	}
	switch {
	case j.Ciphertext != nil:
		return parseSecretbox(text)
	case j.Value.Private != "":
		return container{open: func([]byte) (crypto.PrivateKey, error) { return j.open() }}, nil
	case j.Value.Public != "" || j.KeyType != "":
		return container{}, fmt.Errorf("%w: it is a public key object", ErrNotPrivate)
	}
	return container{}, fmt.Errorf("%w: a JSON object without keyval or ciphertext", ErrNotKey)
}

// legacyKey is a private key as RSTUF's first generation stored it.
type legacyKey struct {
	KeyType string `json:"keytype"`
	Scheme  string `json:"scheme"`
	Value   struct {
		Public  string `json:"public"`
		Private string `json:"private"`
	} `json:"keyval"`
}

func (k legacyKey) open() (crypto.PrivateKey, error) {
	key, err := k.private()
	if err != nil {
		return nil, err
	}
	pub, err := FromKey(rstuf.Key{KeyType: k.KeyType, Scheme: k.Scheme, Value: map[string]string{"public": k.Value.Public}})
	if err != nil {
		return nil, fmt.Errorf("%w: its public half: %w", ErrNotKey, err)
	}
	private, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok || pub.crypto == nil {
		return nil, fmt.Errorf("%w key %s/%s", ErrUnsupported, clip(k.KeyType), clip(k.Scheme))
	}
	if !pub.crypto.(interface{ Equal(crypto.PublicKey) bool }).Equal(private.Public()) {
		return nil, errHalves
	}
	return key, nil
}

func (k legacyKey) private() (crypto.PrivateKey, error) {
	if strings.Contains(k.Value.Private, "-----BEGIN ") {
		return openPlain([]byte(k.Value.Private))
	}
	seed, err := hex.DecodeString(k.Value.Private)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%w: keyval.private is neither PEM nor %d hex digits", ErrNotKey, 2*ed25519.SeedSize)
	}
	defer clear(seed)
	return ed25519.NewKeyFromSeed(seed), nil
}

// legacyDelimiter stands between the parts of an encrypted key of RSTUF's
// first generation: salt, iterations, HMAC, initial vector, ciphertext.
const legacyDelimiter = "@@@@"

// parseLegacyEncrypted reads such a key: PBKDF2-HMAC-SHA256 gives one key, with which
// the JSON is encrypted (AES-256-CTR) and the ciphertext authenticated
// (HMAC-SHA256).
func parseLegacyEncrypted(text string) (container, error) {
	parts := strings.Split(text, legacyDelimiter)
	damaged := fmt.Errorf("%w: the encrypted JSON key is cut short or damaged", ErrNotKey)
	if len(parts) != 5 {
		return container{}, damaged
	}
	iterations, err := strconv.Atoi(parts[1])
	if err != nil {
		return container{}, damaged
	}
	var fields [5][]byte
	for _, i := range []int{0, 2, 3, 4} {
		if fields[i], err = hex.DecodeString(parts[i]); err != nil {
			return container{}, damaged
		}
	}
	salt, mac, iv, ciphertext := fields[0], fields[2], fields[3], fields[4]
	if len(iv) != aes.BlockSize {
		return container{}, damaged
	}
	derive, err := newPBKDF2(sha256.New, salt, iterations)
	return container{encrypted: true, open: func(password []byte) (crypto.PrivateKey, error) {
		key, err := derive(password, 32)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		h := hmac.New(sha256.New, key)
		h.Write(ciphertext)
		if !hmac.Equal(h.Sum(nil), mac) {
			return nil, ErrPassword
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		plain := make([]byte, len(ciphertext))
		defer clear(plain)
		cipher.NewCTR(block, iv).XORKeyStream(plain, ciphertext)
		return openPlain(plain)
	}}, err
}

// parseSecretbox reads the encrypted JSON of go-securesystemslib's package
// encrypted, which cosign wraps in PEM: scrypt and NaCl's secretbox around a
// key in any of the plain formats.
func parseSecretbox(text []byte) (container, error) {
	var box struct {
		KDF struct {
			Name   string `json:"name"`
			Params struct {
				N int `json:"N"`
				R int `json:"r"`
				P int `json:"p"`
			} `json:"params"`
			Salt []byte `json:"salt"`
		} `json:"kdf"`
		Cipher struct {
			Name  string `json:"name"`
			Nonce []byte `json:"nonce"`
		} `json:"cipher"`
		Ciphertext []byte `json:"ciphertext"`
	}
	if err := json.Unmarshal(text, &box); err != nil || len(box.Cipher.Nonce) != 24 {
		return container{}, fmt.Errorf("%w: the encrypted JSON is cut short or damaged", ErrNotKey)
	}
	if box.KDF.Name != "scrypt" || box.Cipher.Name != "nacl/secretbox" {
		return container{}, fmt.Errorf("%w encryption %q with %q: want nacl/secretbox with scrypt",
			ErrUnsupported, clip(box.Cipher.Name), clip(box.KDF.Name))
	}
	derive, err := newScrypt(box.KDF.Salt, box.KDF.Params.N, box.KDF.Params.R, box.KDF.Params.P)
	return container{encrypted: true, open: func(password []byte) (crypto.PrivateKey, error) {
		key, err := derive(password, 32)
		if err != nil {
			return nil, err
		}
		defer clear(key)
		plain, ok := secretbox.Open(nil, box.Ciphertext, (*[24]byte)(box.Cipher.Nonce), (*[32]byte)(key))
		if !ok {
			return nil, ErrPassword
		}
		defer clear(plain)
		return openPlain(plain)
	}}, err
}
