package service

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

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
	db   *database
	now  func() time.Time
	keep time.Duration
	kept taskStats // the publisher's alone
}

// taskStats is how many results are kept.
type taskStats struct {
	count int
	bytes int64
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
type refusal struct{ message, reason string }

func (r *refusal) Error() string { return r.message + ": " + r.reason }

func refuse(message, format string, args ...any) error {
	return &refusal{message, fmt.Sprintf(format, args...)}
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
// What it returns is to be kept once the transaction has succeeded.
func (r *results) put(tx *bolt.Tx, list []ended) (taskStats, error) {
	stats, now := r.kept, r.now()
	tasks := tx.Bucket(bucketTasks)
	for _, e := range list {
		raw, err := encodeTask(rstuf.Task{ID: e.w.id.String(), State: e.state, Result: &e.result}, now)
		if err != nil {
			return stats, fmt.Errorf("task %s: %w", e.w.id, err)
		}
		if err := tasks.Put(e.w.id[:], raw); err != nil {
			return stats, err
		}
		stats.count++
		stats.bytes += int64(len(raw))
	}
	oldest, young := now.Add(-r.keep), now.Add(-min(minKeep, r.keep))
	cursor := tasks.Cursor()
	for key, raw := cursor.First(); key != nil; key, raw = cursor.First() {
		end := taskEnd(raw)
		if end.After(young) || stats.count <= maxTasks && stats.bytes <= maxTaskBytes && end.After(oldest) {
			break
		}
		stats.count--
		stats.bytes -= int64(len(raw))
		if err := cursor.Delete(); err != nil {
			return stats, err
		}
	}
	return stats, nil
}

// encodeTask is an ended task as it is stored: when it ended, then its JSON.
func encodeTask(task rstuf.Task, end time.Time) ([]byte, error) {
	text, err := json.Marshal(task)
	return append(binary.BigEndian.AppendUint64(nil, uint64(end.Unix())), text...), err
}

const taskHeader = 8

func taskEnd(raw []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
}

// load counts the results, and returns the newest task's id.
func (r *results) load(tx *bolt.Tx) (newest taskID, err error) {
	err = tx.Bucket(bucketTasks).ForEach(func(key, raw []byte) error {
		if len(key) != len(taskID{}) || len(raw) < taskHeader {
			return errors.New("a task's entry has the wrong length")
		}
		r.kept.count++
		r.kept.bytes += int64(len(raw))
		if id := taskID(key); id.number() > newest.number() {
			newest = id
		}
		return nil
	})
	return newest, err
}

// get is the result of a task as JSON; nil if there is none.
func (r *results) get(id taskID) (raw json.RawMessage, err error) {
	err = r.db.View(func(tx *bolt.Tx) error {
		if value := tx.Bucket(bucketTasks).Get(id[:]); value != nil {
			raw = bytes.Clone(value[taskHeader:])
		}
		return nil
	})
	return raw, err
}

// task tells how a task is doing; an id that nobody knows is pending.
func (s *Service) task(text string) (json.RawMessage, error) {
	id, ok := parseTaskID(text)
	pending := rstuf.Task{ID: text, State: rstuf.TaskPending}
	if !ok {
		return json.Marshal(pending)
	}
	if w := s.queue.find(id); w != nil {
		return s.liveTask(w)
	}
	raw, err := s.results.get(id)
	if err != nil || raw == nil {
		out, _ := json.Marshal(pending)
		return out, err
	}
	return raw, nil
}

// liveTask is the task of a request that has not ended.
func (s *Service) liveTask(w *waiting) (json.RawMessage, error) {
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
	roles, err := s.rolesToPublish(w)
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
