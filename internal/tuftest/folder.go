package tuftest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Folder is a folder of metadata files that another service has published.
type Folder string

// Document is one of its files.
func (f Folder) Document(role string, version int64) (*metadata.Document, error) {
	name := metadata.Filename(role, version)
	data, err := os.ReadFile(filepath.Join(string(f), name))
	if err != nil {
		return nil, err
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc, nil
}

// Roots are all its roots, the newest last.
func (f Folder) Roots() (list []*metadata.Document, err error) {
	for {
		doc, err := f.Document(rstuf.RoleRoot, int64(len(list)+1))
		if errors.Is(err, fs.ErrNotExist) && len(list) > 0 {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, doc)
	}
}

// Name makes a snapshot the one that the timestamp names.
func (f Folder) Name(ctx context.Context, snapshot int64, online *keys.Private) error {
	named, err := f.Document(rstuf.RoleSnapshot, snapshot)
	if err != nil {
		return err
	}
	doc, err := metadata.NewTimestamp(snapshot, named.Expires(), snapshot)
	if err != nil {
		return err
	}
	if err := doc.Sign(ctx, online); err != nil {
		return err
	}
	return f.put(metadata.Filename(rstuf.RoleTimestamp, 0), doc)
}

// Rewind takes the folder back to before its last change of the online key, unless
// the private part of that key is among the keys, which are by id, and gives it
// another root in place of that change's. What was published since stays as files
// that nothing names. It returns the online key.
func (f Folder) Rewind(ctx context.Context, private map[string]*keys.Private) (*keys.Private, error) {
	roots, err := f.Roots()
	if err != nil {
		return nil, err
	}
	last := len(roots) - 1
	root, err := roots[last].Root()
	if err != nil {
		return nil, err
	}
	if online := private[root.Roles[rstuf.RoleTimestamp].KeyIDs[0]]; online != nil || last == 0 {
		return online, nil
	}
	if root, err = roots[last-1].Root(); err != nil {
		return nil, err
	}
	root.Version++
	root.Expires = root.Expires.AddDate(0, 0, 1)
	doc, err := metadata.New(root)
	if err != nil {
		return nil, err
	}
	for _, id := range root.Roles[rstuf.RoleRoot].KeyIDs {
		if err := doc.Sign(ctx, private[id]); err != nil {
			return nil, err
		}
	}
	if err := f.put(metadata.Filename(rstuf.RoleRoot, root.Version), doc); err != nil {
		return nil, err
	}
	by, err := root.Delegation(rstuf.RoleSnapshot)
	if err != nil {
		return nil, err
	}
	online := private[root.Roles[rstuf.RoleTimestamp].KeyIDs[0]]
	for version := int64(1); ; version++ {
		snapshot, err := f.Document(rstuf.RoleSnapshot, version+1)
		if err != nil {
			return nil, err
		}
		if !by.Verify(snapshot).OK() {
			return online, f.Name(ctx, version, online)
		}
	}
}

func (f Folder) put(name string, doc *metadata.Document) error {
	return os.WriteFile(filepath.Join(string(f), name), doc.Bytes(), 0o600)
}

// RecordedKeys are the private keys of a recording, by id, from its file of keys.
func RecordedKeys(file string) (map[string]*keys.Private, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var named map[string]struct {
		KeyID string `json:"keyid"`
		PEM   string `json:"pem"`
	}
	if err := json.Unmarshal(data, &named); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	private := map[string]*keys.Private{}
	for name, recorded := range named {
		key, err := keys.Parse([]byte(recorded.PEM), nil)
		if err == nil && key.Public().ID() != recorded.KeyID {
			err = errors.New("its id is another one")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: key %s: %w", file, name, err)
		}
		private[recorded.KeyID] = key.WithName(name)
	}
	return private, nil
}
