package keys

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"example.org/rstuf/internal/files"
	"example.org/rstuf/internal/quote"
)

// maxFileSize is far above any key file, and bounds what is read of a file
// that is none.
const maxFileSize = 1 << 20

// PasswordFunc gives the password of an encrypted key. It is called once, and
// only if the key is encrypted in a way that can be read: a plain key never
// asks ([Private.Encrypted] tells afterwards). The slice stays the function's
// own, which may wipe it later.
type PasswordFunc func() ([]byte, error)

// Load reads a private key file; see [Parse]. The key has no name yet
// ([Private.WithName]).
func Load(path string, password PasswordFunc) (*Private, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	defer clear(data)
	key, err := parse(data, password)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", path, err)
	}
	return key, nil
}

// Parse reads a private key and recognises its format by its content:
//
//   - PKCS#8, plain or encrypted with PBES2 (PBKDF2, scrypt; AES, 3DES) or PBES1;
//   - PKCS#1 and SEC 1, plain or with a Proc-Type header;
//   - OpenSSH, plain or encrypted;
//   - JSON keys of RSTUF's first generation, plain or encrypted;
//   - go-securesystemslib's encrypted JSON and cosign's encrypted PEM.
//
// PEM and DER are both read. The password is asked for only if the key is
// encrypted; it may be nil. Errors are [ErrPassword], [ErrPasswordNeeded],
// [ErrNotKey], [ErrNotPrivate] and [ErrUnsupported], with a text that says
// what was found.
func Parse(data []byte, password PasswordFunc) (*Private, error) {
	key, err := parse(data, password)
	if err != nil {
		return nil, fmt.Errorf("parse key: %w", err)
	}
	return key, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readOpen(f)
}

func readOpen(f *os.File) ([]byte, error) {
	data, err := files.ReadAll(f, maxFileSize)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return data, nil
}

// A container is a private key as a file holds it, taken apart as far as that
// is possible without a password.
type container struct {
	encrypted bool
	// open gives the key of Go's crypto packages. The password is nil if
	// the container is not encrypted.
	open func(password []byte) (crypto.PrivateKey, error)
}

func parse(data []byte, password PasswordFunc) (*Private, error) {
	c, err := recognise(data)
	if err != nil {
		return nil, err
	}
	var secret []byte
	if c.encrypted {
		if password == nil {
			return nil, ErrPasswordNeeded
		}
		if secret, err = password(); err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
	}
	key, err := c.openAllowed(secret)
	if err != nil {
		return nil, err
	}
	p, err := newPrivate(key, "")
	if err != nil {
		return nil, err
	}
	p.encrypted = c.encrypted
	return p, nil
}

// openAllowed opens a container, unless its encryption is one that FIPS 140-only
// mode forbids: the standard library panics or fails there.
func (c container) openAllowed(secret []byte) (key crypto.PrivateKey, err error) {
	if fips140.Enforced() {
		forbidden := func(why any) error {
			return fmt.Errorf("%w: FIPS 140-only mode forbids how this file is encrypted: write it anew as PKCS#8 outside of it (%v)", ErrUnsupported, why)
		}
		defer func() {
			if why := recover(); why != nil {
				key, err = nil, forbidden(why)
			} else if err != nil && strings.Contains(err.Error(), "FIPS 140-only mode") {
				err = forbidden(err)
			}
		}()
	}
	return c.open(secret)
}

// recognise tells the format by the content.
func recognise(data []byte) (container, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	switch {
	case isDER(data):
		return recogniseDER(data)
	case len(text) == 0:
		return container{}, fmt.Errorf("%w: it is empty", ErrNotKey)
	case bytes.Contains(text, []byte("-----BEGIN ")) && text[0] != '{':
		return recognisePEM(text)
	case text[0] == '{':
		return recogniseJSON(text)
	case bytes.Contains(text, []byte(legacyDelimiter)):
		return parseLegacyEncrypted(string(text))
	case isOpenSSHPublic(text):
		return container{}, fmt.Errorf("%w: it is an OpenSSH public key", ErrNotPrivate)
	}
	return container{}, fmt.Errorf("%w: neither PEM nor DER nor a JSON key, or cut short", ErrNotKey)
}

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

// recognisePEM takes the one private key among the blocks.
func recognisePEM(text []byte) (container, error) {
	var private *pem.Block
	var other string
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		switch {
		case block.Type == "EC PARAMETERS":
		case !bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")):
			other = block.Type
		case private != nil:
			return container{}, fmt.Errorf("%w: the file holds more than one private key, keep one", ErrNotKey)
		default:
			private = block
		}
	}
	switch {
	case private != nil:
		return openBlock(private)
	case other == "CERTIFICATE":
		return container{}, fmt.Errorf("%w: it is an X.509 certificate, which holds the public half only", ErrNotPrivate)
	case other == "PUBLIC KEY" || other == "RSA PUBLIC KEY":
		return container{}, fmt.Errorf("%w: it is a public key", ErrNotPrivate)
	case other != "":
		return container{}, fmt.Errorf("%w: it is a PEM %q", ErrNotKey, quote.Cut(other, maxShown))
	}
	return container{}, fmt.Errorf("%w: the PEM is cut short or damaged", ErrNotKey)
}

func openBlock(block *pem.Block) (container, error) {
	if isEncryptedPEM(block) {
		return parseTraditional(block)
	}
	switch block.Type {
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		return plainDER(block.Bytes), nil
	case "ENCRYPTED PRIVATE KEY":
		return encryptedDER(block.Bytes)
	case "OPENSSH PRIVATE KEY":
		return parseOpenSSH(block)
	case "ENCRYPTED COSIGN PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY":
		return parseSecretbox(block.Bytes)
	}
	return container{}, fmt.Errorf("%w key, a PEM %q: use ed25519, ecdsa, rsa or ml-dsa", ErrUnsupported, quote.Cut(block.Type, maxShown))
}

// openPlain reads a key that was inside an encrypted container.
func openPlain(data []byte) (crypto.PrivateKey, error) {
	c, err := recognise(data)
	if err != nil {
		return nil, err
	}
	if c.encrypted {
		return nil, fmt.Errorf("%w: encrypted twice", ErrUnsupported)
	}
	return c.open(nil)
}

// guard turns a panic of a decoder that is not ours into an error: they are
// fed what strangers made.
func guard(decode func() (crypto.PrivateKey, error)) (key crypto.PrivateKey, err error) {
	defer func() {
		if recover() != nil {
			key, err = nil, fmt.Errorf("%w: the key is damaged", ErrNotKey)
		}
	}()
	return decode()
}
