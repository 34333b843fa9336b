package service_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/health/event"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// told gathers what a service tells.
type told struct {
	mu   sync.Mutex
	list []event.Event
}

func (l *told) take(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, e)
}

func (l *told) events() []event.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]event.Event{}, l.list...)
}

// next waits for one event after those that were awaited before.
func (l *told) next(t *testing.T, n *int, want event.Kind, role string, version int64) event.Event {
	t.Helper()
	require.Eventually(t, func() bool { return len(l.events()) > *n }, time.Minute, time.Millisecond, "%s of %s", want, role)
	e := l.events()[*n]
	*n++
	assert.Equal(t, fmt.Sprint(want, role, version), fmt.Sprint(e.Kind, e.Role, e.Version), e.Text)
	assert.NotEmpty(t, e.Text)
	assert.False(t, e.At.IsZero())
	return e
}

// TestEvents: what happens is told, in order.
func TestEvents(t *testing.T) {
	t.Parallel()
	var l told
	folder, err := service.NewFolder(t.TempDir())
	require.NoError(t, err)
	disk, n := &fullDisk{Folder: folder}, 0
	f := newFixture(t, func(c *service.Config) { c.Storage, c.Events = disk, l.take })

	// A bootstrap that waits, and is complete.
	first, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{f.alice.Public(), f.bob.Public()}, Threshold: 2,
		OnlineKey: f.online.Public(), HashBins: 4, Now: f.clock(),
	})
	require.NoError(t, err)
	require.NoError(t, first.Sign(f.Context(), f.alice))
	f.ok(f.post("/bootstrap/", first.Payload()))
	e := l.next(t, &n, event.SignaturesWait, "root", 1)
	assert.Len(t, e.Signed, 1)
	f.ok(f.sign("root", f.bob))
	l.next(t, &n, event.RepositoryCreated, "", 0)
	l.next(t, &n, event.SignaturesComplete, "root", 1)

	// The next root: waits, is stopped, waits again, has its threshold.
	next := func() any {
		root := f.nextRoot(func(r *metadata.Root) { r.Expires = f.clock().AddDate(0, 0, 300) }, f.alice)
		return rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": root}}
	}
	f.ok(f.post("/metadata/", next()))
	l.next(t, &n, event.SignaturesWait, "root", 2)
	f.ok(f.post("/metadata/sign/delete", rstuf.MetadataSignDelete{Role: "root"}))
	l.next(t, &n, event.SignaturesStopped, "root", 2)
	f.ok(f.post("/metadata/", next()))
	l.next(t, &n, event.SignaturesWait, "root", 2)
	f.ok(f.sign("root", f.bob))
	l.next(t, &n, event.RootChanged, "root", 2)
	l.next(t, &n, event.SignaturesComplete, "root", 2)

	// An artifact is no event. A full disk is, once, however often it is tried.
	f.ok(f.post("/artifacts/", adding("a")))
	disk.full.Store(true)
	id := f.post("/artifacts/", adding("b"))
	e = l.next(t, &n, event.PublishingPaused, "", 0)
	assert.Contains(t, e.Text, "no space left")
	require.Eventually(t, func() bool { return !strings.Contains(metricsOf(f), "rstuf_publish_failures_total 1\n") }, time.Minute, time.Millisecond)
	disk.full.Store(false)
	f.ok(id)
	l.next(t, &n, event.PublishingResumed, "", 0)

	// Root is about to end, ends, and is renewed.
	f.pass(300*24*time.Hour - 20*24*time.Hour)
	e = l.next(t, &n, event.RoleEnding, "root", 2)
	assert.Equal(t, f.settings().Expiration["root"], 365)
	assert.False(t, e.Expires.IsZero())
	assert.Contains(t, metricsOf(f), "rstuf_roles_ending 1\n")
	f.pass(21 * 24 * time.Hour)
	l.next(t, &n, event.RoleExpired, "root", 2)
	assert.Contains(t, metricsOf(f), "rstuf_roles_expired 1\n")
	root := f.nextRoot(func(r *metadata.Root) { r.Expires = f.clock().AddDate(0, 0, 300) }, f.alice, f.bob)
	f.ok(f.post("/metadata/", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": root}}))
	l.next(t, &n, event.RootChanged, "root", 3)
	l.next(t, &n, event.RoleRenewed, "root", 3)
	assert.Contains(t, metricsOf(f), "rstuf_roles_ending 0\n")
	assert.Contains(t, metricsOf(f), "rstuf_root_version 3\n")
	assert.Len(t, l.events(), n)
}

func metricsOf(f *fixture) string {
	return call(f.svc.Handler(), "GET", "/metrics", nil).Body.String()
}

// TestEventsNeverBlock: a callback that does not come back stops nothing, and is
// told what it has missed.
func TestEventsNeverBlock(t *testing.T) {
	t.Parallel()
	var l told
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	f := newFixture(t, func(c *service.Config) {
		c.Events = func(e event.Event) {
			select {
			case held <- struct{}{}:
			default:
			}
			<-hold
			l.take(e)
		}
	})
	f.bootstrap()
	<-held // it holds the first, and the others wait
	const rounds = 510
	for range rounds {
		f.ok(f.post("/metadata/", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{
			"root": f.nextRoot(func(r *metadata.Root) { r.Expires = f.clock().AddDate(0, 0, 300) }, f.alice),
		}}))
		f.ok(f.post("/metadata/sign/delete", rstuf.MetadataSignDelete{Role: "root"}))
	}
	f.ok(f.post("/artifacts/", adding("a")))
	assert.Contains(t, metricsOf(f), "rstuf_events_dropped_total 20\n")
	close(hold)
	require.Eventually(t, func() bool {
		list := l.events()
		return len(list) > 0 && list[len(list)-1].Kind == event.EventsDropped
	}, time.Minute, time.Millisecond)
	list := l.events()
	assert.Len(t, list, 1+1000+1)
	assert.Equal(t, event.RepositoryCreated, list[0].Kind)
	assert.Equal(t, 20, list[len(list)-1].Count)
}

