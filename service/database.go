package service

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	bolt "go.etcd.io/bbolt"
)

// errDatabase is the error of a database whose pages make no sense.
var errDatabase = errors.New("state.db is damaged: stop the service and restore it from a backup")

// database is the embedded database. Its library panics when it meets pages
// that make no sense, or a file that somebody has cut off. That must not end
// the process, and nothing may be written on top: from then on every access is
// an error.
type database struct {
	*bolt.DB
	damaged atomic.Bool
	// updating is held by the one transaction that changes something: after a
	// panic the library may hold its own lock for ever.
	updating sync.Mutex
}

// View reads in one transaction.
func (d *database) View(f func(*bolt.Tx) error) error {
	return d.guard(func() error { return d.DB.View(f) })
}

// Update changes in one transaction: all of it, or nothing.
func (d *database) Update(f func(*bolt.Tx) error) error {
	d.updating.Lock()
	defer d.updating.Unlock()
	return d.guard(func() error { return d.DB.Update(f) })
}

func (d *database) guard(f func() error) (err error) {
	if d.damaged.Load() {
		return errDatabase
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			d.damaged.Store(true)
			err = fmt.Errorf("%w (%v)", errDatabase, cause)
		}
	}()
	return f()
}

// Close closes the file. One that is damaged may hold locks that nobody
// releases, and is left to the end of the process.
func (d *database) Close() error {
	if d.damaged.Load() {
		return nil
	}
	return d.guard(d.DB.Close)
}
