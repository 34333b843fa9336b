package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
)

// Expected is what [Reader.WaitFor] waits for: that the repository has an
// artifact, or that it has it no more.
type Expected struct {
	Path string
	// Info, where set, is how the artifact must be described: its length and
	// the hashes that are named. Without it, any description will do.
	Info *rstuf.ArtifactInfo
	// Absent: the artifact must not be there. With Info, it must not be there
	// as described.
	Absent bool
}

// Pauses between two looks at a repository.
const (
	waitMin = 100 * time.Millisecond
	waitMax = 2 * time.Second
)

// WaitFor refreshes until the verified repository is as expected, which is when
// clients can see what was published: a deployment ends a task up to some
// seconds earlier. Each expectation must hold at one of the refreshes. A server
// that is unavailable for a while is waited for; the context bounds the whole,
// and its error says what is still missing.
func (r *Reader) WaitFor(ctx context.Context, expected ...Expected) error {
	return waitFor(ctx, r, expected)
}

type refresher interface {
	Refresh(ctx context.Context) error
	Info(ctx context.Context, artifact string) (rstuf.ArtifactInfo, error)
}

func waitFor(ctx context.Context, r refresher, missing []Expected) error {
	var last error
	for try := 0; ; try++ {
		last = r.Refresh(ctx)
		if last == nil {
			missing, last = stillMissing(ctx, r, missing)
		}
		if last == nil && len(missing) == 0 {
			return nil
		}
		// Files that are not there yet come from servers that are copies.
		if ctx.Err() == nil && last != nil && !errors.Is(last, ErrUnavailable) && !errors.Is(last, ErrUnpublished) {
			return last
		}
		if transport.Sleep(ctx, transport.Backoff(waitMin, waitMax, try)) != nil {
			return gaveUp(ctx, missing, last)
		}
	}
}

func gaveUp(ctx context.Context, missing []Expected, last error) error {
	state := "is not published yet"
	if missing[0].Absent {
		state = "is still published"
	}
	err := fmt.Errorf("artifact %s %s", missing[0].Path, state)
	if more := len(missing) - 1; more > 0 {
		err = fmt.Errorf("%w (and %d more)", err, more)
	}
	if last != nil && ctx.Err() != nil && !errors.Is(last, ctx.Err()) {
		err = fmt.Errorf("%w: %w", err, last)
	}
	return fmt.Errorf("%w: %w", err, ctx.Err())
}

// stillMissing are the expectations that do not hold now.
func stillMissing(ctx context.Context, r refresher, expected []Expected) (missing []Expected, err error) {
	for i, e := range expected {
		info, err := r.Info(ctx, e.Path)
		there := err == nil && (e.Info == nil || describes(info, *e.Info))
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNotSigned) {
			return append(missing, expected[i:]...), err
		}
		if there == e.Absent {
			missing = append(missing, e)
		}
	}
	return missing, nil
}

// describes tells whether got says what want says, and maybe more.
func describes(got, want rstuf.ArtifactInfo) bool {
	hashes := maps.Clone(want.Hashes)
	maps.DeleteFunc(hashes, func(algorithm, digest string) bool { return got.Hashes[algorithm] == digest })
	return got.Length == want.Length && len(hashes) == 0
}
