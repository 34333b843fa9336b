package service

import "context"

// tables keep what a service has accepted and decided: values by key. In the file
// state.db it is a [database]. All methods may be called by several goroutines at
// once.
type tables interface {
	// read calls f with the entries of a table, in the order of their keys (as
	// bytes), until f returns an error. The value is f's during the call alone.
	read(ctx context.Context, table table, f func(key string, value []byte) error) error
	// get calls f with the value of each key, in the order given; it is nil where
	// there is none, and f's during the call alone.
	get(ctx context.Context, table table, keys []string, f func(key string, value []byte) error) error
	// write makes changes, in their order: all of them or, with an error, none.
	// Once it returns nil they survive a loss of power.
	write(ctx context.Context, changes []change) error
	// Close ends the use of it. Somebody else may use it then.
	Close() error
}

// table is the name of one of the [tables].
type table string

// The tables of a service.
const (
	tableState    table = "state"    // the keys below
	tableRoles    table = "roles"    // role: roleInfo
	tableSigning  table = "signing"  // role: the document that waits for signatures
	tableQueue    table = "queue"    // task id: record
	tableTasks    table = "tasks"    // task id: rstuf.Task, ended
	tableSuspects table = "suspects" // task id: how often the process died of it alone
	tablePassed   table = "passed"   // name of a file that was written and not committed: nothing
	tableReplaced table = "replaced" // name of a file: since when it is known to be replaced, as Unix time
)

// allTables are all of them.
func allTables() []table {
	return []table{tableState, tableRoles, tableSigning, tableQueue, tableTasks, tableSuspects, tablePassed, tableReplaced}
}

// Keys of tableState.
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

// change is a value that is put, or taken away.
type change struct {
	table table
	key   string
	// value is nil if the entry is to be deleted; it is no error if there is none.
	value []byte
}

// changes are what one write makes.
type changes []change

func (c *changes) put(table table, key string, value []byte) {
	*c = append(*c, change{table, key, value})
}

func (c *changes) delete(table table, key string) { *c = append(*c, change{table: table, key: key}) }
