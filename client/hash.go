package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"

	"example.org/rstuf"
	"example.org/rstuf/internal/digest"
)

// HashOptions tell how artifacts are made of files. The zero value is good.
type HashOptions struct {
	// Algorithms are any of "sha256", "sha512" and "blake2b-256"; by default
	// sha256 alone, which every TUF client can check.
	Algorithms []string
	// Prefix is put before the path of each artifact, with a slash between.
	Prefix string
	// Workers is how many files are read at a time; by default as many as
	// there are processors.
	Workers int
	// Progress, unless nil, is called by HashFolder after each file, by one
	// goroutine at a time, with the number of files and bytes so far.
	Progress func(files, bytes int64)
}

func (o HashOptions) algorithms() ([]string, error) {
	if len(o.Algorithms) == 0 {
		return []string{"sha256"}, nil
	}
	for _, name := range o.Algorithms {
		if !digest.Known(name) {
			return nil, fmt.Errorf("hash algorithm %q is none of %s", name, strings.Join(digest.Algorithms, ", "))
		}
	}
	return o.Algorithms, nil
}

// HashFile makes an artifact of the file: name is its path in the repository.
func HashFile(ctx context.Context, file, name string, options HashOptions) (rstuf.Artifact, error) {
	algorithms, err := options.algorithms()
	if err != nil {
		return rstuf.Artifact{}, err
	}
	return hashFile(ctx, file, artifactPath(options.Prefix, name), algorithms)
}

func hashFile(ctx context.Context, file, name string, algorithms []string) (rstuf.Artifact, error) {
	artifact := rstuf.Artifact{Path: name}
	if !utf8.ValidString(name) {
		return artifact, fmt.Errorf("path %q is not UTF-8", name)
	}
	f, _, err := digest.OpenRegular(file)
	if err != nil {
		return artifact, err
	}
	defer f.Close()
	length, sums, err := digest.Sum(ctx, f, algorithms...)
	if err != nil {
		return artifact, err
	}
	artifact.Info.Length, artifact.Info.Hashes = length, sums
	return artifact, nil
}

func artifactPath(prefix, name string) string {
	return path.Join(prefix, filepath.ToSlash(name))
}

// hashing is one file on its way through the workers.
type hashing struct {
	file, name string
	artifact   rstuf.Artifact
	err        error
	done       chan struct{}
}

// HashFolder makes artifacts of all files in the folder and the folders in it,
// in the order of their names. Links to files count as files. What can't be
// read comes with its path and an error, and the rest follows. An error without
// a path ends the sequence: the folder can't be read at all, an option is
// wrong, or ctx has ended.
func HashFolder(ctx context.Context, folder string, options HashOptions) iter.Seq2[rstuf.Artifact, error] {
	return func(yield func(rstuf.Artifact, error) bool) {
		algorithms, err := options.algorithms()
		if err == nil {
			err = checkFolder(folder)
		}
		if err != nil {
			yield(rstuf.Artifact{}, err)
			return
		}
		workers := options.Workers
		if workers <= 0 {
			workers = runtime.GOMAXPROCS(0)
		}
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()
		work := make(chan *hashing)
		ordered := make(chan *hashing, 4*workers) // how far the workers may be ahead
		for range workers {
			running.Go(func() {
				for h := range work {
					h.artifact, h.err = hashFile(ctx, h.file, h.name, algorithms)
					close(h.done)
				}
			})
		}
		running.Go(func() {
			defer close(ordered)
			defer close(work)
			walk(ctx, folder, options.Prefix, work, ordered)
		})
		var files, bytes int64
		for h := range ordered {
			<-h.done
			if ctx.Err() != nil {
				yield(rstuf.Artifact{}, ctx.Err())
				return
			}
			files++
			bytes += h.artifact.Info.Length
			if options.Progress != nil {
				options.Progress(files, bytes)
			}
			if !yield(rstuf.Artifact{Path: h.name, Info: h.artifact.Info}, h.err) {
				return
			}
		}
		if ctx.Err() != nil { // which ended the walk before its end
			yield(rstuf.Artifact{}, ctx.Err())
		}
	}
}

func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "hash", Path: folder, Err: errors.New("not a folder")}
	}
	return err
}

// walk hands every file to the workers, and to ordered in the order of names.
func walk(ctx context.Context, folder, prefix string, work, ordered chan<- *hashing) {
	filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return nil
		}
		name, relErr := filepath.Rel(folder, file)
		if err == nil {
			err = relErr
		}
		h := &hashing{file: file, name: artifactPath(prefix, name), err: err, done: make(chan struct{})}
		select {
		case ordered <- h:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			close(h.done)
			return nil
		}
		select {
		case work <- h:
			return nil
		case <-ctx.Done():
			close(h.done)
			return ctx.Err()
		}
	})
}
