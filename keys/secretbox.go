package keys

import (
	"crypto"
	"encoding/json"
	"fmt"

	"golang.org/x/crypto/nacl/secretbox"

	"example.org/rstuf/internal/quote"
)

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
			ErrUnsupported, quote.Cut(box.Cipher.Name, maxShown), quote.Cut(box.KDF.Name, maxShown))
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
