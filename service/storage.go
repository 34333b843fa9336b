package service

import (
	"context"
	"errors"
	"io"
)

// Storage holds the metadata files by their names: a folder ([NewFolder]) or a
// bucket. One service at a time writes to it; of a second one, such as a process
// that was paused and wakes, nothing may overwrite what is there: see Create and
// Replace. Names have no slashes. All methods may be called by several goroutines
// at once. rstuftest.TestStorage tests all of this.
type Storage interface {
	// Read returns a file; the error is fs.ErrNotExist if there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	// Create makes a file that nothing names yet. One that is there is left as it
	// is: that is no error if it has the same content, as after a request that was
	// repeated, and fs.ErrExist if it has another. The file need not survive a crash
	// until Sync has returned.
	Create(ctx context.Context, name string, data []byte) error
	// Sync makes all files created so far durable.
	Sync(ctx context.Context) error
	// Replace makes or replaces a file that clients may be reading, in one step, and
	// durably, if what is there is old at that moment; nil means that nothing is. The
	// error is [ErrChanged] if something else is there, which stays. It is no error if
	// that has the new content.
	Replace(ctx context.Context, name string, old, data []byte) error
	// Remove deletes a file; it is no error if there is none.
	Remove(ctx context.Context, name string) error
	// List returns the names of all files.
	List(ctx context.Context) ([]string, error)
}

// ErrChanged is the error of a [Storage] that was to replace a file which has
// changed since it was read.
var ErrChanged = errors.New("it has changed since it was read")

// Prober is a [Storage] that can find out whether what it rests on does what
// Create and Replace ask of it. A service asks it before it writes anything.
type Prober interface {
	// Probe returns [ErrUnconditional] and what is missing if a second writer could
	// overwrite what is there. It may leave a file with a temporary name.
	Probe(ctx context.Context) error
}

// ErrUnconditional is the error of a [Prober] on a store or a file system that
// does not keep two writers apart. One service goes on with a warning: nothing
// else may write there, and none may be started while another may still be alive.
var ErrUnconditional = errors.New("nothing keeps a second writer from overwriting what is there")

// Opener is a [Storage] that can open a file without reading the whole of it.
// Those that slow clients take are held in memory where it can't.
type Opener interface {
	// Open opens a file; the error is fs.ErrNotExist if there is none.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
}
