package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/wire"
)

func TestMain(m *testing.M) {
	// What a test leaves behind shows at the end, once the connections that
	// wait in the default transport are closed.
	code := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// fakeAPI is as much of the API as the tests need. It counts what was done.
type fakeAPI struct {
	mu        sync.Mutex
	mux       *http.ServeMux
	done      map[string]int // operations by method and path
	artifacts map[string]int // artifacts by how often they were added
	sizes     []int          // artifacts in each request
	tasks     map[string]*fakeTask
	open      int // tasks that have not ended
	mostOpen  int
	state     rstuf.BootstrapState
	root      json.RawMessage

	// running is how many looks at a task find it running.
	running int
	// invalid paths match no role.
	invalid func(path string) bool
	// fail, if set, makes the task of an add fail.
	fail func(request rstuf.AddArtifacts) bool
	// mostBytes bounds a body, as a proxy does it.
	mostBytes int64
}

type fakeTask struct {
	looks  int
	result rstuf.Task
}

func newFakeAPI() *fakeAPI {
	f := &fakeAPI{done: map[string]int{}, artifacts: map[string]int{}, tasks: map[string]*fakeTask{}, mux: http.NewServeMux()}
	f.mux.HandleFunc("GET /api/v1/bootstrap/{$}", func(w http.ResponseWriter, r *http.Request) { f.reply(w, 200, f.state) })
	f.mux.HandleFunc("POST /api/v1/bootstrap/{$}", f.bootstrap)
	f.mux.HandleFunc("GET /api/v1/config/{$}", func(w http.ResponseWriter, r *http.Request) {
		f.reply(w, 200, rstuf.RepositorySettings{TrustedRoot: f.root})
	})
	f.mux.HandleFunc("GET /api/v1/metadata/sign", func(w http.ResponseWriter, r *http.Request) {
		f.reply(w, 200, rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"root": f.root}})
	})
	f.mux.HandleFunc("POST /api/v1/artifacts/{$}", f.add)
	f.mux.HandleFunc("GET /api/v1/task/{$}", f.task)
	f.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.queue(w, rstuf.Task{State: rstuf.TaskSuccess})
	})
	return f
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done[r.Method+" "+r.URL.Path]++
	f.mux.ServeHTTP(w, r)
}

func (f *fakeAPI) count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done[operation]
}

func (f *fakeAPI) reply(w http.ResponseWriter, status int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"data": data, "message": "ok"})
}

func (f *fakeAPI) queue(w http.ResponseWriter, end rstuf.Task) {
	end.ID = fmt.Sprintf("task-%d", len(f.tasks))
	f.tasks[end.ID] = &fakeTask{result: end}
	f.open++
	f.mostOpen = max(f.mostOpen, f.open)
	f.reply(w, 202, wire.Accepted{TaskID: end.ID})
}

func (f *fakeAPI) bootstrap(w http.ResponseWriter, r *http.Request) {
	var payload rstuf.BootstrapPayload
	if err := json.NewDecoder(r.Body).Decode(&payload); err != nil {
		w.WriteHeader(422)
		return
	}
	f.root = payload.Root()
	f.queue(w, rstuf.Task{State: rstuf.TaskSuccess})
	f.state = rstuf.BootstrapState{Bootstrap: true, State: wire.BootstrapFinished, ID: fmt.Sprintf("task-%d", len(f.tasks)-1)}
}

func (f *fakeAPI) add(w http.ResponseWriter, r *http.Request) {
	if f.mostBytes > 0 && r.ContentLength > f.mostBytes {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	var request rstuf.AddArtifacts
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		w.WriteHeader(422)
		return
	}
	f.sizes = append(f.sizes, len(request.Artifacts))
	if f.fail != nil && f.fail(request) {
		f.queue(w, rstuf.Task{State: rstuf.TaskFailure, Result: &rstuf.TaskResult{Message: "it broke"}})
		return
	}
	details := &rstuf.TaskDetails{AddedArtifacts: []string{}, InvalidPaths: []string{}}
	for _, a := range request.Artifacts {
		if f.invalid != nil && f.invalid(a.Path) {
			details.InvalidPaths = append(details.InvalidPaths, a.Path)
			continue
		}
		f.artifacts[a.Path]++
		details.AddedArtifacts = append(details.AddedArtifacts, a.Path)
	}
	f.queue(w, rstuf.Task{State: rstuf.TaskSuccess, Result: &rstuf.TaskResult{Task: wire.TaskAddArtifacts, Details: details}})
}

func (f *fakeAPI) task(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("task_id")
	task := f.tasks[id]
	switch {
	case task == nil:
		f.reply(w, 200, rstuf.Task{ID: id, State: rstuf.TaskPending})
	case task.looks < f.running:
		f.reply(w, 200, rstuf.Task{ID: id, State: rstuf.TaskRunning})
	default:
		f.reply(w, 200, task.result)
	}
	if task != nil {
		if task.looks == f.running {
			f.open--
		}
		task.looks++
	}
}

// serve runs a handler and returns a client of it.
func serve(t testing.TB, handler http.Handler, cfg client.Config) (*client.Client, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	cfg.HTTPClient = server.Client()
	api, err := client.New(server.URL, cfg)
	require.NoError(t, err)
	return api, server
}

// inMemory is a transport without a network, for tests with a fake clock.
type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if r.Body != nil {
		defer r.Body.Close()
	} else {
		r = r.Clone(context.WithoutCancel(r.Context()))
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Result(), nil
}

// offline is a client of a handler without a network.
func offline(t testing.TB, handler http.Handler, cfg client.Config) *client.Client {
	t.Helper()
	cfg.HTTPClient = &http.Client{Transport: inMemory{handler}}
	api, err := client.New("http://rstuf.example", cfg)
	require.NoError(t, err)
	return api
}

// artifact number i of a sequence.
func artifact(i int) rstuf.Artifact {
	return rstuf.Artifact{
		Path: fmt.Sprintf("pkg/%03d/file-%07d.tar.gz", i%1000, i),
		Info: rstuf.ArtifactInfo{Length: int64(i), Hashes: map[string]string{"sha256": fmt.Sprintf("%064x", i)}},
	}
}

func artifacts(n int) func(yield func(rstuf.Artifact) bool) {
	return func(yield func(rstuf.Artifact) bool) {
		for i := range n {
			if !yield(artifact(i)) {
				return
			}
		}
	}
}

func sorted[T any](m map[string]T) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
