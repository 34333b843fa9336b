package client

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"net/http"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
)

// batch is one request of an upload: artifacts that are encoded already.
type batch struct {
	items []byte // the request's head, then JSON objects with a comma after each
	ends  []int  // where each object's comma is
	bytes int64  // the sum of the artifacts' lengths
	sizes []size // the artifacts, for when some of them are not added
	mark  mark   // where the upload stands once it is published
}

// size is the length of an artifact by a hash of its path: the paths themselves
// are not kept while the service works.
type size struct {
	path   uint64
	length int64
}

var pathSeed = maphash.MakeSeed()

// bytesOf is the sum of the lengths of the artifacts at these paths.
func (b *batch) bytesOf(paths []string) (sum int64) {
	if len(paths) == 0 {
		return 0
	}
	wanted := make(map[uint64]bool, len(paths))
	for _, path := range paths {
		wanted[maphash.String(pathSeed, path)] = true
	}
	for _, s := range b.sizes {
		if wanted[s.path] {
			sum += s.length
		}
	}
	return sum
}

// newBatch makes room for about size bytes.
func newBatch(size int) *batch {
	return &batch{items: append(make([]byte, 0, size+len(addArtifactsHead)+maxTail), addArtifactsHead...)}
}

// add appends an encoded artifact.
func (b *batch) add(encoded []byte, path string, length int64) {
	b.sizes = append(b.sizes, size{maphash.String(pathSeed, path), length})
	b.items = append(b.items, encoded...)
	b.ends = append(b.ends, len(b.items))
	b.items = append(b.items, ',')
	b.bytes += length
}

// body is the request for the artifacts from first to before last. That for
// all of them is made in place.
func (b *batch) body(first, last int, addTaskID bool) []byte {
	if first == 0 {
		return appendAddArtifactsTail(b.items[:b.ends[last-1]:b.room(last)], addTaskID, false)
	}
	items := b.items[b.ends[first-1]+1 : b.ends[last-1]]
	body := make([]byte, 0, len(addArtifactsHead)+len(items)+maxTail)
	body = append(append(body, addArtifactsHead...), items...)
	return appendAddArtifactsTail(body, addTaskID, false)
}

// room is how far the items may be written over.
func (b *batch) room(last int) int {
	if last == len(b.ends) {
		return cap(b.items)
	}
	return b.ends[last-1]
}

// outcome is what became of a batch.
type outcome struct {
	added    int64
	invalid  []string // paths that match no delegated role
	roles    []string // roles whose artifacts were changed
	requests int
	largest  int           // artifacts in the largest request that was not too large
	upload   time.Duration // until the service had taken the slowest request
}

// send publishes the artifacts from first to before last and waits for the
// end. What is too large for a proxy on the way is sent in halves.
func (b *batch) send(ctx context.Context, c *Client, first, last int, addTaskID bool) (outcome, error) {
	task, upload, err := submitPatiently(ctx, c, b.body(first, last, addTaskID))
	var answer *Error
	if errors.As(err, &answer) && answer.Status == http.StatusRequestEntityTooLarge && last-first > 1 {
		middle := (first + last) / 2
		one, err := b.send(ctx, c, first, middle, addTaskID)
		if err != nil {
			return one, err
		}
		two, err := b.send(ctx, c, middle, last, addTaskID)
		return outcome{one.added + two.added, append(one.invalid, two.invalid...),
			append(one.roles, two.roles...), one.requests + two.requests, max(one.largest, two.largest), max(one.upload, two.upload)}, err
	}
	if err != nil {
		return outcome{}, err
	}
	if first == 0 && last == len(b.ends) {
		b.items = nil // it is with the service now
	}
	done := outcome{requests: 1, largest: last - first, upload: upload}
	var result addResult
	ended := rstuf.Task{}
	for state, err := range task.watch(ctx, func(ctx context.Context) (rstuf.Task, error) {
		result = addResult{}
		err := task.get(ctx, &result)
		if err == nil && result.State == "" {
			err = noData(http.MethodGet, taskPath)
		}
		return result.task(), err
	}) {
		if err != nil {
			return done, err
		}
		ended = state
	}
	if !ended.Succeeded() {
		return done, &TaskError{ended}
	}
	done.invalid = result.Result.Details.Invalid
	done.roles = result.Result.Details.Roles
	done.added = int64(last - first - len(done.invalid))
	if n := result.Result.Details.Added; n != nil {
		done.added = int64(*n)
	}
	return done, nil
}

// submitPatiently queues a request to add artifacts, and tells how long the
// service took to take it. A service that is out of reach is waited for, as
// with a task: adding again is safe.
func submitPatiently(ctx context.Context, c *Client, body []byte) (task *Task, took time.Duration, err error) {
	begin := time.Now()
	for try := 0; ; try++ {
		start := time.Now()
		task, err = c.submit(ctx, call{method: http.MethodPost, path: artifactsPath, body: body, repeat: true})
		if err == nil || !errors.Is(err, ErrUnavailable) || time.Since(begin) > maxOutage {
			return task, time.Since(start), err
		}
		if transport.Sleep(ctx, transport.Backoff(time.Second, 10*time.Second, try)) != nil {
			return nil, 0, err
		}
	}
}

// addResult is a task as a bulk upload reads it: without a string for every
// artifact, and without decoding twice to keep unknown fields.
type addResult struct {
	ID     string          `json:"task_id"`
	State  rstuf.TaskState `json:"state"`
	Result struct {
		Message string `json:"message"`
		Error   string `json:"error"`
		Status  *bool  `json:"status"`
		Task    string `json:"task"`
		Details struct {
			Added   *countStrings `json:"added_artifacts"`
			Invalid []string      `json:"invalid_paths"`
			Roles   rstuf.Names   `json:"artifact_roles"`
		} `json:"details"`
	} `json:"result"`
}

func (r *addResult) task() rstuf.Task {
	return rstuf.Task{ID: r.ID, State: r.State, Result: &rstuf.TaskResult{
		Message: r.Result.Message, Error: r.Result.Error, Status: r.Result.Status, Task: r.Result.Task,
	}}
}

// countStrings decodes a list of strings to their number.
type countStrings int

func (n *countStrings) UnmarshalJSON(list []byte) error {
	*n = 0
	for quotes := 0; ; {
		at := bytes.IndexAny(list, `"\`)
		if at < 0 {
			return nil
		}
		if list[at] == '\\' {
			list = list[at+2:]
			continue
		}
		if quotes++; quotes%2 == 0 {
			*n++
		}
		list = list[at+1:]
	}
}
