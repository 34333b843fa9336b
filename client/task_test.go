package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

// taskStates answers each look at a task with the next state; the last one
// stays.
func taskStates(looks *atomic.Int64, states ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := min(int(looks.Add(1)), len(states))
		io.WriteString(w, `{"data": `+states[n-1]+`}`)
	})
}

const succeeded = `{"task_id": "x", "state": "SUCCESS", "result": {"status": true}}`

func TestWaitForAnUnknownTask(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var looks atomic.Int64
		api := offline(t, taskStates(&looks, `{"task_id": "x", "state": "PENDING"}`), client.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		task, err := api.Task("x").Wait(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Contains(t, err.Error(), "the service does not know this id")
		assert.Equal(t, rstuf.TaskPending, task.State)
		assert.Equal(t, time.Hour, time.Since(start))
		assert.Less(t, looks.Load(), int64(1900), "it looks every two seconds at the least pace")
	})
}

// TestWaitingCosts: the pauses grow with the time that the task takes.
func TestWaitingCosts(t *testing.T) {
	for _, takes := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 3 * time.Second, time.Minute} {
		inBubble(t, func(t *testing.T) {
			start := time.Now()
			looks := 0
			api := offline(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				looks++
				if time.Since(start) < takes {
					io.WriteString(w, `{"data": {"task_id": "x", "state": "RUNNING"}}`)
					return
				}
				io.WriteString(w, `{"data": `+succeeded+`}`)
			}), client.Config{})
			_, err := api.Task("x").Wait(t.Context())
			require.NoError(t, err)
			assert.Less(t, time.Since(start), takes+takes/3+2*time.Millisecond)
			assert.Less(t, looks, 70)
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var looks atomic.Int64
		api := offline(t, taskStates(&looks, `{"task_id": "x", "state": "RUNNING"}`), client.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		_, err := api.Task("x").Wait(ctx)
		require.ErrorIs(t, err, context.Canceled)
		assert.EqualError(t, err, "task x: still RUNNING after 1m0s: context canceled")

		_, err = api.Task("x").Wait(ctx)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestWatchTellsEachChange(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var looks atomic.Int64
		api := offline(t, taskStates(&looks,
			`{"task_id": "x", "state": "PENDING"}`,
			`{"task_id": "x", "state": "PENDING"}`,
			`{"task_id": "x", "state": "STARTED", "result": {}}`,
			`{"task_id": "x", "state": "RUNNING", "result": {"message": "Publishing", "details": {"published_roles": [], "roles_to_publish": "['bins-0', 'bins-1']"}}}`,
			`{"task_id": "x", "state": "RUNNING", "result": {"message": "Publishing", "details": {"published_roles": ["bins-0"], "roles_to_publish": "['bins-1']"}}}`,
			`{"task_id": "x", "state": "RUNNING", "result": {"message": "Publishing", "details": {"published_roles": ["bins-0"], "roles_to_publish": "['bins-1']"}}}`,
			succeeded), client.Config{})
		var states []rstuf.TaskState
		var published []int
		for task, err := range api.Task("x").Watch(t.Context()) {
			require.NoError(t, err)
			states = append(states, task.State)
			n := 0
			if task.Result != nil && task.Result.Details != nil {
				n = len(task.Result.Details.PublishedRoles)
			}
			published = append(published, n)
		}
		assert.Equal(t, []rstuf.TaskState{"PENDING", "STARTED", "RUNNING", "RUNNING", "SUCCESS"}, states)
		assert.Equal(t, []int{0, 0, 0, 1, 0}, published)

		before := looks.Load()
		for range api.Task("x").Watch(t.Context()) {
			break
		}
		assert.Equal(t, before+1, looks.Load())
	})
}

func TestEndsThatAreNoSuccess(t *testing.T) {
	for body, want := range map[string]string{
		`{"task_id": "x", "state": "ERRORED", "result": {"task": "bootstrap", "message": "Bootstrap Failed", "error": "why", "status": false}}`: "task x (bootstrap): ERRORED: why",
		`{"task_id": "x", "state": "FAILURE", "result": {"message": "it broke"}}`:                                                               "task x: FAILURE: it broke",
		`{"task_id": "x", "state": "REVOKED"}`:                                                     "task x: REVOKED",
		`{"task_id": "x", "state": "REJECTED"}`:                                                    "task x: REJECTED",
		`{"task_id": "x", "state": "IGNORED", "result": null}`:                                     "task x: IGNORED",
		`{"task_id": "x", "state": "SUCCESS", "result": {"status": false, "error": "not at all"}}`: "task x: SUCCESS: not at all",
	} {
		inBubble(t, func(t *testing.T) {
			var looks atomic.Int64
			api := offline(t, taskStates(&looks, body), client.Config{})
			start := time.Now()
			task, err := api.Task("x").Wait(t.Context())
			var failed *client.TaskError
			require.ErrorAs(t, err, &failed)
			assert.EqualError(t, err, want)
			assert.Equal(t, task, failed.Task)
			assert.Zero(t, time.Since(start), "at once")
		})
	}
}

