package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// URIConfig is what [OpenURI] needs besides the URI. The zero value opens
// plain key files under the working directory.
type URIConfig struct {
	// Dir is the key directory. An fn: URI names a file in it and cannot
	// leave it; a relative file2: path starts there. Empty means ".".
	Dir string
	// Password gives the password of an encrypted key file, whose name in the
	// URI it is told. It is called only if the file needs one; nil means
	// that only plain files can be opened.
	Password func(file string) ([]byte, error)
	// Name is the display name of the key.
	Name string
	// Schemes are the schemes that are opened, such as "fn"; nil means all
	// that there are. Whoever opens a URI that somebody else wrote names them.
	Schemes []string
	// Openers adds openers for this call, by scheme, before those of
	// [RegisterURI]. It serves openers with settings of their own, such as
	// Vault's.
	Openers map[string]URIOpener
}

// A URIOpener opens the key that a URI names; the URI includes its scheme.
type URIOpener func(ctx context.Context, uri string, cfg URIConfig) (Signer, error)

var registry = struct {
	sync.RWMutex
	openers map[string]URIOpener
}{openers: map[string]URIOpener{"fn": openFn, "file2": openFile2}}

// RegisterURI makes [OpenURI] open URIs of a scheme, such as "awskms". Packages
// that do so call it when they are initialised, so that importing them is all
// it takes. It panics if the scheme has an opener already.
func RegisterURI(scheme string, open URIOpener) {
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.openers[scheme]; taken || scheme == "" || open == nil {
		panic("keys: RegisterURI: scheme " + scheme + " is empty, has an opener already, or the opener is nil")
	}
	registry.openers[scheme] = open
}

// providers says which import opens the schemes that RSTUF knows and this
// package does not.
var providers = map[string]string{
	"awskms":   "import example.org/rstuf/keys/kms/aws",
	"gcpkms":   "import example.org/rstuf/keys/kms/gcp",
	"azurekms": "import example.org/rstuf/keys/kms/azure",
	"hv":       "set URIConfig.Openers with example.org/rstuf/keys/vault",
	"hsm":      "name the program signers/pkcs11 in the configuration of exec: URIs, see docs/signers.md",
	"exec":     "set URIConfig.Openers with example.org/rstuf/keys/exec",
	"sigstore": "set URIConfig.Openers with example.org/rstuf/keys/sigstore",
}

// OpenURI opens the private key that an RSTUF key URI (x-rstuf-online-key-uri)
// names:
//
//   - fn:FILE, a file in the key directory; if there is none of that name and it
//     is a key id, the file there that holds the key of this id: a plain one, or
//     one whose public key is beside it in FILE.pub;
//   - file2:PATH, a file anywhere, securesystemslib's form;
//   - awskms:, gcpkms:, azurekms:, hv:, exec: and sigstore: with their packages.
//
// A URI comes from metadata or settings: whoever writes those chooses among
// the keys that this process may use. Compare the signer's Public with the key
// that you expect.
func OpenURI(ctx context.Context, uri string, cfg URIConfig) (Signer, error) {
	scheme, _, ok := strings.Cut(uri, ":")
	if !ok || scheme == "" {
		return nil, fmt.Errorf("key uri %q: want scheme:rest, such as fn:FILE", uri)
	}
	if cfg.Schemes != nil && !slices.Contains(cfg.Schemes, scheme) {
		return nil, fmt.Errorf("key uri %q: %w: keys of the scheme %q", uri, ErrNotAllowed, scheme)
	}
	open := cfg.Openers[scheme]
	if open == nil {
		registry.RLock()
		open = registry.openers[scheme]
		registry.RUnlock()
	}
	if open == nil {
		return nil, unknownScheme(uri, scheme)
	}
	signer, err := open(ctx, uri, cfg)
	if err != nil {
		return nil, fmt.Errorf("key uri %q: %w", uri, err)
	}
	return signer, nil
}

func unknownScheme(uri, scheme string) error {
	if hint, ok := providers[scheme]; ok {
		return fmt.Errorf("key uri %q: %w scheme %q in this program: %s", uri, ErrUnsupported, scheme, hint)
	}
	registry.RLock()
	defer registry.RUnlock()
	known := strings.Join(slices.Sorted(maps.Keys(registry.openers)), ", ")
	return fmt.Errorf("key uri %q: %w scheme %q: use one of %s", uri, ErrUnsupported, scheme, known)
}

// openFn opens fn:FILE. The file is opened inside the key directory: neither
// ".." nor a symbolic link leads out of it.
func openFn(_ context.Context, uri string, cfg URIConfig) (Signer, error) {
	name := strings.TrimPrefix(uri, "fn:")
	root, err := os.OpenRoot(cfg.dir())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if _, err := root.Stat(name); errors.Is(err, fs.ErrNotExist) {
		file, err := fileOfKey(root, name)
		if err != nil {
			return nil, err
		}
		name = file
	}
	return cfg.load(name, func() (fs.FileInfo, error) { return root.Stat(name) }, func() (*os.File, error) { return root.Open(name) })
}

// maxKeyFiles bounds in how many files of a key directory a key is looked for.
const maxKeyFiles = 1000

// fileOfKey is the file that holds the private key with this id.
func fileOfKey(root *os.Root, id string) (string, error) {
	missing := &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	if !keyID.MatchString(id) {
		return "", fmt.Errorf("%w: the key directory has no file of this name: put the private key there", missing)
	}
	dir, err := root.Open(".")
	if err != nil {
		return "", err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxKeyFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	for _, name := range names {
		private, isPublic := strings.CutSuffix(name, ".pub")
		if info, err := root.Stat(private); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if holds(root, name, isPublic, id) {
			return private, nil
		}
	}
	return "", fmt.Errorf("%w: no file of the key directory has this name, or holds this key as a plain file or with its public key beside it in FILE.pub: put the private key there", missing)
}

var keyID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// holds tells whether a file holds a key, public or private and plain.
func holds(root *os.Root, name string, isPublic bool, id string) bool {
	if info, err := root.Stat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	data, err := readOpen(f)
	if err != nil {
		return false
	}
	defer clear(data)
	if isPublic {
		key, err := parsePublic(data)
		return err == nil && key.ID() == id
	}
	key, err := parse(data, nil)
	if err != nil {
		return false
	}
	defer key.Close()
	return key.Public().ID() == id
}

// openFile2 opens file2:PATH.
func openFile2(_ context.Context, uri string, cfg URIConfig) (Signer, error) {
	name := strings.TrimPrefix(uri, "file2:")
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(cfg.dir(), path)
	}
	return cfg.load(name, func() (fs.FileInfo, error) { return os.Stat(path) }, func() (*os.File, error) { return os.Open(path) })
}

func (cfg URIConfig) dir() string {
	if cfg.Dir == "" {
		return "."
	}
	return cfg.Dir
}

// load reads a key file. A device or a pipe is not even opened: that alone may
// do something, or wait for ever.
func (cfg URIConfig) load(name string, stat func() (fs.FileInfo, error), open func() (*os.File, error)) (Signer, error) {
	info, err := stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: it is no regular file", name, ErrNotKey)
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readOpen(f)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	var password PasswordFunc
	if cfg.Password != nil {
		password = func() ([]byte, error) { return cfg.Password(name) }
	}
	key, err := parse(data, password)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key.WithName(cfg.Name), nil
}
