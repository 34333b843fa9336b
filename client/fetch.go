package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"example.org/rstuf"
)

// ErrMismatch: a file is not the one that the metadata tells of.
var ErrMismatch = errors.New("the file does not match its metadata")

// partSuffix names a download that is not complete.
const partSuffix = ".part"

// Download puts the artifact into the file dest, which appears only when it is
// complete and verified. A dest that is right already is left alone. What an
// interrupted download has left in dest.part is used again; only one download
// at a time may be on the way to the same dest.
func (d *Downloader) Download(ctx context.Context, artifact, dest string) (rstuf.ArtifactInfo, error) {
	if d.artifacts == nil {
		return rstuf.ArtifactInfo{}, errors.New("DownloaderConfig.ArtifactsURL is not set")
	}
	if leadsOut(artifact) {
		return rstuf.ArtifactInfo{}, fmt.Errorf("artifact %q: \".\" or \"..\" in its path leads out of the folder of the artifacts", artifact)
	}
	info, err := d.Info(ctx, artifact)
	if err != nil {
		return rstuf.ArtifactInfo{}, err
	}
	if err := checkInfo(info); err != nil {
		return info, fmt.Errorf("artifact %s: %w", artifact, err)
	}
	if same, err := verifyFile(ctx, dest, info); err != nil || same {
		return info, err
	}
	if err := d.download(ctx, artifact, dest, info); err != nil {
		return info, fmt.Errorf("artifact %s: %w", artifact, err)
	}
	return info, nil
}

// leadsOut tells whether a server would take the path for that of another file
// than its own.
func leadsOut(artifact string) bool {
	elements := strings.Split(artifact, "/")
	return slices.Contains(elements, ".") || slices.Contains(elements, "..")
}

// download fetches the file beside dest and moves it there.
func (d *Downloader) download(ctx context.Context, artifact, dest string, info rstuf.ArtifactInfo) error {
	part := dest + partSuffix
	if _, busy := d.parts.LoadOrStore(part, true); busy {
		return fmt.Errorf("another download writes %s: wait for its end", part)
	}
	defer d.parts.Delete(part)
	// A link there would have us write, and cut, the file that it leads to.
	if there, err := os.Lstat(part); err == nil && !there.Mode().IsRegular() {
		return notRegular(part)
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
		err := d.fetchAll(ctx, artifact, file, info)
		if err == nil {
			err = verify(ctx, file, info)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, ErrMismatch) {
			return err
		}
		if fresh {
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
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(part, dest); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(dest))
}

// syncFolder makes the names in a folder last. Some systems can't; there the
// file may be gone after a crash of the machine, but never wrong.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	defer folder.Close()
	folder.Sync()
	return nil
}

// fetchAll appends to file until it has the artifact's length. An attempt that
// breaks off is followed by another that goes on from there.
func (d *Downloader) fetchAll(ctx context.Context, artifact string, file *os.File, info rstuf.ArtifactInfo) error {
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
		err = d.fetchRest(ctx, artifact, file, size, info)
		if err == nil {
			continue
		}
		now, seekErr := file.Seek(0, io.SeekEnd)
		if now > max(most, size) {
			most, failures = now, 0
		}
		failures++
		var broken *brokenError
		if ctx.Err() != nil || seekErr != nil || !errors.As(err, &broken) || failures > d.artifactHTTP.RetryMax {
			return err
		}
		if err := pause(ctx, retryPause(retryWaitMin, retryWaitMax, failures, nil)); err != nil {
			return err
		}
	}
}

// brokenError is a download that ended too early. It can go on from there.
type brokenError struct{ err error }

func (e *brokenError) Error() string   { return "the download broke off: " + e.err.Error() }
func (e *brokenError) Unwrap() []error { return []error{ErrUnavailable, e.err} }

// fetchRest appends what follows the first size bytes, in one request.
func (d *Downloader) fetchRest(ctx context.Context, artifact string, file *os.File, size int64, info rstuf.ArtifactInfo) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := newStall(d.cfg.HTTP.Timeout, cancel)
	defer stall.Stop()
	target := d.artifactURL(artifact, info)
	req, err := retryablehttp.NewRequestWithContext(withRepeat(ctx), http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	// What is stored is what was hashed: no compression on the way.
	req.Header.Set("Accept-Encoding", "identity")
	if size > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", size))
	}
	resp, err := d.artifactHTTP.Do(req)
	if resp != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
			return &brokenError{cause}
		}
		return explainDownload(ctx, target, err)
	}
	start, err := bodyStart(target, resp, size)
	if errors.Is(err, errRestart) {
		return errors.Join(&brokenError{err}, file.Truncate(0))
	}
	if err != nil {
		return err
	}
	if err := file.Truncate(start); err != nil {
		return err
	}
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		return err
	}
	body := &counted{r: io.LimitReader(resp.Body, info.Length-start+1), done: start, tell: func(done int64) {
		stall.Reset()
		if d.cfg.Progress != nil {
			d.cfg.Progress(artifact, min(done, info.Length), info.Length)
		}
	}}
	_, err = io.CopyBuffer(writerOnly{file}, body, make([]byte, 64<<10))
	if cause := context.Cause(ctx); body.err != nil && cause != nil {
		body.err = cause
	}
	return body.check(err, resp.ContentLength >= 0, info.Length)
}

// errRestart: the next request is to ask for the whole file.
var errRestart = errors.New("the server can't go on from there")

// bodyStart tells where in the file the answer's body belongs; asked is where
// the request asked for.
func bodyStart(target string, resp *http.Response, asked int64) (int64, error) {
	switch {
	case resp.StatusCode == http.StatusOK:
		return 0, nil
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && asked > 0:
		return 0, errRestart
	case resp.StatusCode == http.StatusPartialContent && asked > 0:
		var from int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from); err != nil || from != asked {
			return 0, errRestart
		}
		return asked, nil
	}
	return 0, downloadStatus(target, resp)
}

func downloadStatus(target string, resp *http.Response) error {
	err := fmt.Errorf("%s: status %d", target, resp.StatusCode)
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return fmt.Errorf("%w: %w", err, ErrNotFound)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return fmt.Errorf("%w: %w", err, ErrUnavailable)
	}
	return err
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

var errStalled = errors.New("the server sent nothing for too long")

// stall ends a download to which nothing comes any more.
type stall struct {
	timer *time.Timer
	limit time.Duration
}

func newStall(limit time.Duration, cancel context.CancelCauseFunc) *stall {
	if limit <= 0 {
		limit = defaultTimeout
	}
	return &stall{time.AfterFunc(limit, func() { cancel(errStalled) }), limit}
}

func (s *stall) Reset() { s.timer.Reset(s.limit) }
func (s *stall) Stop()  { s.timer.Stop() }
