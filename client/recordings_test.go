package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/wire"
)

var recordingsDir = flag.String("recordings", testdir.Recordings, "folder with recorded exchanges")

// replay is a server that answers as one recording tells, one exchange after
// the other.
type replay struct {
	*httptest.Server
	list []testdir.Exchange

	mu      sync.Mutex
	current testdir.Exchange
	polls   int      // of a task
	got     []string // requests of the current exchange: method, path and query
	bodies  [][]byte
}

func newReplay(t *testing.T, list []testdir.Exchange) *replay {
	r := &replay{list: list}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *replay) begin(e testdir.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current, r.polls, r.got, r.bodies = e, 0, nil, nil
}

func (r *replay) requests() ([]string, [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got, r.bodies
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, req.Method+" "+req.URL.RequestURI())
	r.bodies = append(r.bodies, body)
	switch {
	case len(r.current.TaskStates) > 0:
		r.write(w, r.current.TaskStates[min(r.polls, len(r.current.TaskStates)-1)])
		r.polls++
	case len(r.got) == 1:
		r.write(w, *r.current.Response)
	default: // after a redirect: as the recording answers this elsewhere
		for _, e := range r.list {
			if e.Response != nil && e.Request.Method == req.Method && e.Request.Path == req.URL.RequestURI() {
				r.write(w, *e.Response)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

func (r *replay) write(w http.ResponseWriter, a testdir.Answer) {
	for name, value := range a.Headers {
		if strings.EqualFold(name, "location") {
			target, err := url.Parse(value)
			if err != nil {
				panic(err)
			}
			value = r.URL + target.RequestURI()
		}
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	if len(a.Body) > 0 {
		w.Write(a.Body)
	} else {
		io.WriteString(w, a.Text)
	}
}

func TestRecordings(t *testing.T) {
	all, err := testdir.ReadRecordings(testdir.Find(t, *recordingsDir))
	require.NoError(t, err)
	for name, list := range all {
		t.Run(name, func(t *testing.T) {
			server := newReplay(t, list)
			api, err := client.New(server.URL, client.Config{Retries: -1})
			require.NoError(t, err)
			for i, e := range list {
				t.Run(fmt.Sprintf("%d-%s", i, e.Step), func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					server.begin(e)
					if len(e.TaskStates) > 0 {
						checkTask(t, ctx, api, e)
					} else {
						checkExchange(t, ctx, api, server, e)
					}
				})
			}
		})
	}
}

func TestAFolderWithoutRecordingsFails(t *testing.T) {
	_, err := testdir.ReadRecordings(t.TempDir())
	require.Error(t, err)
}

// checkTask waits for a recorded task and compares what it tells.
func checkTask(t *testing.T, ctx context.Context, api *client.Client, e testdir.Exchange) {
	target, err := url.Parse(e.Request.Path)
	require.NoError(t, err)
	var want []rstuf.TaskState
	var last rstuf.Task
	for _, state := range e.TaskStates {
		var body wire.Response[rstuf.Task]
		require.NoError(t, json.Unmarshal(state.Body, &body))
		require.NotNil(t, body.Data)
		last = *body.Data
		want = append(want, last.State)
	}
	endWait := func() {}
	if !last.State.Terminal() { // nobody would see the end
		var cancel func()
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		endWait = cancel
	}
	var seen []rstuf.TaskState
	got, err := api.WaitTask(ctx, target.Query().Get("task_id"), func(task rstuf.Task) {
		if seen = append(seen, task.State); task.State == last.State {
			endWait()
		}
	})
	assert.Equal(t, slices.Compact(want), slices.Compact(seen))
	assert.Equal(t, last.State, got.State)
	assert.Equal(t, last.ID, got.ID)
	switch {
	case !last.State.Terminal():
		require.ErrorIs(t, err, context.Canceled)
	case last.Succeeded():
		// What a deployment has left out is an error, and what it reports by
		// mistake is not.
		if undone := got.Missing(); undone.Empty() {
			require.NoError(t, err)
		} else {
			var missing *client.IncompleteError
			require.ErrorAs(t, err, &missing)
			assert.Equal(t, undone, missing.Missing)
		}
		assert.Equal(t, last.Result == nil, got.Result == nil)
		if last.Result != nil && last.Result.Details != nil {
			checkDetails(t, *last.Result.Details, *got.Result.Details)
		}
	default:
		var failed *client.TaskError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, last.State, failed.Task.State)
		assert.Equal(t, last.Reason(), failed.Task.Reason())
	}
}

// checkDetails compares all but the failures that a deployment reports by
// mistake.
func checkDetails(t *testing.T, want, got rstuf.TaskDetails) {
	for _, failed := range got.FailedRoles {
		assert.NotContains(t, want.DelegatedRoles, failed.Role)
		assert.True(t, slices.ContainsFunc(want.FailedRoles, func(f rstuf.FailedRole) bool { return f == failed }))
	}
	want.FailedRoles, got.FailedRoles = nil, nil
	assert.Equal(t, want, got)
}

// typed are the calls that make the recorded requests. They return what the
// answer holds: a *client.Task or data.
var typed = map[string]func(ctx context.Context, api *client.Client, body []byte) (any, error){
	"GET /bootstrap/":    func(ctx context.Context, api *client.Client, _ []byte) (any, error) { return api.BootstrapState(ctx) },
	"GET /config/":       func(ctx context.Context, api *client.Client, _ []byte) (any, error) { return api.Settings(ctx) },
	"GET /metadata/sign": func(ctx context.Context, api *client.Client, _ []byte) (any, error) { return api.Pending(ctx) },
	"POST /artifacts/publish/": func(ctx context.Context, api *client.Client, _ []byte) (any, error) {
		return api.Publish(ctx)
	},
	"POST /bootstrap/": with(func(ctx context.Context, api *client.Client, p rstuf.BootstrapPayload) (any, error) {
		id, err := api.SubmitBootstrap(ctx, &p)
		return api.Task(id), err
	}),
	"PUT /config/": with(func(ctx context.Context, api *client.Client, p rstuf.SettingsUpdate) (any, error) {
		return api.UpdateSettings(ctx, p.Expiration)
	}),
	"POST /metadata/": with(func(ctx context.Context, api *client.Client, p rstuf.MetadataUpdate) (any, error) {
		return api.UpdateMetadata(ctx, p.Metadata[rstuf.RoleRoot])
	}),
	"POST /metadata/online": with(func(ctx context.Context, api *client.Client, p rstuf.OnlineBump) (any, error) {
		return api.BumpOnline(ctx, p.Roles...)
	}),
	"POST /metadata/sign": with(func(ctx context.Context, api *client.Client, p rstuf.MetadataSign) (any, error) {
		return api.Sign(ctx, p.Role, p.Signature)
	}),
	"POST /metadata/sign/delete": with(func(ctx context.Context, api *client.Client, p rstuf.MetadataSignDelete) (any, error) {
		return api.StopSigning(ctx, p.Role)
	}),
	"POST /delegations/": with(func(ctx context.Context, api *client.Client, p rstuf.DelegationsUpdate) (any, error) {
		return api.AddDelegations(ctx, p.Delegations)
	}),
	"PUT /delegations/": with(func(ctx context.Context, api *client.Client, p rstuf.DelegationsUpdate) (any, error) {
		return api.UpdateDelegations(ctx, p.Delegations)
	}),
	"POST /delegations/delete": with(func(ctx context.Context, api *client.Client, p rstuf.DelegationsDelete) (any, error) {
		return api.DeleteDelegations(ctx, p.Roles...)
	}),
	"POST /artifacts/": with(func(ctx context.Context, api *client.Client, p rstuf.AddArtifacts) (any, error) {
		return api.AddArtifacts(ctx, p)
	}),
	"POST /artifacts/delete": with(func(ctx context.Context, api *client.Client, p rstuf.DeleteArtifacts) (any, error) {
		return api.DeleteArtifacts(ctx, p)
	}),
}

// errNotTyped: the body can't be had from the typed call.
var errNotTyped = fmt.Errorf("no typed call makes this body")

func with[T any](do func(context.Context, *client.Client, T) (any, error)) func(context.Context, *client.Client, []byte) (any, error) {
	return func(ctx context.Context, api *client.Client, body []byte) (any, error) {
		var request T
		if json.Unmarshal(body, &request) != nil {
			return nil, errNotTyped
		}
		again, err := json.Marshal(request)
		if err != nil || !sameJSON(body, again) || string(bytes.TrimSpace(body)) == "{}" {
			return nil, errNotTyped
		}
		return do(ctx, api, request)
	}
}

// checkExchange makes the recorded request and compares the answer.
func checkExchange(t *testing.T, ctx context.Context, api *client.Client, server *replay, e testdir.Exchange) {
	call, known := typed[e.Request.Method+" "+e.Endpoint()]
	target, err := url.Parse(e.Request.Path)
	require.NoError(t, err)
	if id := target.Query().Get("task_id"); id != "" {
		call, known = func(ctx context.Context, api *client.Client, _ []byte) (any, error) { return api.Task(id).State(ctx) }, true
	}
	var got any
	err = errNotTyped
	if known {
		got, err = call(ctx, api, e.Payload())
	}
	var refused rstuf.ValidationError
	var answer *client.Error
	if err == errNotTyped || errors.As(err, &refused) && !errors.As(err, &answer) {
		// The client does not send what is wrong; what a service says to it
		// is read all the same.
		got, err = nil, api.Raw(ctx, e.Request.Method, strings.TrimPrefix(e.Request.Path, "/api/v1"), e.Payload())
	}
	requests, bodies := server.requests()
	require.NotEmpty(t, requests)
	assert.Equal(t, e.Request.Method+" "+e.Request.Path, requests[0])
	if len(e.Payload()) > 0 {
		assert.True(t, sameJSON(e.Payload(), bodies[0]) || string(e.Payload()) == string(bodies[0]), "sent %s", bodies[0])
	}
	switch {
	case e.Response.Status >= 300 && e.Response.Status < 400:
		require.Len(t, requests, 2, "the redirect is followed")
		assert.True(t, strings.HasPrefix(requests[1], e.Request.Method+" "), "the method is kept")
		assert.Equal(t, bodies[0], bodies[1], "the body is kept")
	case e.Response.Status >= 400 || hasDetail(e.Response.Body):
		checkError(t, e, err)
	default:
		require.NoError(t, err)
		checkData(t, e, got)
	}
}

func checkData(t *testing.T, e testdir.Exchange, got any) {
	var w struct {
		Data json.RawMessage `json:"data"`
	}
	require.NoError(t, json.Unmarshal(e.Response.Body, &w))
	switch got := got.(type) {
	case nil:
	case *client.Task:
		var accepted wire.Accepted
		require.NoError(t, json.Unmarshal(w.Data, &accepted))
		assert.Equal(t, accepted.TaskID, got.ID())
	case rstuf.BootstrapState:
		assertDecodes(t, w.Data, got)
	case *rstuf.RepositorySettings:
		assertDecodes(t, w.Data, *got)
	case rstuf.PendingMetadata:
		if w.Data == nil {
			assert.Empty(t, got.Roles)
		} else {
			assertDecodes(t, w.Data, got)
		}
	case rstuf.Task:
		assertDecodes(t, w.Data, got)
	default:
		t.Fatalf("no check for %T", got)
	}
}

func assertDecodes[T any](t *testing.T, data []byte, got T) {
	var want T
	require.NoError(t, json.Unmarshal(data, &want))
	assert.Equal(t, want, got)
}

func checkError(t *testing.T, e testdir.Exchange, err error) {
	var got *client.Error
	require.ErrorAs(t, err, &got)
	assert.Equal(t, e.Response.Status, got.Status)
	assert.NotContains(t, err.Error(), "\n")
	var body wire.ErrorBody
	if json.Unmarshal(e.Response.Body, &body) != nil {
		// Not the API's own words; of those of a proxy the start is shown.
		first, _, _ := strings.Cut(e.Response.Text, "\n")
		if first != "" && len(first) < 100 && first[0] != '<' {
			assert.Contains(t, got.Message, strings.TrimSpace(first))
		}
		return
	}
	assert.Equal(t, body.Message, got.Message)
	assert.Equal(t, body.Reason, got.Detail)
	assert.Equal(t, body.Fields, got.Fields)
	if e.Response.Status == 422 {
		var fields rstuf.ValidationError
		require.ErrorAs(t, err, &fields)
		assert.NotEmpty(t, fields)
	}
	if _, state, named := strings.Cut(body.Reason, "State: "); named {
		bootstrapping := e.Endpoint() == "/bootstrap/"
		assert.Equal(t, bootstrapping, errors.Is(err, client.ErrAlreadyBootstrapped))
		assert.Equal(t, !bootstrapping && state != "finished", errors.Is(err, client.ErrNotBootstrapped))
		assert.Equal(t, state == "signing", errors.Is(err, client.ErrSigningPending))
	} else {
		assert.Equal(t, e.Response.Status == 404, errors.Is(err, client.ErrNotFound))
	}
}

func hasDetail(body []byte) bool {
	var w struct {
		Detail json.RawMessage `json:"detail"`
	}
	return json.Unmarshal(body, &w) == nil && w.Detail != nil
}

// sameJSON compares two bodies; a field that is null counts as absent.
func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return assert.ObjectsAreEqual(testdir.WithoutNulls(x), testdir.WithoutNulls(y))
}
