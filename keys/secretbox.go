package keys

import (
	"crypto"
	"encoding/json"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"example.org/rstuf/internal/quote"
)

// parseSecretbox reads the encrypted JSON of go-securesystemslib's package
// encrypted, which cosign wraps in PEM: scrypt and NaCl's secretbox around a
// key in any of the plain formats. All but the password is checked before
// anybody is asked for it.
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
	kdf := box.KDF.Params
	if _, err := newScrypt(box.KDF.Salt, kdf.N, kdf.R, kdf.P); err != nil {
		return container{}, err
	}
	// The library reads what it writes: its levels Legacy, Standard and OWASP.
	if kdf.R != 8 || kdf.P != 1 || kdf.N < 1<<15 || kdf.N > 1<<17 {
		return container{}, fmt.Errorf("%w scrypt parameters N=%d r=%d p=%d: want N=32768, 65536 or 131072, r=8 and p=1",
			ErrUnsupported, kdf.N, kdf.R, kdf.P)
	}
	return container{encrypted: true, open: func(password []byte) (crypto.PrivateKey, error) {
		plain, err := encrypted.Decrypt(text, password)
		if err != nil {
			return nil, ErrPassword // all else is checked above
		}
		defer clear(plain)
		return openPlain(plain)
	}}, nil
}
