//go:build unix

package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Exclusive does something while no other process does the same with the folder.
// It waits for its turn as long as the context lets it. The error is
// [errors.ErrUnsupported] where the file system cannot lock a folder; then
// nothing is done.
func Exclusive(ctx context.Context, folder string, do func() error) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close() // which unlocks
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return do()
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w: %w", folder, errors.ErrUnsupported, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("another process holds %s: %w", folder, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}
