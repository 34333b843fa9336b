//go:build unix

package repository

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile waits for the lock of a file, which ends with the process at the
// latest.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}
