package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"example.org/rstuf/internal/durable"
	"example.org/rstuf/service/internal/boltcheck"
)

// errDatabase is the error of a database whose pages make no sense.
var errDatabase = errors.New("state.db is damaged: stop the service and restore it from a backup, or go on from the files with rstuf serve --adopt")

// database is a [Store] in a file, state.db. Its library panics when it
// meets pages that make no sense, or a file that somebody has cut off. That must
// not end the process, and nothing may be written on top: from then on every
// access is an error.
type database struct {
	db      *bolt.DB
	disk    *durable.Disk
	damaged atomic.Bool
	// updating is held by the one transaction that changes something: after a
	// panic the library may hold its own lock for ever.
	updating sync.Mutex
}

// Read implements [Store].
func (d *database) Read(_ context.Context, table Table, f func(key string, value []byte) error) error {
	return d.view(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(table))
		if bucket == nil { // opened to be read, and older than the table
			return nil
		}
		return bucket.ForEach(func(key, value []byte) error { return f(string(key), value) })
	})
}

// Get implements [Store].
func (d *database) Get(_ context.Context, table Table, keys []string, f func(key string, value []byte) error) error {
	return d.view(func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(table))
		for _, key := range keys {
			if err := f(key, bucket.Get([]byte(key))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Commit implements [Store].
func (d *database) Commit(_ context.Context, list []Change) error {
	return d.disk.Do("commit", func() error {
		return d.update(func(tx *bolt.Tx) error {
			tx.Bucket([]byte(tableQueue)).FillPercent = 1 // ids ascend
			for _, c := range list {
				bucket := tx.Bucket([]byte(c.Table))
				var err error
				if c.Value == nil {
					err = bucket.Delete([]byte(c.Key))
				} else {
					err = bucket.Put([]byte(c.Key), c.Value)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// view reads in one transaction.
func (d *database) view(f func(*bolt.Tx) error) error {
	return d.guard(func() error { return d.db.View(f) })
}

// update changes in one transaction: all of it, or nothing. After a panic the
// transaction is left as it is: the library's own Update would go through the
// damaged file in a goroutine, where the next panic ends the process.
func (d *database) update(f func(*bolt.Tx) error) error {
	d.updating.Lock()
	defer d.updating.Unlock()
	return d.guard(func() error {
		tx, err := d.db.Begin(true)
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			_ = tx.Rollback() // in memory alone
			return err
		}
		return tx.Commit()
	})
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
	return d.guard(d.db.Close)
}

// openDatabase opens the database in a folder, for this process alone.
func openDatabase(dir string, disk *durable.Disk) (*database, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	db, err := openFile(dir, &bolt.Options{
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
		NoSync:         disk.Unsafe,
		NoGrowSync:     disk.Unsafe,
	})
	if err != nil {
		return nil, err
	}
	db.disk = disk
	err = writeHolder(dir)
	if err == nil {
		err = db.update(makeBuckets)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openDatabaseToRead opens the database in a folder, which must be there, and
// changes nothing in the folder. Meanwhile no service can use it.
func openDatabaseToRead(dir string) (*database, error) {
	if err := hasDatabase(dir); err != nil {
		return nil, err
	}
	return openFile(dir, &bolt.Options{ReadOnly: true})
}

// hasDatabase is an error if a folder is not one of a service.
func hasDatabase(dir string) error {
	_, err := os.Stat(filepath.Join(dir, databaseFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it is not the folder of a service: %w", err)
	}
	return err
}

const databaseFile = "state.db"

func openFile(dir string, options *bolt.Options) (*database, error) {
	path := filepath.Join(dir, databaseFile)
	if isLocked(path) {
		return nil, lockedError(dir)
	}
	if err := boltcheck.File(path); err != nil {
		return nil, fmt.Errorf("state.db is damaged: %w: restore it from a backup, or go on from the files with rstuf serve --adopt", err)
	}
	options.Timeout = time.Millisecond // try once
	db := &database{}
	err := db.guard(func() (err error) {
		db.db, err = bolt.Open(path, 0o600, options)
		return err
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, lockedError(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open state.db: %w", err)
	}
	return db, nil
}

func makeBuckets(tx *bolt.Tx) error {
	for _, table := range Tables() {
		if _, err := tx.CreateBucketIfNotExists([]byte(table)); err != nil {
			return err
		}
	}
	return nil
}

// holderFile says who uses the folder. The lock itself is on the database.
const holderFile = "holder"

func writeHolder(dir string) error {
	host, _ := os.Hostname()
	who := fmt.Sprintf("process %d on host %s since %s\n", os.Getpid(), cmp.Or(host, "(unknown)"), time.Now().UTC().Format(time.RFC3339))
	return os.WriteFile(filepath.Join(dir, holderFile), []byte(who), 0o644)
}

func lockedError(dir string) error {
	who, _ := os.ReadFile(filepath.Join(dir, holderFile))
	return fmt.Errorf("%w by %s", ErrLocked, cmp.Or(strings.TrimSpace(string(who)), "an unknown process"))
}
