package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/digest"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/internal/transport"
)

// partSuffix names a download that is not complete.
const partSuffix = ".part"

// Download puts the artifact into the file dest, which appears only when it is
// complete and verified. A dest that is right already is left alone. What an
// interrupted download has left in dest.part is used again; only one download
// at a time may be on the way to the same dest.
func (r *Reader) Download(ctx context.Context, artifact, dest string) (rstuf.ArtifactInfo, error) {
	if err := r.artifacts.check(artifact); err != nil {
		return rstuf.ArtifactInfo{}, err
	}
	info, err := r.Info(ctx, artifact)
	if err != nil {
		return rstuf.ArtifactInfo{}, err
	}
	return info, r.artifacts.download(ctx, artifact, info, dest, dest+partSuffix)
}

// artifactFiles are the files of the artifacts on their server.
type artifactFiles struct {
	base       *transport.Base // nil if not configured
	hashPrefix func() bool
	progress   func(artifact string, done, total int64) // may be nil

	busy sync.Map // the parts that downloads are writing
}

// check refuses what can't be asked for, before the metadata is.
func (f *artifactFiles) check(artifact string) error {
	if f == nil || f.base == nil {
		return errors.New("Config.ArtifactsURL is not set")
	}
	if transport.LeadsOut(artifact) {
		return fmt.Errorf("artifact %q: \".\" or \"..\" in its path leads out of the folder of the artifacts", artifact)
	}
	return nil
}

// name is the path of the artifact's file.
func (f *artifactFiles) name(artifact string, info rstuf.ArtifactInfo) string {
	if !f.hashPrefix() {
		return artifact
	}
	folder, name := path.Split(artifact)
	return folder + info.Hashes[checkable(info.Hashes)[0]] + "." + name
}

// download makes sure that dest is the artifact. The file grows as part, and
// is moved when it is verified.
func (f *artifactFiles) download(ctx context.Context, artifact string, info rstuf.ArtifactInfo, dest, part string) error {
	err := checkInfo(info)
	if err != nil {
		return fmt.Errorf("artifact %s: %w", artifact, err)
	}
	if same, err := verifyFile(ctx, dest, info); err != nil || same {
		return err
	}
	if _, busy := f.busy.LoadOrStore(part, true); busy {
		return fmt.Errorf("artifact %s: another download writes %s: wait for its end", artifact, part)
	}
	defer f.busy.Delete(part)
	if err := f.downloadPart(ctx, artifact, info, part); err != nil {
		return fmt.Errorf("artifact %s: %w", artifact, err)
	}
	return new(durable.Disk).Move(part, dest)
}

// downloadPart leaves a file that is complete, verified and on disk.
func (f *artifactFiles) downloadPart(ctx context.Context, artifact string, info rstuf.ArtifactInfo, part string) error {
	// A link there would have us write, and cut, the file that it leads to.
	if there, err := os.Lstat(part); err == nil && !there.Mode().IsRegular() {
		return digest.NotRegular(part)
	}
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	old, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	for fresh := old == 0; ; fresh = true {
		err := f.fetchAll(ctx, artifact, file, info)
		if err == nil {
			err = verify(ctx, file, info)
		}
		if err == nil {
			break
		}
		empty := isEmpty(file)
		if !errors.Is(err, ErrMismatch) && !empty {
			return err // the next download goes on from there
		}
		if fresh || empty {
			os.Remove(part)
			return err
		}
		// What was there before may be of another version of the artifact.
		if err := file.Truncate(0); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

func isEmpty(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Size() == 0
}

// enoughProgress is how many bytes an attempt must bring to be worth another,
// whatever their number: else a server could hold us with a byte each time.
const enoughProgress = 64 << 10

// fetchAll appends to file until it has the artifact's length. An attempt that
// breaks off is followed by another that goes on from there.
func (f *artifactFiles) fetchAll(ctx context.Context, artifact string, file *os.File, info rstuf.ArtifactInfo) error {
	failures, most := 0, int64(0)
	for {
		size, err := file.Seek(0, io.SeekEnd)
		if err != nil || size == info.Length {
			return err
		}
		if size > info.Length {
			if err := file.Truncate(0); err != nil {
				return err
			}
			continue
		}
		err = f.fetchRest(ctx, artifact, file, size, info)
		if err == nil {
			continue
		}
		now, seekErr := file.Seek(0, io.SeekEnd)
		if now-max(most, size) >= enoughProgress {
			failures = 0
		}
		most = max(most, now)
		failures++
		var broken *brokenError
		if ctx.Err() != nil || seekErr != nil || !errors.As(err, &broken) || failures > f.base.Retries() {
			return err
		}
		if err := transport.Sleep(ctx, transport.Backoff(100*time.Millisecond, 5*time.Second, failures)); err != nil {
			return err
		}
	}
}

// brokenError is a download that ended too early. It can go on from there.
type brokenError struct{ err error }

func (e *brokenError) Error() string   { return e.err.Error() }
func (e *brokenError) Unwrap() []error { return []error{ErrUnavailable, e.err} }

// fetchRest appends what follows the first size bytes, in one request.
func (f *artifactFiles) fetchRest(ctx context.Context, artifact string, file *os.File, size int64, info rstuf.ArtifactInfo) error {
	answer, err := f.base.Open(ctx, f.name(artifact, info), size)
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := file.Truncate(answer.Start); err != nil {
		return err
	}
	if _, err := file.Seek(answer.Start, io.SeekStart); err != nil {
		return err
	}
	body := &counted{r: io.LimitReader(answer, info.Length-answer.Start+1), done: answer.Start, tell: func(done int64) {
		if f.progress != nil {
			f.progress(artifact, min(done, info.Length), info.Length)
		}
	}}
	_, err = io.CopyBuffer(writerOnly{file}, body, make([]byte, 64<<10))
	return body.check(err, answer.Sized, info.Length)
}

// counted tells how much was read through it, and keeps what went wrong in
// reading.
type counted struct {
	r    io.Reader
	done int64
	tell func(done int64)
	err  error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if n > 0 {
		c.tell(c.done)
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// check tells what came of a body that was written, by the error of writing
// and by its length: sized means that the server named its length.
func (c *counted) check(err error, sized bool, length int64) error {
	switch {
	case c.done > length:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrMismatch, length)
	case c.err != nil:
		return &brokenError{c.err}
	case err != nil || c.done == length:
		return err
	case sized:
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrMismatch, c.done, length)
	}
	return &brokenError{io.ErrUnexpectedEOF}
}

// writerOnly hides ReadFrom, which would pass by the buffer.
type writerOnly struct{ io.Writer }
