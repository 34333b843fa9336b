// Package durable holds the writes to local disks that must survive a crash, of
// the process or of the machine. Each primitive says what it guarantees, and
// reports every wait for the disk that failed. Start with [Disk], whose zero
// value is ready for use.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// Disk is what the primitives have in common.
type Disk struct {
	// Unsafe leaves out every wait for the disk: a crash of the machine may
	// lose anything. A crash of the process loses nothing.
	Unsafe bool
	// Step, if set, is called before and after each durable step, as "before
	// rename" and "after rename". An error from it stands for the end of the
	// process at that instant: nothing is cleaned up. For tests.
	Step func(name string) error
}

// Do is one durable step of the caller's own.
func (d *Disk) Do(name string, f func() error) error {
	if err := d.at("before " + name); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return d.at("after " + name)
}

func (d *Disk) at(name string) error {
	if d.Step == nil {
		return nil
	}
	return d.Step(name)
}

// Write makes a file that must not exist yet (fs.ErrExist), and that nothing
// names yet. It has its name once it is whole, for others look into the folder
// meanwhile; it may be incomplete or missing after a loss of power until
// [Disk.Sync] has returned.
func (d *Disk) Write(path string, data []byte, mode fs.FileMode) error {
	return d.Do("write", func() error {
		temporary, err := writeTemporary(filepath.Dir(path), data, mode, false)
		if err != nil {
			return err
		}
		err = placeNew(temporary, path, os.Link)
		os.Remove(temporary) // what the link or an error has left
		return err
	})
}

// syncOneByOne is up to how many files are synced one by one, rather than with
// the whole file system.
const syncOneByOne = 64

// syncAtOnce is how many files are synced at a time.
const syncAtOnce = 16

// Sync makes files of a folder durable that were written: once it returns,
// their content and their names survive a loss of power. Without names it does
// nothing.
func (d *Disk) Sync(folder string, names []string) error {
	if d.Unsafe || len(names) == 0 {
		return nil
	}
	return d.Do("sync", func() error {
		if len(names) > syncOneByOne {
			if done, err := syncFilesystem(folder); done {
				return err
			}
		}
		if err := syncFiles(folder, names); err != nil {
			return err
		}
		return syncFolder(folder)
	})
}

func syncFiles(folder string, names []string) error {
	errs := make([]error, len(names))
	var group sync.WaitGroup
	slots := make(chan struct{}, syncAtOnce)
	for i, name := range names {
		slots <- struct{}{}
		group.Go(func() {
			errs[i] = syncFile(filepath.Join(folder, name))
			<-slots
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err // one says enough
		}
	}
	return nil
}

// Replace makes a file, or replaces it in one step: whoever reads sees the old
// file or the new one, also after a crash, and once it returns the new one
// survives a loss of power. A symbolic link is replaced itself, not the file
// that it leads to. The file has exactly the mode given, where the file system
// has modes.
func (d *Disk) Replace(path string, data []byte, mode fs.FileMode) error {
	return d.place(path, data, mode, os.Rename)
}

// Create is [Disk.Replace] for a file that must not exist yet (fs.ErrExist).
func (d *Disk) Create(path string, data []byte, mode fs.FileMode) error {
	return d.place(path, data, mode, func(from, to string) error { return placeNew(from, to, os.Link) })
}

// place writes a file under a temporary name and gives it its own.
func (d *Disk) place(path string, data []byte, mode fs.FileMode, rename func(from, to string) error) error {
	var temporary string
	err := d.Do("write temporary", func() (err error) {
		temporary, err = writeTemporary(filepath.Dir(path), data, mode, !d.Unsafe)
		return err
	})
	if err != nil {
		return err
	}
	return d.Do("rename", func() error {
		err := rename(temporary, path)
		os.Remove(temporary) // what a link or an error has left
		if err != nil {
			return err
		}
		return d.syncFolder(filepath.Dir(path))
	})
}

// A file has a temporary name until it is whole. After a crash it may be left.
const temporaryStart, temporaryEnd = "new-", ".tmp"

// IsTemporary tells whether a file's name is one that a crash has left.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, temporaryStart) && strings.HasSuffix(name, temporaryEnd)
}

func writeTemporary(folder string, data []byte, mode fs.FileMode, sync bool) (path string, err error) {
	f, err := os.CreateTemp(folder, temporaryStart+"*"+temporaryEnd) // with mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	// File systems without Unix permissions, such as those of USB sticks, may
	// refuse; the file is no less whole.
	_ = f.Chmod(mode)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// placeNew gives a file its name unless that is taken. A link does both in one
// step. Where there are no hard links, as on a USB stick, the name is taken
// with an empty file first; a crash at that moment leaves it empty.
func placeNew(from, to string, link func(from, to string) error) error {
	err := link(from, to)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrExist) {
		var reserved *os.File
		if reserved, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err == nil {
			if err = reserved.Close(); err == nil {
				err = os.Rename(from, to)
			}
			return err
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w: choose another name or ask to replace it", to, fs.ErrExist)
	}
	return err
}

// Move gives a file another name in place of whatever has it, in one step. The
// file must be whole and synced already ([os.File.Sync]); once Move returns, the
// new name survives a loss of power.
func (d *Disk) Move(from, to string) error {
	return d.Do("rename", func() error {
		if err := os.Rename(from, to); err != nil {
			return err
		}
		return d.syncFolder(filepath.Dir(to))
	})
}

// Remove deletes a file; it is no error if there is none. A crash may bring the
// file back.
func (d *Disk) Remove(path string) error {
	return d.Do("remove", func() error {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// syncFile waits until the content of a file is on disk.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *Disk) syncFolder(path string) error {
	if d.Unsafe {
		return nil
	}
	return syncFolder(path)
}

// syncFolder waits until the names of the files in a folder are on disk.
// Windows and some file systems know no such call: there the names are as
// durable as the system makes them.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
