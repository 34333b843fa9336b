package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/wire"
)

// Publisher adds any number of artifacts in requests of many, with bounded
// memory. Its fields may be left zero but for Client.
//
// Every request asks for publication, and few are under way: requests that
// wait to be published would each hold one of a deployment's worker processes.
// What publishing costs grows with the number of roles that it touches, and
// little with that of artifacts, so large requests are fastest. A Publisher
// starts with 1,000 artifacts a request and aims for requests of two minutes;
// what a proxy refuses as too large it sends in halves. A service that is out
// of reach is waited for, two minutes on end.
type Publisher struct {
	Client *Client
	// BatchSize sets the number of artifacts a request, for good.
	BatchSize int
	// InFlight is how many requests are under way at a time; 3 by default, so
	// that the service takes in some while it publishes others.
	InFlight int
	// Journal names a small file that remembers what is published. With it,
	// an upload that was interrupted goes on where it was when the same
	// sequence is published again. It is removed at the end. Default: none.
	Journal string
	// AddTaskIDToCustom is as in [rstuf.AddArtifacts].
	AddTaskIDToCustom bool
	// Total is the number of artifacts in the sequence, if it is known; it
	// serves Progress alone.
	Total int64
	// Progress, unless nil, is called after each request, by one goroutine at
	// a time.
	Progress func(PublishProgress)
}

// PublishProgress is how far an upload is.
type PublishProgress struct {
	// Done counts the artifacts that were published, now or by an earlier run.
	Done int64
	// Total is as in [Publisher].
	Total int64
	// Bytes is the sum of the lengths of the artifacts published now.
	Bytes int64
	// Rate is in artifacts a second, in this run.
	Rate    float64
	Elapsed time.Duration
	// Left is the time that the rest will take; 0 if Total is unknown.
	Left time.Duration
}

// PublishReport is what became of an upload.
type PublishReport struct {
	// Added counts the artifacts that were published.
	Added int64
	// Skipped counts those that an earlier run had published, by the journal.
	Skipped int64
	// Invalid counts those that break a rule of the API or match no delegated
	// role.
	Invalid int64
	// Failed counts those that could not be read, and those of requests that
	// failed.
	Failed int64
	// Unfinished counts those of requests that the service has and whose tasks
	// had not ended when the upload did, and Tasks are the ids of these: they
	// may still be published (see [Client.Task]).
	Unfinished int64
	Tasks      []string
	// Problems tells of those invalid or failed, of the first thousand.
	Problems []Problem
	// Waiting are roles whose next version, with artifacts of this upload, waits
	// for signatures: clients do not see these artifacts before.
	Waiting []rstuf.WaitingRole
	// Bytes is the sum of the lengths of the artifacts added.
	Bytes    int64
	Requests int
	Elapsed  time.Duration
}

// Problem is an artifact that was not published, and why.
type Problem struct {
	Path string
	Err  error
}

const (
	firstBatch     = 1000
	largestBatch   = 100_000
	largestBody    = 16 << 20
	batchAim       = 2 * time.Minute
	uploadAim      = 15 * time.Second // well below the default timeout
	defaultFlights = 3
	maxProblems    = 1000
)

// Publish adds the artifacts and waits until they are published. Artifacts
// that are invalid are reported, and the rest goes on; the error says so in the
// end, for it is nil only if all are published. It is [ErrSigningPending] if
// roles of people wait for signatures. The first request that fails ends the upload: the report tells how far it
// came. A path should stand in the sequence once, since nothing tells which of
// two requests is published last.
func (p *Publisher) Publish(ctx context.Context, artifacts iter.Seq[rstuf.Artifact]) (PublishReport, error) {
	if artifacts == nil {
		return PublishReport{}, errors.New("publish artifacts: there is no sequence of artifacts: it is nil")
	}
	return p.PublishFiles(ctx, func(yield func(rstuf.Artifact, error) bool) {
		for a := range artifacts {
			if !yield(a, nil) {
				return
			}
		}
	})
}

// PublishFiles is [Publisher.Publish] for a sequence that may fail for single
// artifacts, such as that of [HashFolder]: they are reported, and the rest goes
// on. An error without a path ends the upload.
func (p *Publisher) PublishFiles(ctx context.Context, files iter.Seq2[rstuf.Artifact, error]) (PublishReport, error) {
	if p.Client == nil {
		return PublishReport{}, errors.New("publish artifacts: Publisher.Client is not set")
	}
	if files == nil {
		return PublishReport{}, errors.New("publish artifacts: there is no sequence of files: it is nil")
	}
	journal, err := openJournal(p.Journal, p.Client.base)
	if err != nil {
		return PublishReport{}, err
	}
	run := &upload{Publisher: p, journal: journal, start: time.Now(), roles: map[string]bool{}}
	run.size.Store(firstBatch)
	if p.BatchSize > 0 {
		run.size.Store(int64(p.BatchSize))
	}
	run.flights.SetLimit(defaultFlights)
	if p.InFlight > 0 {
		run.flights.SetLimit(p.InFlight)
	}
	err = run.all(ctx, files)
	if sendErr := run.flights.Wait(); sendErr != nil {
		err = sendErr
	}
	run.report.Elapsed = time.Since(run.start)
	if err == nil {
		err = journal.remove()
	}
	if err == nil {
		err = run.incomplete(ctx)
	}
	return run.report, err
}

