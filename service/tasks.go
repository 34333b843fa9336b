package service

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/rstuf"
)

// Bounds of the results of ended tasks that are kept, beside Config.KeepTasks.
// Whoever waits for a task finds its result for minKeep, however many there are.
const (
	minKeep      = 10 * time.Minute
	maxTasks     = 10_000
	maxTaskBytes = 128 << 20
)

// results are those of ended tasks, in the database.
type results struct {
	store Store
	now   func() time.Time
	keep  time.Duration

	mu   sync.RWMutex // guards what follows, which the publisher alone changes
	kept keptResults
}

// keptResults are the results that are kept, in the order of their tasks' ids.
type keptResults struct {
	list  []keptResult
	bytes int64
}

type keptResult struct {
	id   taskID
	size int32
	end  int64 // as Unix time
}

func newResults(cfg Config) *results { return &results{now: cfg.Now, keep: cfg.KeepTasks} }

// outcome is how a task ended.
type outcome struct {
	state  rstuf.TaskState
	result rstuf.TaskResult
}

// ended is a task that a publication brings to its end.
type ended struct {
	w *waiting
	outcome
}

func success(now time.Time, k kind, message string, details *rstuf.TaskDetails) outcome {
	yes := true
	return outcome{rstuf.TaskSuccess, rstuf.TaskResult{
		Message: message, Status: &yes, Task: k.name(), LastUpdate: rstuf.Time{Time: now}, Details: details,
	}}
}

// refusal is an error that is the requester's: it ends the task as ERRORED and
// changes nothing.
type refusal struct {
	message, reason string
	hidden          error // what of the reason is for the log
}

func (r *refusal) Error() string { return r.message + ": " + r.reason }

func refuse(message, format string, args ...any) error {
	r := &refusal{message: message}
	for i, arg := range args {
		if err, ok := arg.(error); ok {
			if text := public(err); text != err.Error() {
				args[i], r.hidden = text, err
			}
		}
	}
	r.reason = fmt.Sprintf(format, args...)
	return r
}

// failure is an error that ends a task as FAILURE, which has a message alone.
type failure struct{ message string }

func (f *failure) Error() string { return f.message }

// refused turns an error that is the requester's into the outcome of his
// task; ok is false for all other errors.
func refused(now time.Time, k kind, err error) (o outcome, ok bool) {
	var r *refusal
	var f *failure
	var u *unpublishable
	switch {
	case errors.As(err, &r):
		no := false
		return outcome{rstuf.TaskErrored, rstuf.TaskResult{
			Message: r.message, Error: r.reason, Status: &no, Task: k.name(), LastUpdate: rstuf.Time{Time: now},
		}}, true
	case errors.As(err, &u):
		return outcome{rstuf.TaskFailure, rstuf.TaskResult{Message: u.Error()}}, true
	case errors.As(err, &f):
		return outcome{rstuf.TaskFailure, rstuf.TaskResult{Message: f.message}}, true
	}
	return o, false
}

// put stores the ends of tasks, and drops results that are too old or too many.
// What it returns is to be kept once the changes are made.
func (r *results) put(c *changes, list []ended) (keptResults, error) {
	next, now := r.kept, r.now()
	for _, e := range list {
		raw, err := encodeTask(rstuf.Task{ID: e.w.id.String(), State: e.state, Result: &e.result}, now)
		if err != nil {
			return next, fmt.Errorf("task %s: %w", e.w.id, err)
		}
		c.put(tableTasks, e.w.id.key(), raw)
		next.add(keptResult{e.w.id, int32(len(raw)), now.Unix()})
	}
	oldest, young := now.Add(-r.keep), now.Add(-min(minKeep, r.keep))
	for len(next.list) > 0 {
		first := next.list[0]
		end := time.Unix(first.end, 0)
		if end.After(young) || len(next.list) <= maxTasks && next.bytes <= maxTaskBytes && end.After(oldest) {
			break
		}
		c.delete(tableTasks, first.id.key())
		next.list, next.bytes = next.list[1:], next.bytes-int64(first.size)
	}
	return next, nil
}

// add adds a result. Whoever reads the list as it was sees nothing of it: it
// grows beyond its end, and is copied for a request that others have overtaken.
func (k *keptResults) add(result keptResult) {
	k.bytes += int64(result.size)
	i, _ := slices.BinarySearchFunc(k.list, result.id, func(r keptResult, id taskID) int { return bytes.Compare(r.id[:], id[:]) })
	if i < len(k.list) {
		k.list = slices.Clip(k.list)
	}
	k.list = slices.Insert(k.list, i, result)
}

