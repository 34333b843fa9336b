package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/wire"
)

// fault is one way for an exchange to go wrong. Some let the service act
// first.
type fault func(w http.ResponseWriter, r *http.Request, service http.Handler)

// faultProxy stands before a service. Each request meets the next fault; after
// the last, requests pass.
type faultProxy struct {
	service http.Handler
	mu      sync.Mutex
	faults  []fault
	seen    int
}

func (p *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen++
	var next fault
	if len(p.faults) > 0 {
		next, p.faults = p.faults[0], p.faults[1:]
	}
	p.mu.Unlock()
	if next == nil {
		p.service.ServeHTTP(w, r)
		return
	}
	next(w, r, p.service)
}

func (p *faultProxy) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// acted lets the service act and keeps its answer.
func acted(r *http.Request, service http.Handler) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	service.ServeHTTP(answer, r)
	io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
	return answer
}

func flush(w http.ResponseWriter) { w.(http.Flusher).Flush() }

func lostRequest(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

func lostAnswer(_ http.ResponseWriter, r *http.Request, service http.Handler) {
	acted(r, service)
	panic(http.ErrAbortHandler)
}

// resetMidBody breaks the connection in the middle of the answer.
func resetMidBody(w http.ResponseWriter, r *http.Request, service http.Handler) {
	answer := acted(r, service)
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	flush(w)
	panic(http.ErrAbortHandler)
}

// halfAnswer ends in the middle, as if it were whole.
func halfAnswer(w http.ResponseWriter, r *http.Request, service http.Handler) {
	answer := acted(r, service)
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
}

func emptyAnswer(w http.ResponseWriter, r *http.Request, service http.Handler) {
	w.WriteHeader(acted(r, service).Code)
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request, service http.Handler) {
	acted(r, service)
	<-r.Context().Done()
}

// slowBody sends the start of an answer and no more.
func slowBody(w http.ResponseWriter, r *http.Request, service http.Handler) {
	answer := acted(r, service)
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes()[:3]) // of an object
	flush(w)
	<-r.Context().Done()
}

// status answers without asking the service.
func status(code int, header, body string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// gatewayTimeout answers 504 although the service acts.
func gatewayTimeout(w http.ResponseWriter, r *http.Request, service http.Handler) {
	acted(r, service)
	w.WriteHeader(http.StatusGatewayTimeout)
}

func hugeBody(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	io.Copy(io.Discard, r.Body)
	for range 100 {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
			return
		}
	}
}

func redirectLoop(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
}

const page = "<!DOCTYPE html>\n<html><body>\n<h1>Bad things</h1></body></html>"

// faults by name. What the client makes of each follows from what it can know.
var faults = map[string]struct {
	fault fault
	// turnedAway: it is plain that the service did not act.
	turnedAway bool
	// lasting: it will not be better the next time.
	lasting bool
	// notUnavailable: an error that is not ErrUnavailable.
	notUnavailable bool
}{
	"request lost":           {fault: lostRequest},
	"answer lost":            {fault: lostAnswer},
	"reset mid-body":         {fault: resetMidBody},
	"half an answer":         {fault: halfAnswer},
	"empty answer":           {fault: emptyAnswer},
	"silence":                {fault: silent},
	"slow body":              {fault: slowBody},
	"500":                    {fault: status(500, "", "Internal Server Error"), notUnavailable: true},
	"500 as a web page":      {fault: status(500, "", page), notUnavailable: true},
	"502":                    {fault: status(502, "", page)},
	"503":                    {fault: status(503, "", "")},
	"503 with Retry-After":   {fault: status(503, "Retry-After: 0", "")},
	"504 after the work":     {fault: gatewayTimeout},
	"429":                    {fault: status(429, "", ""), turnedAway: true},
	"429 with Retry-After":   {fault: status(429, "Retry-After: 0", ""), turnedAway: true},
	"429 with a date":        {fault: status(429, "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", ""), turnedAway: true},
	"429 with nonsense":      {fault: status(429, "Retry-After: -99999999999999999999", ""), turnedAway: true},
	"429 for an hour":        {fault: status(429, "Retry-After: 3600", ""), lasting: true},
	"web page as a success":  {fault: status(200, "", page), lasting: true},
	"not JSON":               {fault: status(202, "", "{nonsense: 1}"), lasting: true},
	"JSON of another kind":   {fault: status(202, "", `["a"]`), lasting: true},
	"JSON with other fields": {fault: status(202, "", `{"data": {"task_id": 5}}`), lasting: true},
	"no task id":             {fault: status(202, "", `{"data": {}}`), lasting: true},
	"huge body":              {fault: hugeBody, lasting: true},
	"redirect loop":          {fault: redirectLoop, lasting: true, notUnavailable: true},
	"404 as a web page":      {fault: status(404, "", page), lasting: true, notUnavailable: true},
	"redirect to nowhere":    {fault: status(307, "", ""), lasting: true, notUnavailable: true},
}

