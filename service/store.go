package service

import (
	"context"
	"errors"
)

// Store keeps what a service has accepted and decided: what waits to be published,
// how tasks ended, what is published and who must sign. One service at a time has it
// open. To the store these are values by key in a few tables, whose meaning is the
// service's. All methods may be called by several goroutines at once, but none by the
// functions that are given to them. rstuftest.TestStore tests all of this.
type Store interface {
	// Read calls f with the entries of a table, in the order of their keys (as
	// bytes), until f returns an error, which it returns. The value is f's during the
	// call alone.
	Read(ctx context.Context, table Table, f func(key string, value []byte) error) error
	// Get calls f with the value of each key, in the order given; it is nil where
	// there is none, and f's during the call alone.
	Get(ctx context.Context, table Table, keys []string, f func(key string, value []byte) error) error
	// Commit makes changes, in their order: all of them or, with an error, none. Once
	// it returns nil they survive a loss of power. Without an answer it goes on asking
	// how it ended: only of an error that is [ErrLost] nobody knows.
	Commit(ctx context.Context, changes []Change) error
	// Close ends the use of it. Another service may open it then.
	Close() error
}

// ErrLost is the error of a [Store] that will take no change of this service any more.
// The service publishes nothing from then on, and [Status] says why.
var ErrLost = errors.New("the store takes no changes of this service any more: end it")

// Failing is a [Store] that knows by itself when it would take no commit, as one that
// does not reach its server. [Status] tells it, and /readyz.
type Failing interface {
	// Err is why it takes none at the moment; nil if all is well.
	Err() error
}

// Table is the name of a table of a [Store].
type Table string

// The tables of a service.
const (
	tableState    Table = "state"    // the keys below
	tableRoles    Table = "roles"    // role: roleInfo
	tableSigning  Table = "signing"  // role: the document that waits for signatures
	tableQueue    Table = "queue"    // task id: record
	tableTasks    Table = "tasks"    // task id: rstuf.Task, ended
	tableSuspects Table = "suspects" // task id: how often the process died of it alone
	tablePassed   Table = "passed"   // name of a file that was written and not committed: nothing
	tableReplaced Table = "replaced" // name of a file: since when it is known to be replaced, as Unix time
)

// Tables are the names of all tables. A later release may have more.
func Tables() []Table {
	return []Table{tableState, tableRoles, tableSigning, tableQueue, tableTasks, tableSuspects, tablePassed, tableReplaced}
}

// ErrLocked is the error of a [Store] that another service has open.
var ErrLocked = errors.New("the repository is in use")

// Keys of tableState.
const (
	keyState     = "state"
	keyRoot      = "root"      // the current root's file
	keyTimestamp = "timestamp" // the current timestamp's file
	keySkips     = "skips"     // how many times versions have skipped one
	keyClean     = "clean"     // set while nothing is under way, by Close
	keyWatched   = "watched"   // task ids of the publication that is noted
	keyEnding    = "ending"    // with replicas, task ids of the publication that is announced last
	// keyAdopting is set from before the first file is copied until the adopted
	// repository is announced.
	keyAdopting = "adopting"
	// A mark of a move: keyArriving is set in its target until it has ended,
	// keyMoved in its source from then on.
	keyArriving = "arriving"
	keyMoved    = "moved"
)

// Change is an entry of a [Store] that is put, or taken away.
type Change struct {
	Table Table
	// Key is of one byte at least, and need not be text.
	Key string
	// Value is nil if the entry is to be deleted; it is no error if there is none.
	Value []byte
}

// changes are what one commit makes.
type changes []Change

func (c *changes) put(table Table, key string, value []byte) {
	*c = append(*c, Change{table, key, value})
}

func (c *changes) delete(table Table, key string) { *c = append(*c, Change{Table: table, Key: key}) }
