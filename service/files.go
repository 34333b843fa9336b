package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"
)

// Every durable write of the service goes through this file. Each primitive
// says what it guarantees; tests stop the service before and after each one.

// disk is what the primitives have in common.
type disk struct {
	// unsafe leaves out every wait for the disk: a crash of the machine may
	// lose anything. A crash of the process loses nothing.
	unsafe bool
	// step, if set, is called before and after each durable step; an error
	// from it stands for the end of the process at that instant.
	step func(name string) error
}

func (d *disk) at(name string) error {
	if d.step == nil {
		return nil
	}
	return d.step(name)
}

// do is one durable step.
func (d *disk) do(name string, f func() error) error {
	if err := d.at("before " + name); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return d.at("after " + name)
}

// commit changes the database: all of what f does, or nothing. Once it
// returns, the change survives a loss of power.
func (d *disk) commit(db *database, f func(*bolt.Tx) error) error {
	return d.do("commit", func() error { return db.Update(f) })
}

// Folder is a [Storage] in a local folder, which any web server can serve.
type Folder struct {
	path string
	disk *disk

	mu      sync.Mutex
	written []string // since the last Sync
}

// NewFolder returns a storage in a folder, which is made if it is not there.
func NewFolder(path string) (*Folder, error) { return newFolder(path, &disk{}) }

func newFolder(path string, d *disk) (*Folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("metadata folder: %w", err)
	}
	return &Folder{path: path, disk: d}, nil
}

const temporary = ".tmp"

// Read implements [Storage].
func (f *Folder) Read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(f.path, name))
}

// Open implements [Opener].
func (f *Folder) Open(_ context.Context, name string) (io.ReadSeekCloser, error) {
	return os.Open(filepath.Join(f.path, name))
}

// Write implements [Storage]. The file may be incomplete or missing after a
// crash until Sync has returned.
func (f *Folder) Write(_ context.Context, name string, data []byte) error {
	err := f.disk.do("write", func() error { return os.WriteFile(filepath.Join(f.path, name), data, 0o644) })
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written = append(f.written, name)
	return nil
}

// syncOneByOne is up to how many files are synced one by one, rather than with
// the whole file system.
const syncOneByOne = 64

// Sync implements [Storage]: the content and the names of all files written
// so far survive a loss of power.
func (f *Folder) Sync(context.Context) error {
	f.mu.Lock()
	names := f.written
	f.written = nil
	f.mu.Unlock()
	if f.disk.unsafe || len(names) == 0 {
		return nil
	}
	err := f.disk.do("sync", func() error { return f.sync(names) })
	if err != nil { // the next Sync starts over
		f.mu.Lock()
		defer f.mu.Unlock()
		f.written = append(names, f.written...)
	}
	return err
}

func (f *Folder) sync(names []string) error {
	if len(names) > syncOneByOne {
		if done, err := syncFilesystem(f.path); done {
			return err
		}
	}
	var group errgroup.Group
	group.SetLimit(16)
	for _, name := range names {
		group.Go(func() error { return syncPath(filepath.Join(f.path, name)) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return syncFolder(f.path)
}

// Replace implements [Storage]: whoever reads sees the old file or the new
// one, also after a crash, and once it returns the new one survives a loss of
// power.
func (f *Folder) Replace(_ context.Context, name string, data []byte) error {
	path := filepath.Join(f.path, name)
	err := f.disk.do("write temporary", func() error {
		if err := os.WriteFile(path+temporary, data, 0o644); err != nil || f.disk.unsafe {
			return err
		}
		return syncPath(path + temporary)
	})
	if err != nil {
		return err
	}
	return f.disk.do("rename", func() error {
		if err := os.Rename(path+temporary, path); err != nil || f.disk.unsafe {
			return err
		}
		return syncFolder(f.path)
	})
}

// Remove implements [Storage]. A file that is there again after a crash does
// no harm: nothing names it.
func (f *Folder) Remove(_ context.Context, name string) error {
	return f.disk.do("remove", func() error {
		if err := os.Remove(filepath.Join(f.path, name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
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

// syncPath waits until a file is on disk.
func syncPath(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
