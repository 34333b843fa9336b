package client

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"example.org/rstuf"
)

// checkInfo wants a length that can be, and at least one hash that can be
// checked. Others are passed over.
func checkInfo(info rstuf.ArtifactInfo) error {
	if info.Length < 0 {
		return errors.New("its metadata has a negative length")
	}
	for algorithm := range info.Hashes {
		if hashers[algorithm] != nil {
			return nil
		}
	}
	return errors.New("its metadata has no sha256, sha512 or blake2b-256, so it can't be verified")
}

// verifyFile tells whether a file is the artifact. A file that is not there is
// not.
func verifyFile(ctx context.Context, name string, info rstuf.ArtifactInfo) (bool, error) {
	file, size, err := openRegular(name)
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

// openRegular opens a file to read it, and tells its size. It asks what the
// name stands for before it opens: opening a named pipe waits for a writer.
func openRegular(name string) (*os.File, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, notRegular(name)
	}
	file, err := os.Open(name)
	return file, info.Size(), err
}

func notRegular(name string) error {
	return &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
}

// verify compares a file's length and hashes with the metadata.
func verify(ctx context.Context, file *os.File, info rstuf.ArtifactInfo) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sums := map[string]hash.Hash{}
	var writers []io.Writer
	for algorithm := range info.Hashes {
		if hashers[algorithm] != nil {
			sums[algorithm] = hashers[algorithm]()
			writers = append(writers, sums[algorithm])
		}
	}
	n, err := io.CopyBuffer(io.MultiWriter(writers...), reader{ctx, file}, make([]byte, 128<<10))
	if err != nil {
		return err
	}
	if n != info.Length {
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrMismatch, n, info.Length)
	}
	for algorithm, sum := range sums {
		if got := hex.EncodeToString(sum.Sum(nil)); got != info.Hashes[algorithm] {
			return fmt.Errorf("%w: its %s is %s, not %s", ErrMismatch, algorithm, got, info.Hashes[algorithm])
		}
	}
	return nil
}
