package main

import (
	"context"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"example.org/rstuf/service"
)

// trouble is what one life of the service has to put up with.
type trouble struct {
	clock  time.Duration // how far its clock is off
	faults bool          // now and then the disk is full or the folder can't be written
	prune  bool          // old versions are removed after a moment
}

func randomTrouble(random *rand.Rand) (t trouble) {
	if random.IntN(4) == 0 {
		t.clock = time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour
	}
	t.faults = random.IntN(4) == 0
	t.prune = random.IntN(2) == 0
	return t
}

func (t trouble) args() (args []string) {
	args = append(args, "-clock", t.clock.String())
	if t.faults {
		args = append(args, "-faults-of-disk")
	}
	if t.prune {
		args = append(args, "-prune")
	}
	return args
}

// faulty is a folder that fails now and then in the first part of a life: later
// pauses between attempts would be longer than the life.
type faulty struct {
	*service.Folder
	begun time.Time
}

func (f faulty) fails() error {
	if time.Since(f.begun) > 200*time.Millisecond {
		return nil
	}
	switch time.Now().UnixMilli() / 20 % 5 { // a fifth of the time each
	case 0:
		return syscall.ENOSPC
	case 1:
		return syscall.EROFS
	}
	return nil
}

func (f faulty) Create(ctx context.Context, name string, data []byte) error {
	if err := f.fails(); err != nil {
		return &os.PathError{Op: "write", Path: name, Err: err}
	}
	return f.Folder.Create(ctx, name, data)
}

func (f faulty) Replace(ctx context.Context, name string, old, data []byte) error {
	if err := f.fails(); err != nil {
		return &os.PathError{Op: "write", Path: name, Err: err}
	}
	return f.Folder.Replace(ctx, name, old, data)
}
