package rstuftest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
)

// Fault is one way for the API to fail those who publish. [Faults] has them all.
type Fault struct {
	// Name is short: "answer lost".
	Name string
	// Text says in a sentence what the API does.
	Text string
	// Passes: it hits the first requests alone, and whoever tries again gets
	// through. Others stay until they are undone.
	Passes bool

	handle func(b *broken, w http.ResponseWriter, r *http.Request)
}

// String is the name.
func (f Fault) String() string { return f.Name }

// Apply has the API of a repository fail. Undo mends it. One fault at a time.
func (f Fault) Apply(t testing.TB, r *Repository) (undo func()) {
	t.Helper()
	if !r.api.breakWith(&broken{api: &r.api, fault: f}) {
		t.Fatalf("rstuftest: %s: there is a fault already: undo it first", f.Name)
	}
	return r.api.mend
}

// broken is an API with a fault.
type broken struct {
	api   *apiServer
	fault Fault

	mu    sync.Mutex
	count map[string]int // requests by method and path
}

func (b *broken) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.fault.handle(b, w, r)
}

// again counts requests of a kind: 0 at the first.
func (b *broken) again(r *http.Request) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count == nil {
		b.count = map[string]int{}
	}
	kind := r.Method + " " + r.URL.Path
	b.count[kind]++
	return b.count[kind] - 1
}

// Faults are all faults.
func Faults() []Fault {
	return []Fault{
		{"answer lost", "The first requests of each kind are carried out, and the connection ends before the answer.", true, firstTwo(answerLost)},
		{"answer cut off", "The first answers of each kind end in the middle.", true, firstTwo(answerCut)},
		{"request lost", "The first requests of each kind are not carried out, and the connection ends.", true, firstTwo(requestLost)},
		{"internal server error", "The first requests of each kind are answered with status 500.", true, firstTwo(status(http.StatusInternalServerError, nil))},
		{"bad gateway", "The first requests of each kind are carried out, and a proxy answers with status 502 and a web page.", true, firstTwo(badGateway)},
		{"service unavailable", "The first requests of each kind are answered with status 503 and a pause in seconds.", true,
			firstTwo(status(http.StatusServiceUnavailable, func() string { return "20" }))},
		{"too many requests", "The first requests of each kind are answered with status 429 and the date at which to come back.", true,
			firstTwo(status(http.StatusTooManyRequests, func() string { return time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat) }))},
		{"states out of order", "Tasks have states in an order that makes no sense, before they end.", true, outOfOrder},
		{"web page in place of the API", "A proxy answers all requests with status 200 and a web page.", false, webPage},
		{"API down", "All requests are answered with status 503.", false, func(_ *broken, w http.ResponseWriter, r *http.Request) {
			status(http.StatusServiceUnavailable, nil)(nil, w, r)
		}},
		{"task that never ends", "Requests are carried out, and their tasks are said to be at work for ever.", false, neverEnds},
		{"task that nobody knows", "Requests are carried out, and their tasks are said to be pending, as those are that the service has forgotten.", false, forgotten},
		{"worker that dies", "Requests are accepted and not carried out; their tasks stay at work for ever.", false, workerDies(rstuf.TaskStarted, nil)},
		{"task that fails", "Requests are accepted and not carried out; their tasks end in failure.", false,
			workerDies(rstuf.TaskFailure, &rstuf.TaskResult{Message: "Adding artifact(s) Failed", Error: "the worker lost its broker"})},
		{"success that has done nothing", "Requests are accepted, and their tasks end in success without the paths, which no role takes.", false, nothingDone},
	}
}

// FaultNamed is the fault with this name. The test fails if there is none.
func FaultNamed(t testing.TB, name string) Fault {
	t.Helper()
	return named(t, Faults(), faultName, name, "fault %q: see Faults")
}

func faultName(f Fault) string { return f.Name }

type handler = func(b *broken, w http.ResponseWriter, r *http.Request)

