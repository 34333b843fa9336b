package repository

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/digest"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/metadata"
)

// cache is a folder of verified metadata. Whatever is read from it is verified
// again. A nil cache keeps nothing.
//
//	repository.json          whose metadata it is
//	roots/N.root.json        every root since the first trusted one
//	metadata/timestamp.json  the newest of each other role
//	metadata/ROLE.json
//	lock                     held to write one of them
type cache struct {
	folder string
	url    string
}

const (
	ownerFile  = "repository.json"
	rootFolder = "roots"
	roleFolder = "metadata"
)

type owner struct {
	MetadataURL string `json:"metadata_url"`
}

// claim makes sure that the cache is that of the repository at the URL and of
// the root. A cache of another one is left as it is.
func (c *cache) claim(first *metadata.Document) error {
	if c == nil {
		return nil
	}
	var known owner
	data, err := c.read(ownerFile)
	if err == nil {
		err = json.Unmarshal(data, &known)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("cache folder: %s: %w", filepath.Join(c.folder, ownerFile), err)
	case known.MetadataURL != c.url:
		return fmt.Errorf("%w: %s was made for %s, not for %s", ErrForeignCache, c.folder, known.MetadataURL, c.url)
	}
	if err := c.checkRoot(first); err != nil {
		return err
	}
	for _, name := range []string{rootFolder, roleFolder} {
		if err := os.MkdirAll(filepath.Join(c.folder, name), 0o700); err != nil {
			return fmt.Errorf("cache folder: %w", err)
		}
	}
	if known.MetadataURL == "" {
		data, err := files.Encode(owner{c.url})
		if err != nil {
			return err
		}
		if err := files.Replace(filepath.Join(c.folder, ownerFile), data); err != nil {
			return fmt.Errorf("cache folder: %w", err)
		}
	}
	return c.putRoot(first)
}

// checkRoot compares the trusted root with the cache's of that version, and
// with those beside it.
func (c *cache) checkRoot(first *metadata.Document) error {
	same, err := c.root(first.Version())
	if err != nil {
		return err
	}
	before, err := c.root(first.Version() - 1)
	if err != nil {
		return err
	}
	after, err := c.root(first.Version() + 1)
	if err != nil {
		return err
	}
	switch {
	case same != nil && !bytes.Equal(same.Canonical(), first.Canonical()):
		err = fmt.Errorf("its root version %d is not the trusted one", first.Version())
	case same != nil:
	case before != nil:
		_, _, err = metadata.VerifyNextRoot(before, first)
	case after != nil:
		_, _, err = metadata.VerifyNextRoot(first, after)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrForeignCache, c.folder, err)
	}
	return nil
}

// read reads a file of the cache that is not too large.
func (c *cache) read(name string) ([]byte, error) {
	file, size, err := digest.OpenRegular(filepath.Join(c.folder, name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > metadata.MaxSize {
		return nil, fmt.Errorf("larger than %d bytes", metadata.MaxSize)
	}
	return files.ReadAll(file, metadata.MaxSize)
}

// root is the root of a version; nil if there is none, or a damaged one.
func (c *cache) root(version int64) (*metadata.Document, error) {
	if c == nil || version < 1 {
		return nil, nil
	}
	data, err := c.read(rootName(version))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cache folder: %w", err)
	}
	doc, err := metadata.Parse(data)
	if err != nil || doc.Type() != rstuf.RoleRoot || doc.Version() != version {
		return nil, nil // such as a file that a crash left empty
	}
	return doc, nil
}

func rootName(version int64) string {
	return filepath.Join(rootFolder, metadata.Filename(rstuf.RoleRoot, version))
}

// firstRoot is the root that was pinned at the first use; nil if there is none.
func (c *cache) firstRoot() (*metadata.Document, error) {
	entries, err := os.ReadDir(filepath.Join(c.folder, rootFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cache folder: %w", err)
	}
	lowest := int64(math.MaxInt64)
	for _, entry := range entries {
		text, ok := strings.CutSuffix(entry.Name(), ".root.json")
		if version, err := strconv.ParseInt(text, 10, 64); ok && err == nil {
			lowest = min(lowest, version)
		}
	}
	if lowest == math.MaxInt64 {
		return nil, nil
	}
	root, err := c.root(lowest)
	if err == nil && root == nil {
		err = errors.New("it can't be read")
	}
	if err == nil {
		err = metadata.VerifyRootChain([]*metadata.Document{root})
	}
	if err != nil {
		return nil, fmt.Errorf("the root that was pinned at the first use, %s: %w", filepath.Join(c.folder, rootName(lowest)), err)
	}
	return root, nil
}

// putRoot keeps a verified root.
func (c *cache) putRoot(root *metadata.Document) error {
	if c == nil {
		return nil
	}
	if known, err := c.root(root.Version()); err != nil || known != nil && bytes.Equal(known.Canonical(), root.Canonical()) {
		return err
	}
	return c.write(rootName(root.Version()), root.Bytes())
}

// document is a role's document as it was kept; nil if there is none that can
// be read.
func (c *cache) document(role string) *metadata.Document {
	if c == nil {
		return nil
	}
	data, err := c.read(roleName(role))
	if err != nil {
		return nil
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil
	}
	return doc
}

// roleName is the file of a role's newest version.
func roleName(role string) string {
	return filepath.Join(roleFolder, filename(role, 1, false))
}

// put keeps a document that was verified by the delegation, unless another
// process has kept a newer timestamp or snapshot meanwhile. The versions of
// other roles are those that the snapshot names: after a rotation of its keys
// they may be lower ones (section 5.3.11).
func (c *cache) put(delegation metadata.Delegation, doc *metadata.Document) error {
	if c == nil {
		return nil
	}
	unlock, err := lockFile(filepath.Join(c.folder, "lock"))
	if err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	defer unlock()
	if doc.Type() != rstuf.RoleTargets {
		known := c.document(delegation.Role)
		if known != nil && known.Version() > doc.Version() && delegation.Verify(known).OK() {
			return nil
		}
	}
	return c.write(roleName(delegation.Role), doc.Bytes())
}

func (c *cache) write(name string, data []byte) error {
	if err := files.Replace(filepath.Join(c.folder, name), data); err != nil {
		return fmt.Errorf("cache folder: %w", err)
	}
	return nil
}

// drop forgets roles.
func (c *cache) drop(roles ...string) error {
	if c == nil {
		return nil
	}
	for _, role := range roles {
		if err := os.Remove(filepath.Join(c.folder, roleName(role))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cache folder: %w", err)
		}
	}
	return nil
}
