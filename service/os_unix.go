//go:build unix

package service

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// isLocked tells whether another process has the database open.
func isLocked(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // which unlocks
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}
