// Package digest hashes files: the algorithms that artifacts can have, which
// are made before they are published and checked after a download.
package digest

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/crypto/blake2b"
)

// Algorithms are the names of those that are known, the usual one first.
var Algorithms = []string{"sha256", "sha512", "blake2b-256"}

// Known tells whether there is an algorithm of that name.
func Known(algorithm string) bool { return slices.Contains(Algorithms, algorithm) }

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha256":
		return sha256.New()
	case "sha512":
		return sha512.New()
	}
	h, _ := blake2b.New256(nil) // fails only for a key that is too long
	return h
}

// Sum reads r to its end, or until ctx ends, and returns how many bytes it had
// and the digests in lower-case hex. The algorithms are [Known].
func Sum(ctx context.Context, r io.Reader, algorithms ...string) (length int64, sums map[string]string, err error) {
	hashes := make([]hash.Hash, len(algorithms))
	writers := make([]io.Writer, len(algorithms))
	for i, algorithm := range algorithms {
		hashes[i] = newHash(algorithm)
		writers[i] = hashes[i]
	}
	length, err = io.CopyBuffer(io.MultiWriter(writers...), reader{ctx, r}, make([]byte, 128<<10))
	if err != nil {
		return length, nil, err
	}
	sums = make(map[string]string, len(algorithms))
	for i, algorithm := range algorithms {
		sums[algorithm] = hex.EncodeToString(hashes[i].Sum(nil))
	}
	return length, sums, nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// OpenRegular opens a file to read it, and tells its size. It asks what the
// name stands for before it opens: opening a named pipe waits for a writer.
func OpenRegular(name string) (*os.File, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, NotRegular(name)
	}
	file, err := os.Open(name)
	return file, info.Size(), err
}

// NotRegular is the error for a folder, a device and the like.
func NotRegular(name string) error {
	return &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
}
