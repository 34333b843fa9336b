package service_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/service"
)

// triedShared counts how often somebody tries to publish, and refuses it with an error.
type triedShared struct {
	service.Shared
	tries atomic.Int64
	err   atomic.Pointer[error]
	after atomic.Pointer[func(string) error] // what happens after something was done with a store
}

func (s *triedShared) refuse(err error) { s.err.Store(&err) }
func (s *triedShared) allow()           { s.err.Store(nil) }

func (s *triedShared) Open(ctx context.Context) (service.Store, error) {
	s.tries.Add(1)
	if err := s.err.Load(); err != nil {
		return nil, *err
	}
	store, err := s.Shared.Open(ctx)
	return triedStore{store, s}, err
}

// tried is how often somebody tries within a time.
func (s *triedShared) tried(within time.Duration) int {
	before := s.tries.Load()
	time.Sleep(within)
	return int(s.tries.Load() - before)
}

type triedStore struct {
	service.Store
	shared *triedShared
}

func (s triedStore) Read(ctx context.Context, table service.Table, f func(string, []byte) error) error {
	return s.then("read "+string(table), s.Store.Read(ctx, table, f))
}

func (s triedStore) Commit(ctx context.Context, list []service.Change) error {
	return s.then("commit", s.Store.Commit(ctx, list))
}

func (s triedStore) then(what string, err error) error {
	if after := s.shared.after.Load(); err == nil && after != nil {
		return (*after)(what)
	}
	return err
}

func (s triedStore) Err() error { return s.Store.(service.Failing).Err() }

// newTried starts replicas, the last of which tries what is counted.
func newTried(t *testing.T, n int, change ...func(*service.Config)) (*group, *triedShared) {
	seldom := func(c *service.Config) { c.BumpEvery = time.Hour } // in virtual time that is often enough
	g := newGroup(t, n, append(change, seldom)...)
	g.members[0].bootstrap()
	m, tried := g.members[n-1], &triedShared{Shared: g.shared}
	require.NoError(t, m.replica.Close(context.Background()))
	m.cfg.Replicas = tried
	m.start()
	return g, tried
}

// A replica that follows looks four times a second whether nobody publishes any more, and
// when something happens soon, but no more than ten times a second however much does.
func TestHowOftenAFollowerTries(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		g, shared := newTried(t, 2)
		assert.InDelta(t, 45, shared.tried(10*time.Second), 6)
		var all sync.WaitGroup
		all.Go(func() {
			request := adding("a")
			request.SkipPublish = true
			for range 100 {
				time.Sleep(20 * time.Millisecond)
				g.members[0].post("/artifacts/", request)
			}
		})
		assert.InDelta(t, 20, shared.tried(2*time.Second), 2)
		all.Wait()
		took, err := g.members[1].closing(time.Minute)
		require.NoError(t, err)
		assert.Zero(t, took, "it does not wait for its next try")
	})
}

// One that can't begin to publish tries it ever more seldom, up to twice a minute; soon
// again once another one could; and not at all while the database is away, but at once
// when that is back.
func TestHowOftenAReplicaThatCannotLeadTries(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, func(t *testing.T) {
		g, shared := newTried(t, 1)
		m := g.members[0]
		leads := func() bool { return m.replica.Status().Leads }
		fails := errors.New("it can't begin")
		deposed := func() {
			require.Eventually(t, leads, time.Minute, time.Millisecond)
			time.Sleep(time.Minute)
			shared.refuse(fails)
			g.shared.Depose(0)
		}
		failed := func() { // once more
			before := shared.tries.Load()
			require.Eventually(t, func() bool { return shared.tries.Load() > before }, time.Minute, time.Millisecond)
			time.Sleep(time.Millisecond)
		}
		away := func(away bool) { g.shared.(*sharedtest.Shared).SetAway(away) }
		for name, next := range map[string]func(){
			"it led before": func() { shared.allow(); deposed(); failed() },
			"another one led": func() {
				shared.refuse(service.ErrLocked)
				time.Sleep(time.Minute)
				shared.refuse(fails)
				failed()
			},
			"the database was away": func() {
				away(true)
				time.Sleep(time.Minute)
				assert.Zero(t, shared.tried(time.Hour), "the database is away")
				shared.allow()
				away(false)
			},
			"it failed when the database was back": func() { away(true); time.Sleep(time.Minute); away(false); failed() },
		} {
			deposed()
			assert.InDelta(t, 9+120, shared.tried(time.Hour), 3)
			next()
			shared.allow()
			time.Sleep(time.Second)
			assert.True(t, leads(), "%s: it tries again soon", name)
		}
	})
}

// Who is told why a replica can't begin to publish is not told of hosts and users.
func TestReplicaCannotReachTheDatabaseToLead(t *testing.T) {
	t.Parallel()
	told := make(chan event.Event, 10)
	g, shared := newTried(t, 1, func(c *service.Config) { c.Events = func(e event.Event) { told <- e } })
	<-told // that it was made
	shared.refuse(errDriver)
	g.shared.Depose(0)
	e := <-told
	assert.Equal(t, event.PublishingPaused, e.Kind)
	assert.Equal(t, "publishing is paused: the database is away, or takes nothing, at the moment: the log says why", e.Text)
	shared.allow()
	assert.Equal(t, event.PublishingResumed, (<-told).Kind)
}

// One whose right to publish is taken while it begins says nothing of it: another one
// publishes.
func TestReplicaIsDeposedWhileItBegins(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		g, shared := newTried(t, 2)
		a, b := g.members[0], g.members[1]
		var times atomic.Int64
		lost := func(what string) error {
			if what == "read queue" && times.Add(1) < 10 {
				return fmt.Errorf("begin: %w", service.ErrLost)
			}
			return nil
		}
		shared.after.Store(&lost)
		require.NoError(t, a.replica.Close(context.Background()))
		require.Eventually(t, func() bool {
			require.NoError(t, b.replica.Status().Paused)
			require.Equal(t, http.StatusOK, call(b.svc.Handler(), "GET", "/readyz", nil).Code)
			return b.replica.Status().Leads
		}, time.Minute, 10*time.Millisecond)
		assert.EqualValues(t, 10, times.Load())
	})
}

// What another replica accepts while this one begins to publish waits for nothing else.
func TestReplicaPublishesWhatIsAcceptedWhileItBegins(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		g, shared := newTried(t, 3)
		other := g.members[1]
		id := make(chan string, 1)
		accept := func(what string) error {
			if what != "commit" { // which is the last of it
				return nil
			}
			shared.after.Store(nil)
			id <- other.post("/artifacts/", adding("a"))
			time.Sleep(10 * time.Millisecond) // in which all have heard of it
			return nil
		}
		shared.after.Store(&accept)
		require.NoError(t, other.replica.Close(context.Background()))
		other.cfg.Replicas = &sharedtest.NotLeading{Shared: g.shared}
		other.cfg.Replicas.(*sharedtest.NotLeading).Now.Store(true)
		other.start()
		require.NoError(t, g.members[0].replica.Close(context.Background()))
		task := <-id
		begun := time.Now()
		other.ok(task)
		assert.Less(t, time.Since(begun), time.Second/2)
	})
}
