package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

	replacing sync.Mutex // held where the file system has no lock for processes
}

var _ Prober = (*Folder)(nil)

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

// Create implements [Storage]. The file may be incomplete or missing after a
// crash until Sync has returned.
func (f *Folder) Create(ctx context.Context, name string, data []byte) error {
	err := f.disk.Write(filepath.Join(f.path, name), data, metadataMode)
	if errors.Is(err, fs.ErrExist) {
		if there, readErr := f.Read(ctx, name); readErr != nil || !bytes.Equal(there, data) {
			return errors.Join(fmt.Errorf("%s %w", filepath.Join(f.path, name), errTaken), readErr)
		}
		err = nil
	}
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written = append(f.written, name)
	return nil
}

var errTaken = fmt.Errorf("is there already with another content (%w)", fs.ErrExist)

// Sync implements [Storage]: the content and the names of all files written
// so far survive a loss of power.
func (f *Folder) Sync(context.Context) error {
	f.mu.Lock()
	names := f.written
	f.written = nil
	f.mu.Unlock()
	err := f.disk.Sync(f.path, names)
	if err != nil { // the next Sync starts over, without what another service has removed
		names = slices.DeleteFunc(names, func(name string) bool {
			_, err := os.Lstat(filepath.Join(f.path, name))
			return errors.Is(err, fs.ErrNotExist)
		})
		f.mu.Lock()
		defer f.mu.Unlock()
		f.written = append(names, f.written...)
	}
	return err
}

// Replace implements [Storage]: see [durable.Disk.Replace]. It holds a lock of the
// folder meanwhile, where the file system has one, so that of several processes
// each sees what the other has done.
func (f *Folder) Replace(ctx context.Context, name string, old, data []byte) error {
	f.replacing.Lock()
	defer f.replacing.Unlock()
	replace := func() error { return f.replace(ctx, name, old, data) }
	err := durable.Exclusive(ctx, f.path, replace)
	if errors.Is(err, errors.ErrUnsupported) {
		return replace() // Probe has told
	}
	return err
}

func (f *Folder) replace(ctx context.Context, name string, old, data []byte) error {
	there, err := f.Read(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		there = nil
	case err != nil:
		return err
	case bytes.Equal(there, data):
		return nil
	}
	if !bytes.Equal(there, old) || (err == nil) != (old != nil) {
		return fmt.Errorf("%s: %w", filepath.Join(f.path, name), ErrChanged)
	}
	return f.disk.Replace(filepath.Join(f.path, name), data, metadataMode)
}

// Probe implements [Prober]: it tries whether the folder can be locked.
func (f *Folder) Probe(ctx context.Context) error {
	err := durable.Exclusive(ctx, f.path, func() error { return nil })
	if errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: %w", ErrUnconditional, err)
	}
	return err
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
