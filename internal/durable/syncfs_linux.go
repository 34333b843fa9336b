package durable

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncFilesystem waits until everything on the file system that holds path is
// on disk. For thousands of files that is far faster than one by one. It tells
// whether it did so.
func syncFilesystem(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return true, err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return true, fmt.Errorf("sync the file system of %s: %w", path, err)
	}
	return true, nil
}
