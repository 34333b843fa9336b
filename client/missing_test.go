package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

// sayingNothing answers as a deployed RSTUF does: the task is a success, and what waits
// for signatures is told by GET /metadata/sign alone.
func sayingNothing(task string, status int, pending string, looks *int) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/artifacts/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"data": {"task_id": "x"}}`)
	})
	mux.HandleFunc("GET /api/v1/task/{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"data": {"task_id": "x", "state": "SUCCESS", "result": `+task+`}}`)
	})
	mux.HandleFunc("GET /api/v1/metadata/sign", func(w http.ResponseWriter, _ *http.Request) {
		*looks++
		w.WriteHeader(status)
		io.WriteString(w, pending)
	})
	return mux
}

const (
	addedTo = `{"status": true, "task": "add_artifacts", "details": {"added_artifacts": ["f"], "artifact_roles": ["ROLE"]}}`
	waiting = `{"data": {"metadata": {"ROLE": {"signatures": [], "signed": {"_type": "targets"}}, "trusted_targets": {"signed": {"delegations": {"keys": {},
		"roles": [{"name": "ROLE", "keyids": ["k1", "k2"], "threshold": 2, "paths": ["*"], "terminating": true}]}}}}}}`
	nothing = `{"data": {"metadata": {}}, "message": "No metadata pending signing available"}`
)

// Wait and a Publisher find the role that waits, whatever its name; a name like
// a hash bin's does not hide it.
func TestWaitLooksAtWhatIsPending(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"people", "bins-a", "bins-feed"} {
		var looks int
		named := strings.NewReplacer("ROLE", role)
		api := offline(t, sayingNothing(named.Replace(addedTo), 200, named.Replace(waiting), &looks), client.Config{})
		task, err := api.Task("x").Wait(t.Context())
		require.ErrorIs(t, err, client.ErrSigningPending, role)
		assert.Equal(t, rstuf.TaskSuccess, task.State)
		var missing *client.IncompleteError
		require.ErrorAs(t, err, &missing)
		want := []rstuf.WaitingRole{{Role: role, Threshold: 2, Unsigned: []string{"k1", "k2"}}}
		assert.Equal(t, want, missing.Missing.Waiting)
		assert.Equal(t, 1, looks)

		report, err := (&client.Publisher{Client: api}).Publish(t.Context(), artifacts(1))
		require.ErrorIs(t, err, client.ErrSigningPending, role)
		assert.Equal(t, want, report.Waiting)
		assert.Equal(t, 2, looks, "a Publisher looks once, at its end")
	}
}

// Wait asks for what is pending only after a task that can have left something,
// and is not done if it cannot know.
func TestWaitWhereNothingIsKnownToWait(t *testing.T) {
	for name, c := range map[string]struct {
		task    string
		status  int
		pending string
		asks    bool
		fails   bool
	}{
		"nothing waits":            {addedTo, 200, nothing, true, false},
		"another role waits":       {addedTo, 200, strings.ReplaceAll(waiting, "ROLE", "other"), true, false},
		"no roles were changed":    {`{"status": true, "task": "add_artifacts", "details": {"added_artifacts": []}}`, 500, "", false, false},
		"a task without details":   {`{"status": true, "task": "add_artifacts"}`, 500, "", false, false},
		"settings wait for nobody": {`{"status": true, "task": "update_settings", "details": {"updated_roles": ["ROLE"]}}`, 500, "", false, false},
		"one may not ask":          {addedTo, 403, `{"detail": "forbidden"}`, true, false},
		"nothing to ask":           {addedTo, 404, `{"detail": "Not Found"}`, true, false},
		"the service is at fault":  {addedTo, 500, `{"detail": "broken"}`, true, true},
	} {
		inBubble(t, func(t *testing.T) { // a server's fault is asked again after a pause
			var looks int
			api := offline(t, sayingNothing(c.task, c.status, c.pending, &looks), client.Config{})
			task, err := api.Task("x").Wait(t.Context())
			assert.Equal(t, c.fails, err != nil, "%s: %v", name, err)
			assert.NotErrorIs(t, err, client.ErrSigningPending, name)
			assert.Equal(t, rstuf.TaskSuccess, task.State, "%s: the task is beside the error", name)
			assert.Equal(t, c.asks, looks > 0, name)
		})
	}
}

// A look that does not reach the service is an error too: whether signatures
// are missing is not known.
func TestWaitWhenTheLookDoesNotReach(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var looks int
		handler := sayingNothing(addedTo, 200, nothing, &looks)
		unreached := errors.New("no route")
		api, err := client.New("http://rstuf.example", client.Config{HTTPClient: &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/metadata/sign") {
				return nil, unreached
			}
			return inMemory{handler}.RoundTrip(r)
		})}})
		require.NoError(t, err)
		task, err := api.Task("x").Wait(t.Context())
		require.ErrorIs(t, err, unreached)
		assert.Equal(t, rstuf.TaskSuccess, task.State)
	})
}

// transportFunc is a transport that is a function.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
