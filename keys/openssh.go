package keys

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"example.org/rstuf/internal/quote"
)

const opensshMagic = "openssh-key-v1\x00"

// opensshHeader is the plain beginning of an OpenSSH private key (OpenSSH's
// PROTOCOL.key).
type opensshHeader struct {
	Cipher  string
	KDF     string
	Options string
	Keys    uint32
	Rest    []byte `ssh:"rest"`
}

type bcryptOptions struct {
	Salt   string
	Rounds uint32
}

func parseOpenSSH(block *pem.Block) (container, error) {
	damaged := fmt.Errorf("%w: the OpenSSH key is cut short or damaged", ErrNotKey)
	var header opensshHeader
	raw, ok := bytes.CutPrefix(block.Bytes, []byte(opensshMagic))
	if !ok || len(block.Bytes) > maxDER || ssh.Unmarshal(raw, &header) != nil {
		return container{}, damaged
	}
	encrypted := header.Cipher != "none" || header.KDF != "none"
	if encrypted {
		if err := checkOpenSSH(header); err != nil {
			return container{}, err
		}
	}
	text := pem.EncodeToMemory(block)
	return container{encrypted: encrypted, open: func(password []byte) (crypto.PrivateKey, error) {
		return guard(func() (key crypto.PrivateKey, err error) {
			if encrypted {
				key, err = ssh.ParseRawPrivateKeyWithPassphrase(text, password)
			} else {
				key, err = ssh.ParseRawPrivateKey(text)
			}
			switch {
			case errors.Is(err, x509.IncorrectPasswordError):
				return nil, ErrPassword
			case err != nil:
				return nil, fmt.Errorf("%w, or its key type is not ed25519, ecdsa or rsa", damaged)
			}
			return key, nil
		})
	}}, nil
}

// checkOpenSSH refuses what the ssh package cannot read, and work without end.
func checkOpenSSH(header opensshHeader) error {
	if header.KDF != "bcrypt" || header.Cipher != "aes256-ctr" && header.Cipher != "aes256-cbc" {
		return fmt.Errorf("%w OpenSSH encryption %q with %q: write the key anew with ssh-keygen -p -Z aes256-ctr",
			ErrUnsupported, quote.Cut(header.Cipher, maxShown), quote.Cut(header.KDF, maxShown))
	}
	var options bcryptOptions
	if ssh.Unmarshal([]byte(header.Options), &options) != nil {
		return fmt.Errorf("%w: the OpenSSH key's encryption options are damaged", ErrNotKey)
	}
	if options.Rounds > maxBcryptRounds {
		return workError("bcrypt", options.Rounds, fmt.Sprint(maxBcryptRounds, " rounds"))
	}
	return nil
}

func isOpenSSHPublic(text []byte) bool {
	return bytes.HasPrefix(text, []byte("ssh-")) || bytes.HasPrefix(text, []byte("ecdsa-sha2-"))
}

func parseOpenSSHPublic(text []byte) (Public, error) {
	key, comment, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return Public{}, fmt.Errorf("%w: the OpenSSH public key is cut short or damaged", ErrNotKey)
	}
	holder, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return Public{}, fmt.Errorf("%w key type %s: use ed25519, ecdsa or rsa", ErrUnsupported, key.Type())
	}
	return FromCrypto(holder.CryptoPublicKey(), comment)
}