// incomplete is the error of an upload that went to its end and has not
// published everything.
func (u *upload) incomplete(ctx context.Context) error {
	var all []error
	if left := u.report.Invalid + u.report.Failed; left > 0 {
		first := u.report.Problems[0]
		all = append(all, fmt.Errorf("publish artifacts: %d of %d were not published, the first: %s: %w",
			left, left+u.report.Added+u.report.Skipped, quote.Word(first.Path), first.Err))
	}
	task := rstuf.Task{State: rstuf.TaskSuccess, Result: &rstuf.TaskResult{
		Task: wire.TaskAddArtifacts, Details: &rstuf.TaskDetails{ArtifactRoles: slices.Sorted(maps.Keys(u.roles))},
	}}
	var missing *IncompleteError
	switch err := u.Client.incomplete(ctx, task); {
	case errors.As(err, &missing):
		u.report.Waiting = missing.Missing.Waiting
		all = append(all, fmt.Errorf("publish artifacts: %w", missing.Missing))
	case err != nil:
		all = append(all, err)
	}
	return errors.Join(all...)
}

// upload is one run of a Publisher.
type upload struct {
	*Publisher
	journal *journal
	start   time.Time
	flights errgroup.Group
	size    atomic.Int64 // of the next batch
	stopped atomic.Bool

	mu     sync.Mutex // guards report and limit, and calls Progress
	report PublishReport
	roles  map[string]bool // roles whose artifacts were changed
	limit  int64           // the largest batch that a proxy lets pass; 0 if unknown
}

// all reads the sequence and sends it in batches.
func (u *upload) all(ctx context.Context, files iter.Seq2[rstuf.Artifact, error]) error {
	current := newBatch(0)
	var encoded []byte
	for artifact, err := range files {
		if ctx.Err() != nil {
			return fmt.Errorf("publish artifacts: %w", ctx.Err())
		}
		if u.stopped.Load() {
			return nil // the request that failed has the error
		}
		unread := err != nil
		if unread && artifact.Path == "" {
			return err
		}
		if err == nil {
			err = artifact.Validate()
		}
		if err == nil {
			encoded, err = appendArtifact(encoded[:0], &artifact)
		}
		if err != nil {
			encoded = append(encoded[:0], artifact.Path...)
		}
		published, journalErr := u.journal.next(encoded)
		switch {
		case journalErr != nil:
			return journalErr
		case err != nil:
			u.refuse(artifact.Path, err, unread)
			continue
		case published:
			u.note(func(r *PublishReport) { r.Skipped++ })
			continue
		}
		current.add(encoded, artifact.Path, artifact.Info.Length)
		if int64(len(current.ends)) >= u.size.Load() || len(current.items) >= largestBody {
			room := min(len(current.items)*9/8, largestBody)
			u.dispatch(ctx, current)
			current = newBatch(room)
		}
	}
	if err := u.journal.end(); err != nil {
		return err
	}
	if len(current.ends) > 0 {
		u.dispatch(ctx, current)
	}
	return nil
}

// dispatch sends a batch beside the others, once there is room.
func (u *upload) dispatch(ctx context.Context, b *batch) {
	u.journal.begin(b)
	u.flights.Go(func() error {
		if u.stopped.Load() {
			return nil
		}
		start := time.Now()
		done, err := b.send(ctx, u.Client, 0, len(b.ends), u.AddTaskIDToCustom)
		if err == nil {
			err = u.journal.published(b)
		}
		if err != nil {
			u.stopped.Store(true)
			err = fmt.Errorf("publish artifacts: %w", err)
		} else if u.BatchSize <= 0 {
			u.adapt(len(b.ends), done, time.Since(start))
		}
		u.account(b, done, err)
		return err
	})
}

// adapt sets the size of the next batches by the time that one took.
func (u *upload) adapt(sent int, done outcome, took time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if done.largest < sent {
		u.limit = int64(done.largest)
	}
	factor := min(float64(batchAim)/float64(took+1), float64(uploadAim)/float64(done.upload+1))
	size := min(max(int64(float64(sent)*min(max(factor, 0.5), 8)), firstBatch), largestBatch)
	if u.limit > 0 {
		size = min(size, u.limit)
	}
	u.size.Store(size)
}

// account adds a batch to the report and tells of the progress.
func (u *upload) account(b *batch, done outcome, err error) {
	for _, path := range done.invalid {
		u.refuse(path, errNoRole, false)
	}
	u.mu.Lock()
	for _, role := range done.roles {
		u.roles[role] = true
	}
	u.mu.Unlock()
	var unfinished *UnfinishedError
	u.note(func(r *PublishReport) {
		r.Requests += done.requests
		r.Added += done.added
		left := int64(len(b.ends)) - done.added - int64(len(done.invalid))
		switch {
		case err == nil:
			r.Bytes += b.bytes - b.bytesOf(done.invalid)
		case errors.As(err, &unfinished):
			r.Unfinished += left
			r.Tasks = append(r.Tasks, unfinished.TaskID)
		default:
			r.Failed += left
		}
		if u.Progress == nil {
			return
		}
		p := PublishProgress{Done: r.Added + r.Skipped, Total: u.Total, Bytes: r.Bytes, Elapsed: time.Since(u.start)}
		if p.Elapsed > 0 {
			p.Rate = float64(p.Done-r.Skipped) / p.Elapsed.Seconds()
		}
		if left := p.Total - p.Done - r.Invalid - r.Failed; p.Rate > 0 && left > 0 {
			p.Left = time.Duration(float64(left) / p.Rate * float64(time.Second))
		}
		u.Progress(p)
	})
}

var errNoRole = errors.New("no delegated role takes this path")

// refuse reports an artifact that is not published.
func (u *upload) refuse(path string, err error, failed bool) {
	u.note(func(r *PublishReport) {
		if failed {
			r.Failed++
		} else {
			r.Invalid++
		}
		if len(r.Problems) < maxProblems {
			r.Problems = append(r.Problems, Problem{path, err})
		}
	})
}

func (u *upload) note(change func(*PublishReport)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.report)
}
