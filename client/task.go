package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/transport"
)

// The pause between two looks at a task grows from the first to the last by a
// quarter each time, so that waiting costs at most a quarter more than the
// task takes.
const (
	firstLook = time.Millisecond
	lastLook  = 2 * time.Second
	// maxOutage is how long the service may be out of reach while a task is
	// waited for.
	maxOutage = 2 * time.Minute
)

// Task is the handle of a task that the service has queued. It holds nothing
// but the id, so it can be made anew from it.
type Task struct {
	client *Client
	id     string
}

// Task is the handle of the task with this id.
func (c *Client) Task(id string) *Task { return &Task{c, id} }

// Tasks lists tasks, the newest first and at most limit (1 to 1,000), without their
// details: those that have not ended, then those whose results are kept (GET
// /tasks/). The embedded service has it; a deployed RSTUF does not ([ErrNotFound]).
func (c *Client) Tasks(ctx context.Context, limit int) ([]rstuf.Task, error) {
	var list []rstuf.Task
	err := c.do(ctx, call{method: http.MethodGet, path: tasksPath, query: url.Values{"limit": {strconv.Itoa(limit)}}, repeat: true}, &list)
	return list, err
}

// ID is the task's id.
func (t *Task) ID() string { return t.id }

// State asks once how far the task is (GET /task/). The state of an id that
// the service does not know is PENDING.
func (t *Task) State(ctx context.Context) (rstuf.Task, error) {
	var task rstuf.Task
	if err := t.get(ctx, &task); err != nil {
		return rstuf.Task{}, err
	}
	if task.State == "" {
		return rstuf.Task{}, noData(http.MethodGet, taskPath)
	}
	dropFalseFailures(&task)
	return task, nil
}

// get asks for the task in any form.
func (t *Task) get(ctx context.Context, data any) error {
	if t.id == "" {
		return errors.New("GET " + taskPath + ": the task's id is empty")
	}
	return t.client.do(ctx, call{method: http.MethodGet, path: taskPath, query: url.Values{"task_id": {t.id}}, repeat: true}, data)
}

// Wait returns the task once it has ended, and nil if all that was asked has
// happened. If the task failed, the error is a [TaskError]; if it has left out
// some of it, or a role that it changed waits for signatures, an
// [IncompleteError]. When clients can see it is another question: see WaitFor of
// package repository. Failures to reach the service are borne for two
// minutes on end. A task that the service does not know never ends: give ctx a
// deadline.
func (t *Task) Wait(ctx context.Context) (rstuf.Task, error) {
	return t.client.WaitTask(ctx, t.id, nil)
}

// WaitTask is [Task.Wait] by id, and calls progress, unless it is nil, with
// the task whenever something about it has changed.
func (c *Client) WaitTask(ctx context.Context, id string, progress func(rstuf.Task)) (rstuf.Task, error) {
	var last rstuf.Task
	for task, err := range c.Task(id).Watch(ctx) {
		if err != nil {
			return last, err
		}
		last = task
		if progress != nil {
			progress(task)
		}
	}
	if !last.Succeeded() {
		return last, &TaskError{last}
	}
	return last, c.incomplete(ctx, last)
}

// Watch follows the task: it yields it at once, after each change (its state,
// the roles published so far) and at its end, which ends the sequence. An
// error ends it too. Whether an ended task did what was asked is for the
// caller to see, see [rstuf.Task.Succeeded] and [rstuf.Task.Missing].
func (t *Task) Watch(ctx context.Context) iter.Seq2[rstuf.Task, error] {
	return t.watch(ctx, t.State)
}

// watch follows a task with its own way of asking for the state.
func (t *Task) watch(ctx context.Context, ask func(context.Context) (rstuf.Task, error)) iter.Seq2[rstuf.Task, error] {
	return func(yield func(rstuf.Task, error) bool) {
		start := time.Now()
		seen := start // when the service last answered
		var last rstuf.Task
		for look := firstLook; ; look = min(look+look/4, lastLook) {
			task, err := ask(ctx)
			switch {
			case ctx.Err() != nil:
				yield(last, t.gaveUp(last, time.Since(start), ctx.Err()))
				return
			case err != nil && (!errors.Is(err, ErrUnavailable) && !isServerFault(err) || time.Since(seen) > maxOutage):
				yield(last, err)
				return
			case err == nil:
				seen = time.Now()
				changed := !sameProgress(last, task)
				last = task
				if changed && !yield(task, nil) || task.State.Terminal() {
					return
				}
			}
			if transport.Sleep(ctx, look) != nil {
				yield(last, t.gaveUp(last, time.Since(start), ctx.Err()))
				return
			}
		}
	}
}

// gaveUp is the error of a caller who could not wait any longer.
func (t *Task) gaveUp(last rstuf.Task, after time.Duration, cause error) error {
	return &UnfinishedError{TaskID: t.id, State: last.State, After: after, Err: cause}
}

// An UnfinishedError says that the wait for a task ended before the task, which
// goes on in the service.
type UnfinishedError struct {
	TaskID string
	// State is the last one that was seen; empty if none was.
	State rstuf.TaskState
	After time.Duration
	// Err is why nobody waits any more: that of the context.
	Err error
}

// Error is one line.
func (e *UnfinishedError) Error() string {
	state := string(e.State)
	switch e.State {
	case "":
		state = "of unknown state"
	case rstuf.TaskPending:
		state += " (queued, or the service does not know this id)"
	}
	return fmt.Sprintf("task %s: still %s after %s: %v", quote.OneLine(e.TaskID, maxLine), state, e.After.Round(time.Millisecond), e.Err)
}

// Unwrap gives the context's error.
func (e *UnfinishedError) Unwrap() error { return e.Err }

func isServerFault(err error) bool {
	var answer *Error
	return errors.As(err, &answer) && answer.Status >= 500
}

// sameProgress compares what a watcher wants to know of a task.
func sameProgress(a, b rstuf.Task) bool {
	if a.State != b.State {
		return false
	}
	am, ar := progressOf(a)
	bm, br := progressOf(b)
	return am == bm && slices.Equal(ar, br)
}

func progressOf(t rstuf.Task) (message string, published rstuf.Names) {
	if t.Result == nil {
		return "", nil
	}
	if t.Result.Details != nil {
		published = t.Result.Details.PublishedRoles
	}
	return t.Result.Message, published
}

// dropFalseFailures takes out of FailedRoles what a deployed RSTUF puts there
// by mistake: after an update of one of several delegations it reports the
// role as done, and as failed once for each other role.
func dropFalseFailures(task *rstuf.Task) {
	if task.Result == nil || task.Result.Details == nil {
		return
	}
	details := task.Result.Details
	seen := map[string]bool{}
	for _, done := range details.DelegatedRoles {
		seen[done] = true
	}
	details.FailedRoles = slices.DeleteFunc(details.FailedRoles, func(failed rstuf.FailedRole) bool {
		again := seen[failed.Role]
		seen[failed.Role] = true
		return again
	})
}