// TestEventsOfTheEnd: what waits when the service closes is told, and a callback
// that does not come back does not hold it.
func TestEventsOfTheEnd(t *testing.T) {
	t.Parallel()
	var l told
	f := newFixture(t, func(c *service.Config) { c.Events = l.take })
	f.bootstrap()
	f.restart()
	assert.Len(t, l.events(), 1)
	f.cfg.Events = func(event.Event) { select {} }
	f.cfg.Tokens = []service.Token{newToken(t, "one", readSecret)}
	f.restart()
	asToken(t, f, readSecret)
	begin := time.Now()
	require.NoError(t, f.svc.Close(t.Context()))
	assert.Less(t, time.Since(begin), time.Minute)
	f.cfg.Events = nil
	f.start()
}

// TestEventOfToken: the first use of a token is told, by its name.
func TestEventOfToken(t *testing.T) {
	t.Parallel()
	var l told
	n := 0
	f := newFixture(t, func(c *service.Config) {
		c.Events = l.take
		c.Tokens = []service.Token{newToken(t, "reader", readSecret), newToken(t, `up"loader`, uploadSecret)}
	})
	assert.Equal(t, http.StatusUnauthorized, asToken(t, f, "something else that is long enough"))
	assert.Equal(t, http.StatusOK, asToken(t, f, readSecret))
	assert.Equal(t, http.StatusOK, asToken(t, f, readSecret))
	assert.Equal(t, http.StatusOK, asToken(t, f, uploadSecret))
	e := l.next(t, &n, event.TokenUsed, "", 0)
	assert.Equal(t, "reader", e.Token)
	e = l.next(t, &n, event.TokenUsed, "", 0)
	assert.Equal(t, `up"loader`, e.Token)
	assert.Len(t, l.events(), 2)
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Authorization", "Bearer "+readSecret)
	w := httptest.NewRecorder()
	f.svc.Handler().ServeHTTP(w, r)
	assert.Contains(t, w.Body.String(), `rstuf_token_requests_total{token="reader"} 3`)
	assert.Contains(t, w.Body.String(), `rstuf_token_requests_total{token="up\"loader"} 1`)
	assert.NotContains(t, strings.Join([]string{e.Text, w.Body.String()}, ""), readSecret)
}

func asToken(t *testing.T, f *fixture, secret string) int {
	t.Helper()
	r := httptest.NewRequest("GET", "/api/v1/bootstrap/", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	f.svc.Handler().ServeHTTP(w, r)
	return w.Code
}
