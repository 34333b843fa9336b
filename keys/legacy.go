package keys

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

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
		return nil, fmt.Errorf("%w key %s/%s", ErrUnsupported, quote.Word(quote.Cut(k.KeyType, maxShown)), quote.Word(quote.Cut(k.Scheme, maxShown)))
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

// parseLegacyEncrypted reads such a key: PBKDF2-HMAC-SHA256 gives one key, with
// which the JSON is encrypted (AES-256-CTR) and the ciphertext authenticated
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
