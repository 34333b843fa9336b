package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/digest"
)

// checkInfo wants a length that can be, and at least one hash that can be
// checked. Others are passed over.
func checkInfo(info rstuf.ArtifactInfo) error {
	if info.Length < 0 {
		return errors.New("its metadata has a negative length")
	}
	if len(checkable(info.Hashes)) == 0 {
		return errNoHash
	}
	return nil
}

var errNoHash = fmt.Errorf("its metadata has no hash that can be checked (%s)", strings.Join(digest.Algorithms, ", "))

// checkable are the algorithms of the hashes that are known, the usual one
// first.
func checkable(hashes map[string]string) (algorithms []string) {
	for _, algorithm := range digest.Algorithms {
		if _, given := hashes[algorithm]; given {
			algorithms = append(algorithms, algorithm)
		}
	}
	return algorithms
}

// verifyFile tells whether a file is the artifact. A file that is not there is
// not.
func verifyFile(ctx context.Context, name string, info rstuf.ArtifactInfo) (bool, error) {
	file, size, err := digest.OpenRegular(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	if size != info.Length {
		return false, nil
	}
	err = verify(ctx, file, info)
	if errors.Is(err, ErrMismatch) {
		return false, nil
	}
	return err == nil, err
}

// verify compares a file's length and hashes with the metadata.
func verify(ctx context.Context, file *os.File, info rstuf.ArtifactInfo) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return compare(ctx, file, info.Length, info.Hashes)
}

// compare reads all of r and compares it with a length and with those hashes
// that are known.
func compare(ctx context.Context, r io.Reader, length int64, hashes map[string]string) error {
	n, sums, err := digest.Sum(ctx, r, checkable(hashes)...)
	if err != nil {
		return err
	}
	if n != length {
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrMismatch, n, length)
	}
	for algorithm, got := range sums {
		if !strings.EqualFold(got, hashes[algorithm]) {
			return fmt.Errorf("%w: its %s is %s, not %s", ErrMismatch, algorithm, got, hashes[algorithm])
		}
	}
	return nil
}