// TestWaitBearsAnOutage: a service that is restarted costs nobody his wait,
// and one that is gone does not keep him for ever.
func TestWaitBearsAnOutage(t *testing.T) {
	for name, outage := range map[string]http.HandlerFunc{
		"no connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"500":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"502":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); io.WriteString(w, page) },
		"web page":      func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				start := time.Now()
				lasts := time.Minute
				api := servePipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch since := time.Since(start); {
					case since < 2*time.Second:
						io.WriteString(w, `{"data": {"task_id": "x", "state": "RUNNING"}}`)
					case since < lasts:
						outage(w, r)
					default:
						io.WriteString(w, `{"data": `+succeeded+`}`)
					}
				}), client.Config{})
				_, err := api.Task("x").Wait(t.Context())
				require.NoError(t, err)
				assert.Less(t, time.Since(start), 2*time.Minute)

				start, lasts = time.Now(), 24*time.Hour
				_, err = api.Task("x").Wait(t.Context())
				require.Error(t, err)
				assert.Less(t, time.Since(start), 5*time.Minute)
			})
		})
	}
}

func TestWaitEndsAtARefusal(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		looks := 0
		api := offline(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			looks++
			w.WriteHeader(http.StatusForbidden)
		}), client.Config{})
		_, err := api.Task("x").Wait(t.Context())
		var answer *client.Error
		require.ErrorAs(t, err, &answer)
		assert.Equal(t, http.StatusForbidden, answer.Status)
		assert.Equal(t, 1, looks)
	})
}

// TestRetryAfterIsHeeded: the pause that the service asks for is kept.
func TestRetryAfterIsHeeded(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"Retry-After: 7":  7 * time.Second,
		"Retry-After: 60": time.Minute,
		"Retry-After: Sat, 01 Jan 2000 00:00:30 GMT": 30 * time.Second, // the bubble's clock starts on that day
	} {
		inBubble(t, func(t *testing.T) {
			api := offline(t, &faultProxy{service: newFakeAPI(), faults: repeated(status(503, header, ""), 1)}, client.Config{})
			start := time.Now()
			_, err := api.BootstrapState(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, time.Since(start))
		})
	}
	// A date counts from the answer's own, whatever the clock here says.
	inBubble(t, func(t *testing.T) {
		skewed := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Date", "Mon, 01 Jan 2035 00:00:00 GMT")
			w.Header().Set("Retry-After", "Mon, 01 Jan 2035 00:00:20 GMT")
			w.WriteHeader(429)
		}
		api := offline(t, &faultProxy{service: newFakeAPI(), faults: repeated(skewed, 1)}, client.Config{})
		start := time.Now()
		_, err := api.BootstrapState(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 20*time.Second, time.Since(start))
	})
	inBubble(t, func(t *testing.T) {
		api := offline(t, &faultProxy{service: newFakeAPI(), faults: repeated(status(503, "Retry-After: 61", ""), 1)}, client.Config{})
		start := time.Now()
		_, err := api.BootstrapState(t.Context())
		var answer *client.Error
		require.ErrorAs(t, err, &answer)
		assert.Equal(t, 61*time.Second, answer.RetryAfter)
		assert.Zero(t, time.Since(start))
	})
}

func TestFalseFailuresOfDelegations(t *testing.T) {
	var looks atomic.Int64
	api := offline(t, taskStates(&looks, `{"task_id": "x", "state": "SUCCESS", "result": {"status": true, "details": {"delegated_roles": ["a"],
		"failed_roles": [{"role": "a", "reason": "no"}, {"role": "b", "reason": ["no", "never"]}, {"role": "b", "reason": "no"}]}}}`), client.Config{})
	task, err := api.Task("x").Wait(t.Context())
	var missing *client.IncompleteError
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, task.Result.Details.FailedRoles, missing.Missing.FailedRoles)
	assert.Equal(t, []rstuf.FailedRole{{Role: "b", Reason: "no; never"}}, task.Result.Details.FailedRoles)
}

func TestTaskIDsAreEscaped(t *testing.T) {
	var query string
	api := offline(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Get("task_id")
		json.NewEncoder(w).Encode(map[string]any{"data": rstuf.Task{ID: query, State: rstuf.TaskPending}})
	}), client.Config{})
	_, err := api.Task("a&b=c d/é").State(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "a&b=c d/é", query)
}