// settle notes what is kept from now on.
func (r *results) settle(kept keptResults) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = kept
}

// encodeTask is an ended task as it is stored: when it ended, then its JSON.
func encodeTask(task rstuf.Task, end time.Time) ([]byte, error) {
	text, err := json.Marshal(task)
	return append(binary.BigEndian.AppendUint64(nil, uint64(end.Unix())), text...), err
}

const taskHeader = 8

// load reads which results there are.
func (r *results) load(ctx context.Context) error {
	return r.store.Read(ctx, tableTasks, func(key string, raw []byte) error {
		if len(key) != len(taskID{}) || len(raw) < taskHeader {
			return errors.New("a task's entry has the wrong length")
		}
		r.kept.add(keptResult{taskID([]byte(key)), int32(len(raw)), int64(binary.BigEndian.Uint64(raw))})
		return nil
	})
}

// last are the ids of the newest tasks that have ended, the newest first.
func (r *results) last(limit int) (keys []string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, result := range slices.Backward(r.kept.list) {
		if len(keys) == limit {
			break
		}
		keys = append(keys, result.id.key())
	}
	return keys
}

// get is the result of a task as JSON; nil if there is none.
func (r *results) get(ctx context.Context, id taskID) (raw json.RawMessage, err error) {
	err = r.store.Get(ctx, tableTasks, []string{id.key()}, func(_ string, value []byte) error {
		if value != nil {
			raw = bytes.Clone(value[taskHeader:])
		}
		return nil
	})
	return raw, err
}

// task tells how a task is doing; an id that nobody knows is pending.
func (s *Service) task(ctx context.Context, text string) (json.RawMessage, error) {
	id, ok := parseTaskID(text)
	pending := rstuf.Task{ID: text, State: rstuf.TaskPending}
	if !ok {
		return json.Marshal(pending)
	}
	w, raw, err := s.findTask(ctx, id)
	switch {
	case w != nil:
		return s.liveTask(ctx, w)
	case err != nil || raw == nil:
		out, _ := json.Marshal(pending)
		return out, err
	}
	return raw, nil
}

// findTask finds the request of a task that has not ended, or the result of one that
// has.
func (s *Service) findTask(ctx context.Context, id taskID) (w *waiting, raw json.RawMessage, err error) {
	if s.replica != nil {
		return s.replica.findTask(ctx, id)
	}
	if w := s.queue.find(id); w != nil { // also while its publication is announced
		return w, nil, nil
	}
	raw, err = s.results.get(ctx, id)
	return nil, raw, err
}

// liveTask is the task of a request that has not ended.
func (s *Service) liveTask(ctx context.Context, w *waiting) (json.RawMessage, error) {
	started := rstuf.Task{ID: w.id.String(), State: rstuf.TaskStarted, Result: &rstuf.TaskResult{}}
	if !w.kind.artifacts() || !w.running.Load() && !w.parked() {
		return json.Marshal(started)
	}
	if shown := w.shown.Load(); shown != nil {
		return *shown, nil
	}
	if !w.parked() {
		return w.show(nil)
	}
	roles, err := s.rolesToPublish(ctx, w)
	if err != nil {
		return json.Marshal(started) // it is being published just now
	}
	return w.show(roles)
}

// show tells whoever asks for the task which roles are being published.
func (w *waiting) show(roles []string) (json.RawMessage, error) {
	list, _ := json.Marshal(printedList(roles))
	task, err := json.Marshal(rstuf.Task{ID: w.id.String(), State: rstuf.TaskRunning, Result: &rstuf.TaskResult{
		Message:    "Publishing",
		LastUpdate: rstuf.Time{Time: w.accepted},
		Details: &rstuf.TaskDetails{
			PublishedRoles: rstuf.Names{},
			Extra:          map[string]json.RawMessage{"roles_to_publish": list},
		},
	}})
	shown := json.RawMessage(task)
	if err == nil && roles != nil {
		w.shown.Store(&shown)
	}
	return shown, err
}

// printedList is a list of role names as Python prints it, which is what a
// deployed RSTUF answers here, and so what clients are used to.
func printedList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "'" + name + "'"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
