package service

import (
	"context"
	"io"
)

// Storage holds the metadata files by their names: a folder ([NewFolder]) or a
// bucket. The service is the only one who writes to it. Names have no slashes.
// All methods may be called by several goroutines at once.
type Storage interface {
	// Read returns a file; the error is fs.ErrNotExist if there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	// Write makes a file that nothing names yet. It need not survive a crash
	// until Sync has returned.
	Write(ctx context.Context, name string, data []byte) error
	// Sync makes all files written so far durable.
	Sync(ctx context.Context) error
	// Replace makes or replaces a file that clients may be reading, in one
	// step, and durably.
	Replace(ctx context.Context, name string, data []byte) error
	// Remove deletes a file; it is no error if there is none.
	Remove(ctx context.Context, name string) error
	// List returns the names of all files.
	List(ctx context.Context) ([]string, error)
}

// Opener is a [Storage] that can open a file without reading the whole of it.
// Those that slow clients take are held in memory where it can't.
type Opener interface {
	// Open opens a file; the error is fs.ErrNotExist if there is none.
	Open(ctx context.Context, name string) (io.ReadSeekCloser, error)
}
