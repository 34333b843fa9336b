package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
// path + ".pub" (mode 0644), both PEM. If either exists it is an error
// (fs.ErrExist) unless told otherwise, and then neither is written. Contents
// are on disk before they come to stand under their names.
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
	return writeFiles([]newFile{{path, private, 0o600}, {path + ".pub", public, 0o644}}, opts.Overwrite)
}

type newFile struct {
	path string
	data []byte
	mode fs.FileMode
}

// writeFiles puts files in place: each is written and synced under a temporary
// name and then renamed. Unless they may be replaced, all names are taken
// first, with empty files that nobody else can have made; hard links would not
// need that, but the memory sticks of a ceremony know none.
func writeFiles(files []newFile, overwrite bool) (err error) {
	var undo []string
	defer func() {
		if err != nil {
			for _, path := range undo {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, f := range files {
		if overwrite {
			break
		}
		if err := createFile(f.path, nil, f.mode); err != nil {
			return err
		}
		undo = append(undo, f.path)
	}
	temporary := make([]string, len(files))
	for i, f := range files {
		temporary[i] = f.path + "." + rand.Text() + ".tmp"
		if err := createFile(temporary[i], f.data, f.mode); err != nil {
			return err
		}
		undo = append(undo, temporary[i])
	}
	for i, f := range files {
		if err := os.Rename(temporary[i], f.path); err != nil {
			return err
		}
		undo = slices.DeleteFunc(undo, func(path string) bool { return path == temporary[i] })
	}
	return syncDir(filepath.Dir(files[0].path))
}

// createFile makes a file that must not exist, and syncs what it writes. A
// file that it could not write whole it removes.
func createFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: choose another name or allow overwriting", err)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// syncDir makes the names in a folder durable. Windows has no such call and
// does it by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