// firstTwo has the first two requests of each kind meet a fault.
func firstTwo(fault handler) handler {
	return func(b *broken, w http.ResponseWriter, r *http.Request) {
		if b.again(r) < 2 {
			fault(b, w, r)
			return
		}
		b.api.service.ServeHTTP(w, r)
	}
}

func answerLost(b *broken, _ http.ResponseWriter, r *http.Request) {
	b.api.service.ServeHTTP(&recorded{header: http.Header{}}, r)
	panic(http.ErrAbortHandler)
}

func answerCut(b *broken, w http.ResponseWriter, r *http.Request) {
	full := &recorded{header: w.Header()}
	b.api.service.ServeHTTP(full, r)
	w.Header().Set("Content-Length", fmt.Sprint(full.body.Len()))
	w.WriteHeader(full.status)
	w.Write(full.body.Bytes()[:full.body.Len()/2])
	panic(http.ErrAbortHandler)
}

func requestLost(*broken, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// status answers without asking the service; pause is what Retry-After says.
func status(code int, pause func() string) handler {
	return func(_ *broken, w http.ResponseWriter, _ *http.Request) {
		if pause != nil {
			w.Header().Set("Retry-After", pause())
		}
		answerJSON(w, code, map[string]string{"detail": http.StatusText(code)})
	}
}

const page = "<!DOCTYPE html>\n<html><body><h1>Please log in</h1></body></html>\n"

func badGateway(b *broken, w http.ResponseWriter, r *http.Request) {
	b.api.service.ServeHTTP(&recorded{header: http.Header{}}, r)
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	fmt.Fprint(w, page)
}

func webPage(_ *broken, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, page)
}

func outOfOrder(b *broken, w http.ResponseWriter, r *http.Request) {
	states := []rstuf.TaskState{rstuf.TaskStarted, rstuf.TaskPending, rstuf.TaskRunning, rstuf.TaskPending, rstuf.TaskStarted}
	if id, yes := asksForTask(r); yes {
		if i := b.again(r); i < len(states) {
			answerTask(w, rstuf.Task{ID: id, State: states[i]})
			return
		}
	}
	b.api.service.ServeHTTP(w, r)
}

func neverEnds(b *broken, w http.ResponseWriter, r *http.Request) {
	if id, yes := asksForTask(r); yes {
		answerTask(w, rstuf.Task{ID: id, State: rstuf.TaskStarted})
		return
	}
	b.api.service.ServeHTTP(w, r)
}

func forgotten(b *broken, w http.ResponseWriter, r *http.Request) {
	if id, yes := asksForTask(r); yes {
		answerTask(w, rstuf.Task{ID: id, State: rstuf.TaskPending})
		return
	}
	b.api.service.ServeHTTP(w, r)
}

// workerDies accepts what nobody carries out, and answers for its tasks.
func workerDies(state rstuf.TaskState, result *rstuf.TaskResult) handler {
	return func(b *broken, w http.ResponseWriter, r *http.Request) {
		if id, yes := asksForTask(r); yes {
			answerTask(w, rstuf.Task{ID: id, State: state, Result: result})
			return
		}
		if r.Method == http.MethodGet {
			b.api.service.ServeHTTP(w, r)
			return
		}
		id := fmt.Sprintf("00000000-0000-4000-8000-%012d", b.again(r))
		answerJSON(w, http.StatusAccepted, wire.Response[wire.Accepted]{
			Data: &wire.Accepted{TaskID: id, LastUpdate: rstuf.Time{Time: time.Now()}}, Message: "Task submitted.",
		})
	}
}

func nothingDone(b *broken, w http.ResponseWriter, r *http.Request) {
	yes := true
	workerDies(rstuf.TaskSuccess, &rstuf.TaskResult{
		Message: "Artifact(s) Added", Task: wire.TaskAddArtifacts, Status: &yes,
		Details: &rstuf.TaskDetails{AddedArtifacts: []string{}, InvalidPaths: []string{uploadPath}},
	})(b, w, r)
}
