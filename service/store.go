package service

import "context"

// Store keeps what a service has accepted and decided, as tables of values by
// key. Without Config.Store it is the file state.db. All methods may be called by
// several goroutines at once.
type Store interface {
	// Read calls f with the entries of a table, in the order of their keys (as
	// bytes), until f returns an error. The value is f's during the call alone.
	Read(ctx context.Context, table Table, f func(key string, value []byte) error) error
	// Get calls f with the value of each key, in the order given; it is nil where
	// there is none, and f's during the call alone.
	Get(ctx context.Context, table Table, keys []string, f func(key string, value []byte) error) error
	// Write makes changes, in their order: all of them or, with an error, none.
	// Once it returns nil they survive a loss of power.
	Write(ctx context.Context, changes []Change) error
	// Close ends the use of it. Somebody else may use it then.
	Close() error
}

// Table is the name of a table of a [Store].
type Table string

// The tables of a service.
const (
	TableState    Table = "state"    // the keys below
	TableRoles    Table = "roles"    // role: roleInfo
	TableSigning  Table = "signing"  // role: the document that waits for signatures
	TableQueue    Table = "queue"    // task id: record
	TableTasks    Table = "tasks"    // task id: rstuf.Task, ended
	TableSuspects Table = "suspects" // task id: how often the process died of it alone
	TablePassed   Table = "passed"   // name of a file that was written and not committed: nothing
	TableReplaced Table = "replaced" // name of a file: since when it is known to be replaced, as Unix time
)

// Tables are all of them.
func Tables() []Table {
	return []Table{TableState, TableRoles, TableSigning, TableQueue, TableTasks, TableSuspects, TablePassed, TableReplaced}
}

// Keys of TableState.
const (
	keyState     = "state"
	keyRoot      = "root"      // the current root's file
	keyTimestamp = "timestamp" // the current timestamp's file
	keySkips     = "skips"     // how many times versions have skipped one
	keyClean     = "clean"     // set while nothing is under way, by Close
	keyWatched   = "watched"   // task ids of the publication that is noted
	// keyAdopting is set from before the first file is copied until the adopted
	// repository is announced.
	keyAdopting = "adopting"
)

// Change is one of a [Store]'s changes: a value that is put, or taken away.
type Change struct {
	Table Table
	Key   string
	// Value is nil if the entry is to be deleted; it is no error if there is none.
	Value []byte
}

// changes are what one write makes.
type changes []Change

func (c *changes) put(table Table, key string, value []byte) {
	*c = append(*c, Change{table, key, value})
}

func (c *changes) delete(table Table, key string) { *c = append(*c, Change{Table: table, Key: key}) }
