package keys

import (
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"filippo.io/mldsa/x509"

	"example.org/rstuf/internal/files"
)

// SaveOptions says how [Private.Save] writes. The zero value is refused: a
// key is saved with a password, or plain because somebody said so.
type SaveOptions struct {
	// Password encrypts the file. It stays the caller's, who may wipe it.
	Password []byte
	// Plain writes the key without encryption, as a worker's key directory
	// wants it.
	Plain bool
	// Overwrite replaces files that exist.
	Overwrite bool
}

// MarshalPEM encodes the key as PKCS#8 PEM; of an ML-DSA key it is the seed. A nil password writes it plain;
// otherwise it is encrypted with AES-256-CBC under PBKDF2-HMAC-SHA256 with
// 600,000 iterations (PBES2), which OpenSSL and Python's cryptography read.
func (p Private) MarshalPEM(password []byte) ([]byte, error) {
	if password != nil && len(password) == 0 {
		return nil, errors.New("encode private key: the password is empty")
	}
	var der []byte
	err := p.use(func(key crypto.Signer) (err error) {
		der, err = x509.MarshalPKCS8PrivateKey(key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	defer clear(der)
	block := pem.Block{Type: "PRIVATE KEY", Bytes: der}
	if password != nil {
		encrypted, err := encryptPKCS8(der, password)
		if err != nil {
			return nil, fmt.Errorf("encrypt private key: %w", err)
		}
		block = pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: encrypted}
	}
	return pem.EncodeToMemory(&block), nil
}

// MarshalPEM encodes the public key as PEM (SubjectPublicKeyInfo). Only keys
// that are [Public.Verifiable] have such a form.
func (p Public) MarshalPEM() ([]byte, error) {
	if p.crypto == nil {
		return nil, fmt.Errorf("encode public key %s as PEM: %w", p, ErrUnsupported)
	}
	der, err := x509.MarshalPKIXPublicKey(p.crypto)
	if err != nil {
		return nil, fmt.Errorf("encode public key %s: %w", p, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Save writes the private key to path (mode 0600) and its public key to
// path + ".pub" (mode 0644), both PEM. If either exists it is an error
// (fs.ErrExist) unless told otherwise, and then neither is written. Contents
// are on disk before they come to stand under their names; an old private key
// is replaced last.
func (p Private) Save(path string, opts SaveOptions) error {
	if err := p.save(path, opts); err != nil {
		return fmt.Errorf("save key %s: %w", path, err)
	}
	return nil
}

func (p Private) save(path string, opts SaveOptions) error {
	switch {
	case opts.Plain && opts.Password != nil:
		return errors.New("a password and Plain contradict each other")
	case !opts.Plain && len(opts.Password) == 0:
		return errors.New("the password is empty: give one, or set Plain to write the key unencrypted")
	}
	private, err := p.MarshalPEM(opts.Password)
	if err != nil {
		return err
	}
	defer clear(private)
	public, err := p.pub.MarshalPEM()
	if err != nil {
		return err
	}
	return writePair(path, private, public, opts.Overwrite)
}

// writePair puts both files in place; if they are to be new, both or neither.
func writePair(path string, private, public []byte, overwrite bool) error {
	publicPath := path + ".pub"
	if overwrite {
		// The private key last: if it fails, the old one is still there, and
		// from it the public half can be made again.
		if err := files.Replace(publicPath, public); err != nil {
			return err
		}
		return files.WriteSecret(path, private, true)
	}
	if err := files.WriteSecret(path, private, false); err != nil {
		return err
	}
	if err := files.WriteNew(publicPath, public); err != nil {
		return errors.Join(err, os.Remove(path)) // made just now
	}
	return nil
}