func faulty(t *testing.T, list ...fault) (*client.Client, *faultProxy, *fakeAPI) {
	fake := newFakeAPI()
	proxy := &faultProxy{service: fake, faults: list}
	return servePipes(t, proxy, client.Config{MaxAnswer: 1 << 20}), proxy, fake
}

func repeated(f fault, n int) []fault {
	list := make([]fault, n)
	for i := range list {
		list[i] = f
	}
	return list
}

// TestFaultsOnceAndSafe: what may be repeated is, and arrives.
func TestFaultsOnceAndSafe(t *testing.T) {
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api, _, fake := faulty(t, append(repeated(tt.fault, 1), nil)...)
				if tt.lasting {
					api, _, fake = faulty(t, repeated(tt.fault, 20)...)
				}
				task, err := api.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact(1)}})
				if tt.lasting {
					require.Error(t, err)
					checkFaultError(t, err, tt.notUnavailable)
					assert.Empty(t, fake.artifacts)
					return
				}
				require.NoError(t, err)
				assert.NotEmpty(t, task.ID())
				assert.NotZero(t, fake.artifacts[artifact(1).Path])
			})
		})
	}
}

// TestFaultsOnceAndUnsafe: what may not be repeated is done once at most, and
// the caller learns of it.
func TestFaultsOnceAndUnsafe(t *testing.T) {
	const operation = "POST /api/v1/artifacts/delete"
	for name, tt := range faults {
		for _, connection := range []string{"new", "used before"} {
			t.Run(name+"/"+connection, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					list := repeated(tt.fault, 1)
					if tt.lasting {
						list = repeated(tt.fault, 20)
					}
					before := 0
					if connection == "used before" {
						list, before = append([]fault{nil}, list...), 1
					}
					api, proxy, fake := faulty(t, list...)
					if before > 0 {
						_, err := api.BootstrapState(t.Context())
						require.NoError(t, err)
					}
					_, err := api.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{"a"}})
					if tt.turnedAway {
						require.NoError(t, err)
						assert.Equal(t, 1, fake.count(operation))
						return
					}
					require.Error(t, err)
					checkFaultError(t, err, tt.notUnavailable)
					assert.LessOrEqual(t, fake.count(operation), 1)
					if name != "redirect loop" {
						assert.Equal(t, 1, proxy.requests()-before, "sent once")
					}
				})
			})
		}
	}
}

func checkFaultError(t *testing.T, err error, notUnavailable bool) {
	t.Helper()
	assert.Equal(t, !notUnavailable, errors.Is(err, client.ErrUnavailable), "%v", err)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "<h1>", "nothing of a web page")
	assert.Contains(t, err.Error(), "/artifacts/")
}

// TestFaultsLast: no failure goes on for ever.
func TestFaultsLast(t *testing.T) {
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api, proxy, _ := faulty(t, repeated(tt.fault, 50)...)
				_, err := api.Task("x").State(t.Context())
				require.Error(t, err)
				if name != "redirect loop" {
					assert.LessOrEqual(t, proxy.requests(), 5)
				}
			})
		})
	}
}

