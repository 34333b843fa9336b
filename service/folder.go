package service

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"example.org/rstuf/internal/durable"
)

// Folder is a [Storage] in a local folder, which any web server can serve.
type Folder struct {
	path string
	disk *durable.Disk

	mu      sync.Mutex
	written []string // since the last Sync
}

// NewFolder returns a storage in a folder, which is made if it is not there.
func NewFolder(path string) (*Folder, error) { return newFolder(path, &durable.Disk{}) }

func newFolder(path string, d *durable.Disk) (*Folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("metadata folder: %w", err)
	}
	return &Folder{path: path, disk: d}, nil
}

// Read implements [Storage].
func (f *Folder) Read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(f.path, name))
}

// Open implements [Opener].
func (f *Folder) Open(_ context.Context, name string) (io.ReadSeekCloser, error) {
	return os.Open(filepath.Join(f.path, name))
}

// metadataMode is the mode of metadata files: anybody may read them.
const metadataMode = 0o644

// Write implements [Storage]. The file may be incomplete or missing after a
// crash until Sync has returned.
func (f *Folder) Write(_ context.Context, name string, data []byte) error {
	if err := f.disk.Write(filepath.Join(f.path, name), data, metadataMode); err != nil {
		return err
	}
	f.note(name)
	return nil
}

// note has the next Sync make a file durable that is there.
func (f *Folder) note(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written = append(f.written, name)
}

// Sync implements [Storage]: the content and the names of all files written
// so far survive a loss of power.
func (f *Folder) Sync(context.Context) error {
	f.mu.Lock()
	names := f.written
	f.written = nil
	f.mu.Unlock()
	err := f.disk.Sync(f.path, names)
	if err != nil { // the next Sync starts over
		f.mu.Lock()
		defer f.mu.Unlock()
		f.written = append(names, f.written...)
	}
	return err
}

// Replace implements [Storage]: see [durable.Disk.Replace].
func (f *Folder) Replace(_ context.Context, name string, data []byte) error {
	return f.disk.Replace(filepath.Join(f.path, name), data, metadataMode)
}

// Remove implements [Storage]. A file that is there again after a crash does
// no harm: nothing names it.
func (f *Folder) Remove(_ context.Context, name string) error {
	return f.disk.Remove(filepath.Join(f.path, name))
}

// List implements [Storage].
func (f *Folder) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
