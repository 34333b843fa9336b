package keys

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// MarshalPEM encodes the key as PKCS#8 PEM. A nil password writes it plain;
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
// path + ".pub" (mode 0644), both PEM. A file that exists is an error
// (fs.ErrExist) unless told otherwise, and then neither is written. Each file
// appears whole or not at all and is on disk before it has its name.
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
	if !opts.Overwrite {
		for _, name := range []string{path, path + ".pub"} {
			if _, err := os.Lstat(name); err == nil {
				return existsError(name)
			}
		}
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
	if err := writeFile(path, private, 0o600, opts.Overwrite); err != nil {
		return err
	}
	if err := writeFile(path+".pub", public, 0o644, opts.Overwrite); err != nil {
		if !opts.Overwrite {
			err = errors.Join(err, os.Remove(path)) // it is ours, made just now
		}
		return err
	}
	return nil
}

func existsError(path string) error {
	return fmt.Errorf("%s: %w: choose another name or allow overwriting", filepath.Base(path), fs.ErrExist)
}

// writeFile puts a file in place: written and synced under a temporary name,
// then linked to (which never replaces a file) or renamed over its own.
func writeFile(path string, data []byte, mode fs.FileMode, overwrite bool) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // made with 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if overwrite {
		err = os.Rename(tmp.Name(), path)
	} else if err = os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return existsError(path)
	}
	return errors.Join(err, syncDir(filepath.Dir(path)))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