// TestFaultsEndWithTheContext: whatever happens, a context ends it.
func TestFaultsEndWithTheContext(t *testing.T) {
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				fake := newFakeAPI()
				proxy := &faultProxy{service: fake, faults: repeated(tt.fault, 1000)}
				api := servePipes(t, proxy, client.Config{Retries: 1000, MaxAnswer: 1 << 20})
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				start := time.Now()
				_, err := api.Task("x").Wait(ctx)
				require.Error(t, err)
				assert.Less(t, time.Since(start), 3*time.Second)
			})
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	fake := newFakeAPI()
	server := httptest.NewServer(fake)
	defer server.Close()
	refusals := 2
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if refusals--; refusals >= 0 { // as a port where nobody listens; a real one could be taken meanwhile
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	api, err := client.New(server.URL, client.Config{HTTPClient: &http.Client{Transport: transport}})
	require.NoError(t, err)
	_, err = api.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{"a"}})
	require.NoError(t, err, "nothing was sent, so even this is safe to repeat")
	assert.Equal(t, 1, fake.count("POST /api/v1/artifacts/delete"))

	refusals = 1000
	_, err = api.BootstrapState(t.Context())
	require.ErrorIs(t, err, client.ErrUnavailable)
	assert.Contains(t, err.Error(), server.URL)
}

// TestLostBootstrap: the state tells what became of a bootstrap whose answer
// was lost. It is never sent twice.
func TestLostBootstrap(t *testing.T) {
	payload := recordedPayload(t)
	for name, tt := range faults {
		if tt.lasting || tt.turnedAway {
			continue
		}
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api, _, fake := faulty(t, tt.fault)
				id, err := api.SubmitBootstrap(t.Context(), payload)
				assert.LessOrEqual(t, fake.count("POST /api/v1/bootstrap/"), 1)
				if fake.count("POST /api/v1/bootstrap/") == 1 {
					require.NoError(t, err)
					assert.Equal(t, "task-0", id)
					return
				}
				require.Error(t, err)
				assert.Contains(t, err.Error(), "safe to send")
			})
		})
	}
}

func TestLostBootstrapOfSomeoneElse(t *testing.T) {
	payload := recordedPayload(t)
	inBubble(t, func(t *testing.T) {
		api, _, fake := faulty(t, lostRequest)
		fake.state = rstuf.BootstrapState{Bootstrap: true, State: wire.BootstrapFinished, ID: "theirs"}
		fake.root = []byte(`{"signed": {"_type": "root", "version": 1}}`)
		_, err := api.SubmitBootstrap(t.Context(), payload)
		require.ErrorIs(t, err, client.ErrAlreadyBootstrapped)
		assert.Zero(t, fake.count("POST /api/v1/bootstrap/"))
	})
}

// TestLostBootstrapInEachState: what is found is compared with what was sent,
// as far as the state allows it.
func TestLostBootstrapInEachState(t *testing.T) {
	payload := recordedPayload(t)
	other := []byte(`{"signed": {"_type": "root", "version": 1}}`)
	for name, tt := range map[string]struct {
		state string
		root  []byte
		ours  bool
	}{
		"running":           {wire.BootstrapPre, nil, true},
		"signing":           {wire.BootstrapSigning, payload.Root(), true},
		"signing another":   {wire.BootstrapSigning, other, false},
		"signing nothing":   {wire.BootstrapSigning, []byte("null"), false},
		"finished":          {wire.BootstrapFinished, payload.Root(), true},
		"finished another":  {wire.BootstrapFinished, other, false},
		"finished nonsense": {wire.BootstrapFinished, []byte(`{"signed": 1.5}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api, _, fake := faulty(t, lostRequest)
				fake.state, fake.root = rstuf.BootstrapState{State: tt.state, ID: "id"}, tt.root
				id, err := api.SubmitBootstrap(t.Context(), payload)
				if tt.ours {
					require.NoError(t, err)
					assert.Equal(t, "id", id)
				} else {
					require.ErrorIs(t, err, client.ErrAlreadyBootstrapped)
				}
			})
		})
	}
}

// recordedPayload is a payload that a deployment took.
func recordedPayload(t *testing.T) *rstuf.BootstrapPayload {
	t.Helper()
	all, err := testdir.ReadRecordings(testdir.Recordings)
	require.NoError(t, err)
	for _, e := range all["hash-bins"] {
		if e.Step == "bootstrap.post" {
			payload, err := rstuf.Decode[rstuf.BootstrapPayload](e.Request.Body)
			require.NoError(t, err)
			return payload
		}
	}
	t.Fatal("no bootstrap in the recording")
	return nil
}
