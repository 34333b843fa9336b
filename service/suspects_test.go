package service

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
)

// deadly is an online key that never comes back while it is armed, or panics.
type deadly struct {
	*keys.Private
	armed, panics atomic.Bool
	entered       chan struct{}
}

func (d *deadly) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if d.panics.Load() {
		panic("the signer is broken")
	}
	if d.armed.Load() {
		select {
		case d.entered <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.Private.Sign(ctx, message)
}

// life is a service whose process is killed without a word.
type life struct {
	*testing.T
	dir    string
	signer *deadly
	used   atomic.Uint64 // the memory that the process seems to use
	s      *Service
	told   chan event.Event
}

func newLife(t *testing.T) *life {
	key, err := keys.Generate(keys.Ed25519, "online")
	require.NoError(t, err)
	l := &life{T: t, dir: t.TempDir(), signer: &deadly{Private: key, entered: make(chan struct{}, 1)}, told: make(chan event.Event, 1)}
	l.start()
	var roots []keys.Public
	var people []*keys.Private
	for _, name := range []string{"alice", "bob"} {
		key, err := keys.Generate(keys.Ed25519, name)
		require.NoError(t, err)
		roots, people = append(roots, key.Public()), append(people, key)
	}
	draft, err := ceremony.New(ceremony.Policy{RootKeys: roots, Threshold: 2, OnlineKey: key.Public(), HashBins: 2})
	require.NoError(t, err)
	for _, key := range people {
		require.NoError(t, draft.Sign(t.Context(), key))
	}
	l.ends(l.post("/bootstrap/", draft.Payload()), rstuf.TaskSuccess)
	return l
}

// tell keeps what is told of requests that are set aside.
func (l *life) tell(e event.Event) {
	if e.Kind == event.RequestSetAside {
		select {
		case l.told <- e:
		default:
		}
	}
}

func (l *life) start() {
	cfg, err := Config{Dir: l.dir, OnlineKeys: []keys.Signer{l.signer}, UnsafeNoSync: true, Events: l.tell}.withDefaults()
	require.NoError(l, err)
	s := newService(cfg, &durable.Disk{Unsafe: true})
	s.suspects.first, s.suspects.between, s.suspects.memory = int64(time.Millisecond), time.Millisecond, l.used.Load
	l.s, err = s.run(l.Context())
	require.NoError(l, err)
}

// kill ends the process: what is in memory is gone.
func (l *life) kill() {
	l.s.queue.drain()
	// The note of what goes on stays, as it does when nobody is there to remove it.
	noted := l.noted()
	l.s.stop()
	<-l.s.done
	<-l.s.queue.accepted
	if noted != nil {
		require.NoError(l, l.s.store.Commit(context.Background(), changes{{tableState, keyWatched, noted}}))
	}
	require.NoError(l, l.s.store.Close())
	select {
	case <-l.signer.entered: // a second attempt
	default:
	}
}

func (l *life) post(path string, body any) string {
	raw, err := json.Marshal(body)
	require.NoError(l, err)
	w := httptest.NewRecorder()
	l.s.Handler().ServeHTTP(w, jsonRequest("POST", "/api/v1"+path, raw))
	require.Equal(l, 202, w.Code, w.Body.String())
	var accepted wire.Response[wire.Accepted]
	require.NoError(l, json.Unmarshal(w.Body.Bytes(), &accepted))
	return accepted.Data.TaskID
}

func (l *life) state(id string) rstuf.TaskState {
	raw, err := l.s.task(l.Context(), id)
	require.NoError(l, err)
	var task rstuf.Task
	require.NoError(l, json.Unmarshal(raw, &task))
	return task.State
}

func (l *life) ends(id string, want rstuf.TaskState) {
	l.Helper()
	require.Eventually(l, func() bool { return l.state(id) == want }, time.Minute, time.Millisecond)
}

func (l *life) add(path string) string {
	request, _ := add(map[string]int{path: 1})
	return l.post("/artifacts/", request)
}

// noted is the note of a publication that goes on; nil if there is none.
func (l *life) noted() (note []byte) {
	require.NoError(l, l.s.store.Get(context.Background(), tableState, []string{keyWatched}, func(_ string, value []byte) error {
		note = bytes.Clone(value)
		return nil
	}))
	return note
}

// die has the process die while it publishes with too much memory.
func (l *life) die() {
	<-l.signer.entered
	l.used.Store(1 << 40)
	require.Eventually(l, func() bool { return l.noted() != nil }, time.Minute, time.Millisecond)
	l.kill()
	l.used.Store(0)
}

// A request that the process dies of three times alone is set aside: the others
// go on, it is named, and a person decides.
func TestDeadlyRequestIsSetAside(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.signer.armed.Store(true)
	id := l.add("deadly")
	for range maxDeaths {
		assert.Empty(t, l.s.Status().SetAside)
		l.die()
		l.start()
	}
	assert.Equal(t, []string{id}, l.s.Status().SetAside)
	assert.Equal(t, id, (<-l.told).Task)
	l.signer.armed.Store(false)
	l.ends(l.add("harmless"), rstuf.TaskSuccess)
	assert.NotEqual(t, rstuf.TaskFailure, l.state(id), "it is not failed")
	w := httptest.NewRecorder()
	l.s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	assert.Equal(t, 200, w.Code)
	assert.Contains(t, w.Body.String(), id)
	report, err := l.s.Check(t.Context(), false)
	require.NoError(t, err)
	require.Len(t, report.Problems, 1)
	assert.Contains(t, report.Problems[0].String(), "--let-go "+id)
	require.NoError(t, l.s.Close(context.Background()))

	cfg := l.s.cfg
	assert.ErrorContains(t, Decide(t.Context(), cfg, "00", true), "no such request")
	require.NoError(t, Decide(t.Context(), cfg, id, false))
	l.start()
	l.ends(id, rstuf.TaskSuccess)
	require.NoError(t, l.s.Close(context.Background()))
}

// A batch that the process died of is taken apart: what is harmless in it is
// published, and dropped is what a person drops.
func TestDeadlyBatchIsTakenApart(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.signer.armed.Store(true)
	first := l.add("first")
	<-l.signer.entered // the others come while it is published
	second, third := l.add("second"), l.add("third")
	l.kill()
	l.start() // publishes all three as one
	l.die()
	for range maxDeaths {
		l.start()
		l.die() // of the first, alone
	}
	l.signer.armed.Store(false)
	l.start()
	l.ends(second, rstuf.TaskSuccess)
	l.ends(third, rstuf.TaskSuccess)
	assert.Equal(t, []string{first}, l.s.Status().SetAside)
	require.NoError(t, l.s.Close(context.Background()))
	require.NoError(t, Decide(t.Context(), l.s.cfg, first, true))
	l.start()
	assert.Equal(t, rstuf.TaskFailure, l.state(first))
	require.NoError(t, l.s.Close(context.Background()))
}

// Kills from outside, however many hit the same request, set nothing aside.
func TestKillsFromOutside(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.signer.armed.Store(true)
	id := l.add("a")
	for range 50 {
		<-l.signer.entered
		l.kill()
		l.start()
	}
	assert.Empty(t, l.s.Status().SetAside)
	assert.False(t, l.s.suspects.has(l.s.queue.list[0].id))
	<-l.signer.entered
	l.kill()
	l.signer.armed.Store(false)
	l.start()
	l.ends(id, rstuf.TaskSuccess)
	require.NoError(t, l.s.Close(context.Background()))
}

// A panic is a death that leaves the process alive.
func TestPanicsAreDeaths(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.signer.panics.Store(true)
	id := l.add("a")
	require.Eventually(t, func() bool { return len(l.s.Status().SetAside) == 1 }, time.Minute, time.Millisecond)
	l.signer.panics.Store(false)
	l.ends(l.add("b"), rstuf.TaskSuccess)
	assert.Equal(t, []string{id}, l.s.Status().SetAside)
	require.NoError(t, l.s.Close(context.Background()))
}
