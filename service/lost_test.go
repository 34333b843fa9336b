package service_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// takenStore is a store that another service takes.
type takenStore struct {
	service.Store
	taken   atomic.Bool // every commit is refused
	changed atomic.Bool // the other one has taken the requests out
	told    atomic.Bool // it knows without a commit
}

func (s *takenStore) Commit(ctx context.Context, list []service.Change) error {
	if s.taken.Load() {
		return service.ErrLost
	}
	return s.Store.Commit(ctx, list)
}

func (s *takenStore) Get(ctx context.Context, table service.Table, keys []string, f func(string, []byte) error) error {
	if s.changed.Load() && table == "queue" {
		return errors.New("nothing is there")
	}
	return s.Store.Get(ctx, table, keys, f)
}

func (s *takenStore) Err() error {
	if s.told.Load() {
		return service.ErrLost
	}
	return nil
}

func newTaken(t *testing.T) (*fixture, *takenStore) {
	taken := &takenStore{}
	f := newFixture(t, func(c *service.Config) {
		open, dir := c.Store, c.Dir
		c.Store = func(ctx context.Context) (store service.Store, err error) {
			if open != nil {
				store, err = open(ctx)
			} else {
				store, err = service.OpenDatabase(dir)
			}
			taken.Store = store
			return taken, err
		}
	})
	f.bootstrap()
	return f, taken
}

// A service whose store another one has taken refuses requests, says why, and ends
// when it is told to, with what it had accepted left to the other.
func TestStoreIsTaken(t *testing.T) {
	t.Parallel()
	f, store := newTaken(t)
	store.taken.Store(true)
	code, text := f.call("POST", "/artifacts/", adding("b"))
	assert.Equal(t, http.StatusServiceUnavailable, code, text)
	store.told.Store(true)
	require.ErrorIs(t, f.svc.Status().Paused, service.ErrLost)
	assert.Equal(t, http.StatusServiceUnavailable, call(f.svc.Handler(), "GET", "/readyz", nil).Code)
	require.NoError(t, f.svc.Close(context.Background()))
}

// So it is if it finds that out while it publishes.
func TestStoreIsTakenWhilePublishing(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*takenStore){
		"at the commit":              func(s *takenStore) { s.taken.Store(true) },
		"requests are there no more": func(s *takenStore) { s.changed.Store(true); s.told.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, store := newTaken(t)
			// The store is taken after the request was accepted, before it is published.
			f.cfg.PublishEvery = 200 * time.Millisecond
			f.restart()
			f.post("/artifacts/", adding("a"))
			take(store)
			require.Eventually(t, func() bool { return errors.Is(f.svc.Status().Paused, service.ErrLost) }, time.Minute, time.Millisecond)
			done := make(chan error, 1)
			go func() { done <- f.svc.Close(context.Background()) }()
			select {
			case err := <-done:
				require.NoError(t, err)
			case <-time.After(10 * time.Second):
				t.Fatal("it does not end")
			}
		})
	}
}
