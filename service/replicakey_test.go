package service_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// A replica that can't open the next online key says so, whether it leads or follows, and
// lets others lead though nothing waits.
func TestReplicaWithoutTheOnlineKey(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		second := tuftest.Key(t, "online2")
		g := newGroup(t, 2, func(c *service.Config) { c.OnlineKeys = append(c.OnlineKeys, second) })
		a, b := g.members[0], g.members[1]
		a.bootstrap()
		require.NoError(t, b.replica.Close(context.Background()))
		b.cfg.OnlineKeys = b.cfg.OnlineKeys[:1]
		b.start()
		assert.NoError(t, b.replica.Status().Paused)
		b.ok(b.update(b.nextRoot(func(r *metadata.Root) { setOnline(r, second.Public()) }, b.alice, b.bob)))
		says := func() {
			require.Eventually(t, func() bool { return b.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
			assert.ErrorContains(t, b.replica.Status().Paused, "the online key online2")
			assert.Equal(t, http.StatusServiceUnavailable, call(b.svc.Handler(), "GET", "/readyz", nil).Code)
		}
		says()
		assert.Equal(t, "this replica can't publish: the log says why\n", call(b.svc.Handler(), "GET", "/readyz", nil).Body.String())
		assert.Equal(t, http.StatusOK, call(a.svc.Handler(), "GET", "/readyz", nil).Code)
		b.ok(b.post("/artifacts/", adding("a")))
		b.holdsAll("a")

		require.NoError(t, a.replica.Close(context.Background()))
		require.Eventually(t, func() bool { return b.replica.Status().Leads }, time.Minute, time.Millisecond)
		says()
		a.start()
		require.Eventually(t, func() bool { return a.replica.Status().Leads }, 10*time.Second, time.Millisecond)
		says()
		a.ok(a.post("/artifacts/", adding("b")))
		a.holdsAll("a", "b")
	})
}

// silentKey is a key that gives no answer for a while.
type silentKey struct {
	keys.Signer
	now *atomic.Bool
}

func (s silentKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if s.now.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Signer.Sign(ctx, message)
}

// A signature that does not come keeps one replica from publishing, not all; that is told
// once, as is that another one goes on.
func TestReplicaWaitsForASignature(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		var silent atomic.Bool
		told := make(chan event.Kind, 10)
		g := newGroup(t, 2, func(c *service.Config) { c.OnlineKeys = []keys.Signer{silentKey{c.OnlineKeys[0], &silent}} })
		a, b := g.members[0], g.members[1]
		for _, m := range g.members {
			require.NoError(t, m.replica.Close(context.Background()))
		}
		a.cfg.Events = func(e event.Event) { told <- e.Kind }
		b.cfg.OnlineKeys = []keys.Signer{b.online}
		a.start()
		b.start()
		a.bootstrap()
		assert.Equal(t, event.RepositoryCreated, <-told)
		silent.Store(true)
		begun := time.Now()
		id := a.post("/artifacts/", adding("a"))
		require.Eventually(t, func() bool { return a.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
		assert.ErrorContains(t, a.replica.Status().Paused, "the online key gives no answer for ")
		b.ok(id)
		assert.Less(t, time.Since(begun), 10*time.Second)
		assert.True(t, b.replica.Status().Leads)
		assert.Equal(t, event.PublishingPaused, <-told)
		assert.Equal(t, event.PublishingResumed, <-told)
		assert.Empty(t, told)
		b.holdsAll("a")
	})
}

// One that is alone lets others try in vain, and tells once that publishing is paused,
// and that it goes on.
func TestReplicaTellsOnceThatItIsPaused(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		var silent atomic.Bool
		var led atomic.Int64
		told := make(chan event.Kind, 10)
		g := newGroup(t, 1, func(c *service.Config) {
			c.Events = func(e event.Event) { told <- e.Kind }
			c.OnlineKeys = []keys.Signer{silentKey{c.OnlineKeys[0], &silent}}
			c.Replicas = countingShared{c.Replicas, &led}
		})
		m := g.members[0]
		m.bootstrap()
		assert.Equal(t, event.RepositoryCreated, <-told)
		silent.Store(true)
		id := m.post("/artifacts/", adding("a"))
		assert.Equal(t, event.PublishingPaused, <-told)
		require.Eventually(t, func() bool { return led.Load() == 2 && m.replica.Status().Leads }, time.Minute, time.Millisecond)
		assert.ErrorContains(t, m.replica.Status().Paused, "the online key gives no answer for ")
		silent.Store(false)
		m.ok(id)
		assert.Equal(t, event.PublishingResumed, <-told)
		assert.Empty(t, told)
		assert.NoError(t, m.replica.Status().Paused)
	})
}

// countingShared counts how often somebody began to publish.
type countingShared struct {
	service.Shared
	count *atomic.Int64
}

func (c countingShared) Open(ctx context.Context) (service.Store, error) {
	store, err := c.Shared.Open(ctx)
	if err == nil {
		c.count.Add(1)
	}
	return store, err
}
