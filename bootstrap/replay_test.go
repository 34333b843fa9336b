package bootstrap_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/wire"
)

// replay answers as a recorded deployment did: one set of answers until the
// payload is sent, another one thereafter.
type replay struct {
	t             *testing.T
	answers       map[string][]answer // by step
	before, after map[string]string   // step by method and path
	task          string              // the step of the task

	mu       sync.Mutex
	payloads []json.RawMessage
	polls    int
}

type answer struct {
	Status int
	Body   json.RawMessage
}

func newReplay(t *testing.T, recording string) *replay {
	t.Helper()
	data, err := os.ReadFile(testdir.Recordings + "/" + recording + ".json")
	require.NoError(t, err)
	var steps []struct {
		Step       string
		Response   *answer
		TaskStates []answer `json:"task_states"`
	}
	require.NoError(t, json.Unmarshal(data, &steps))
	r := &replay{t: t, answers: map[string][]answer{}}
	for _, step := range steps {
		r.answers[step.Step] = step.TaskStates
		if step.Response != nil {
			r.answers[step.Step] = []answer{*step.Response}
		}
	}
	return r
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := req.Method + " " + req.URL.Path
	steps := r.before
	if len(r.payloads) > 0 {
		steps = r.after
	}
	step, poll := steps[name], 0
	switch name {
	case "POST /api/v1/bootstrap/":
		body, err := io.ReadAll(req.Body)
		assert.NoError(r.t, err)
		r.payloads = append(r.payloads, body)
	case "GET /api/v1/task/":
		step = r.task
		poll = min(r.polls, len(r.answers[step])-1)
		r.polls++
	}
	answers := r.answers[step]
	if !assert.NotEmpty(r.t, answers, "nothing is recorded for %s", name) {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answers[poll].Status)
	_, _ = w.Write(answers[poll].Body)
}

func (r *replay) run(t *testing.T, payload *rstuf.BootstrapPayload) (bootstrap.Result, error) {
	t.Helper()
	server := httptest.NewServer(r)
	defer server.Close()
	api, err := client.New(server.URL, client.Config{})
	require.NoError(t, err)
	return bootstrap.Run(t.Context(), api, payload, bootstrap.WithNow(recordedAt))
}

// TestReplay runs through the real client against recorded answers.
func TestReplay(t *testing.T) {
	t.Parallel()
	const state, post, settings, pending = "GET /api/v1/bootstrap/", "POST /api/v1/bootstrap/", "GET /api/v1/config/", "GET /api/v1/metadata/sign"
	for name, c := range map[string]struct {
		recording     string
		before, after map[string]string
		task          string
		sent          bool
		state         string
	}{
		"signatures are missing": {
			"distributed-signing",
			map[string]string{state: "bootstrap.get.after-delete", post: "bootstrap.post"},
			map[string]string{state: "bootstrap.get.signing", pending: "sign.get"},
			"bootstrap.task", true, wire.BootstrapSigning,
		},
		"signatures are missing, again": {
			"distributed-signing", map[string]string{state: "bootstrap.get.signing", pending: "sign.get"}, nil,
			"", false, wire.BootstrapSigning,
		},
		"all signatures": {
			"hash-bins",
			map[string]string{state: "pre.bootstrap.get", post: "bootstrap.post"},
			map[string]string{state: "bootstrap.get.locked", settings: "config.get"},
			"bootstrap.task", true, wire.BootstrapFinished,
		},
		"custom delegations, again": {
			"custom-delegations", map[string]string{state: "bootstrap.get", settings: "config.get"}, nil,
			"", false, wire.BootstrapFinished,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReplay(t, c.recording)
			r.before, r.after, r.task = c.before, c.after, c.task
			result, err := r.run(t, recordedPayload(t, c.recording))
			require.NoError(t, err)
			assert.Equal(t, c.sent, result.Sent)
			assert.Equal(t, c.state, result.State)
			assert.NotEmpty(t, result.TaskID)
			assert.Equal(t, c.state == wire.BootstrapFinished, result.Signed.OK())
			if c.sent {
				require.Len(t, r.payloads, 1)
				assert.JSONEq(t, string(recorded(t, c.recording)["bootstrap.post"]), string(r.payloads[0]))
			}
		})
	}
	t.Run("a task that the service refuses", func(t *testing.T) {
		t.Parallel()
		r := newReplay(t, "hash-bins")
		r.before = map[string]string{state: "pre.bootstrap.get", post: "bootstrap.post"}
		r.task = "fail.bootstrap.bad-signature.task"
		_, err := r.run(t, recordedPayload(t, "hash-bins"))
		var refused *client.TaskError
		require.ErrorAs(t, err, &refused)
	})
}
