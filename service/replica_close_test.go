package service_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// closing closes a replica within a time.
func (m *member) closing(within time.Duration) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	begun := time.Now()
	err = m.replica.Close(ctx)
	return time.Since(begun), err
}

// slack is what closing may take beside what it waits for: a publication that is cut off
// has two seconds to notice that.
const slack = 2*time.Second + time.Second/2

// A publication that does not end in time is cut off, and the right to publish is free by
// the time that Close returns.
func TestReplicaCutsOffAPublication(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		var silent atomic.Bool
		asked := make(chan struct{}, 1)
		g := newGroup(t, 1, func(c *service.Config) {
			c.OnlineKeys = []keys.Signer{askedKey{silentKey{c.OnlineKeys[0], &silent}, asked}}
		})
		m := g.members[0]
		m.bootstrap()
		silent.Store(true)
		id := m.post("/artifacts/", adding("a"))
		<-asked
		took, err := m.closing(time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.GreaterOrEqual(t, took, time.Second)
		assert.Less(t, took, time.Second+slack)
		store, err := g.shared.Open(t.Context())
		require.NoError(t, err, "another one may publish")
		require.NoError(t, store.Close())
		silent.Store(false)
		m.start()
		m.ok(id)
	})
}

// askedKey is a silent key that tells when it is asked.
type askedKey struct {
	silentKey
	asked chan struct{}
}

func (k askedKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if k.now.Load() {
		select {
		case k.asked <- struct{}{}:
		default:
		}
	}
	return k.silentKey.Sign(ctx, message)
}

// If it does not end though it is cut off, Close returns all the same, and whoever
// closes again meanwhile waits for that as long as it likes. The right to publish is kept
// until it has ended.
func TestReplicaDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		g := newGroup(t, 1)
		m := g.members[0]
		m.bootstrap()
		reached, goOn := m.files.hold(".snapshot.json")
		id := m.post("/artifacts/", adding("a"))
		<-reached
		var all sync.WaitGroup
		all.Go(func() {
			took, err := m.closing(time.Second)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Less(t, took, time.Second+slack)
		})
		time.Sleep(100 * time.Millisecond)
		all.Go(func() {
			took, err := m.closing(200 * time.Millisecond)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Less(t, took, time.Second)
		})
		all.Go(func() {
			took, err := m.closing(time.Minute)
			assert.NoError(t, err)
			assert.GreaterOrEqual(t, took, time.Second-100*time.Millisecond)
		})
		all.Wait()
		_, err := g.shared.Open(t.Context())
		require.ErrorIs(t, err, service.ErrLocked)
		close(goOn)
		require.Eventually(t, func() bool {
			store, err := g.shared.Open(t.Context())
			if err == nil {
				require.NoError(t, store.Close())
			}
			return err == nil
		}, time.Minute, time.Millisecond)
		m.start()
		m.ok(id)
	})
}

// stuckShared has what is accepted without an answer: until it is closed, or for a while.
type stuckShared struct {
	service.Shared
	now    atomic.Bool
	while  time.Duration
	closed chan struct{}
}

func (s *stuckShared) Join(ctx context.Context) (service.Joined, error) {
	joined, err := s.Shared.Join(ctx)
	return stuckJoined{joined, s}, err
}

type stuckJoined struct {
	service.Joined
	shared *stuckShared
}

func (j stuckJoined) Accept(ctx context.Context, entries []service.Change) error {
	if j.shared.now.Load() {
		select {
		case <-j.shared.closed:
			return errors.New("it is closed")
		case <-time.After(j.shared.while):
		}
	}
	return j.Joined.Accept(ctx, entries)
}

func (j stuckJoined) Close() error {
	close(j.shared.closed)
	return j.Joined.Close()
}

// What is about to be accepted is waited for, though nothing is published, so that who has
// sent it learns of it; but not for ever.
func TestReplicaClosesWhileSomethingIsAccepted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		while time.Duration
		code  int
		err   error
	}{
		"in time": {time.Second / 2, http.StatusAccepted, nil},
		"never":   {time.Hour, http.StatusServiceUnavailable, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTime(t, func(t *testing.T) {
				stuck := &stuckShared{while: test.while, closed: make(chan struct{})}
				g := newGroup(t, 1, func(c *service.Config) { stuck.Shared, c.Replicas = c.Replicas, stuck })
				m := g.members[0]
				m.bootstrap()
				stuck.now.Store(true)
				code := make(chan int)
				go func() {
					n, _ := m.call("POST", "/artifacts/", adding("a"))
					code <- n
				}()
				time.Sleep(100 * time.Millisecond) // in which it is sent
				took, err := m.closing(time.Second)
				require.ErrorIs(t, err, test.err)
				assert.Less(t, took, time.Second+2*slack)
				assert.Equal(t, test.code, <-code)
			})
		})
	}
}
