package service_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/service"
)

// lines are what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// away moves the repository of a group, of which nobody gets the right to publish
// meanwhile, to a folder.
func (g *group) away(meet *sharedtest.NotLeading) (to service.Config) {
	meet.Now.Store(true)
	g.shared.Depose(0)
	from := g.members[0].cfg
	from.Replicas, from.Store = nil, g.shared.Open
	to = g.members[0].place()
	to.Replicas = nil
	_, err := service.Move(g.Context(), from, to, "rstuf serve --dir there")
	require.NoError(g, err)
	return to
}

// A replica that runs on while its repository is moved away ends: it says so once, and
// where the repository is to all who may know, and neither accepts nor publishes again.
func TestReplicaEndsWhenItsRepositoryIsMoved(t *testing.T) {
	t.Parallel()
	for name, leads := range map[string]bool{"it may publish": true, "it follows": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTime(t, func(t *testing.T) {
				meet, log := &sharedtest.NotLeading{}, &lines{}
				g := newGroup(t, 1, func(c *service.Config) {
					meet.Shared, c.Replicas = c.Replicas, meet
					c.Logger = slog.New(slog.NewTextHandler(log, nil))
				})
				m := g.members[0]
				m.bootstrap()
				task := m.post("/artifacts/", adding("a"))
				m.ok(task)
				g.away(meet)
				meet.Now.Store(!leads)
				require.Eventually(t, func() bool { return errors.Is(m.replica.Status().Paused, service.ErrElsewhere) }, time.Minute, time.Millisecond)
				assert.ErrorContains(t, m.replica.Status().Paused, "go on there: rstuf serve --dir there")
				assert.False(t, m.replica.Status().Leads)
				w := call(m.svc.Handler(), "GET", "/readyz", nil)
				assert.Equal(t, http.StatusServiceUnavailable, w.Code)
				assert.Equal(t, "the repository is elsewhere: the log says where\n", w.Body.String())
				for _, path := range []string{"/config/", "/task/?task_id=" + task} {
					code, text := m.call("GET", path, nil)
					assert.Equal(t, http.StatusServiceUnavailable, code, text)
					assert.Contains(t, text, "rstuf serve --dir there")
				}
				code, text := m.call("POST", "/artifacts/", adding("b"))
				assert.Equal(t, http.StatusServiceUnavailable, code, text)
				assert.Contains(t, text, "rstuf serve --dir there")
				assert.NotEmpty(t, must(m.file("timestamp.json")))
				require.Eventually(t, func() bool { return strings.Contains(log.String(), "this replica does not publish any more") }, time.Minute, time.Millisecond)
				before := log.String()
				time.Sleep(2200 * time.Millisecond) // twice as long as until it looks again
				m.file("timestamp.json")
				assert.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), "said once")
				assert.Equal(t, before, log.String(), "said once")
				meet.Now.Store(false)
				store, err := g.shared.Open(t.Context())
				require.NoError(t, err, "it does not try to publish any more")
				require.NoError(t, store.Close())
			})
		})
	}
}

// Those with a token are told at /readyz where the repository is.
func TestReadyTellsWhereTheRepositoryIs(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		meet := &sharedtest.NotLeading{}
		g := newGroup(t, 1, func(c *service.Config) { meet.Shared, c.Replicas = c.Replicas, meet })
		m := g.members[0]
		m.bootstrap()
		require.NoError(t, m.replica.Close(t.Context()))
		m.cfg.Tokens = []service.Token{newToken(t, "admin", adminSecret)}
		m.start()
		g.away(meet)
		require.Eventually(t, func() bool { return errors.Is(m.replica.Status().Paused, service.ErrElsewhere) }, time.Minute, time.Millisecond)
		_, text := authorized(m.fixture, "GET", "/readyz", "Bearer "+adminSecret, "")
		assert.Regexp(t, "^the repository is elsewhere: it was moved at .*; go on there: rstuf serve --dir there\n$", text)
	})
}

// slowShared has a request wait that is stored and not acknowledged yet.
type slowShared struct {
	service.Shared
	stored, goOn chan struct{}
}

func (s *slowShared) Join(ctx context.Context) (service.Joined, error) {
	joined, err := s.Shared.Join(ctx)
	return slowJoined{joined, s}, err
}

type slowJoined struct {
	service.Joined
	shared *slowShared
}

func (j slowJoined) Accept(ctx context.Context, entries []service.Change) error {
	err := j.Joined.Accept(ctx, entries)
	if j.shared.stored != nil {
		close(j.shared.stored)
		<-j.shared.goOn
	}
	return err
}

// A request that is accepted in the very moment of a move, and comes along, is not
// answered as if it had been refused.
func TestRequestIsMovedBeforeItIsAcknowledged(t *testing.T) {
	t.Parallel()
	meet, slow := &sharedtest.NotLeading{}, &slowShared{}
	g := newGroup(t, 1, func(c *service.Config) {
		slow.Shared = c.Replicas
		meet.Shared, c.Replicas = slow, meet
	})
	m := g.members[0]
	m.bootstrap()
	slow.stored, slow.goOn = make(chan struct{}), make(chan struct{})
	type reply struct {
		code int
		text string
	}
	answered := make(chan reply)
	go func() {
		code, text := m.call("POST", "/artifacts/", adding("a"))
		answered <- reply{code, text}
	}()
	meet.Now.Store(true)
	<-slow.stored
	to := g.away(meet)
	close(slow.goOn)
	r := <-answered
	assert.Equal(t, http.StatusServiceUnavailable, r.code)
	assert.Contains(t, r.text, "it is not known whether the request was accepted")
	assert.Contains(t, r.text, "rstuf serve --dir there")
	there := &fixture{T: t, cfg: to, now: m.clock()}
	there.start()
	require.Eventually(t, func() bool { return there.audit().Artifacts["a"] != "" }, time.Minute, time.Millisecond)
	there.close()
}

// Where a repository has been a replica does not start, whether it could publish or not,
// and the right to publish is free afterwards.
func TestReplicaStartsWhereARepositoryWas(t *testing.T) {
	t.Parallel()
	for name, leads := range map[string]bool{"it may publish": true, "another one has the right": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTime(t, func(t *testing.T) {
				meet, log := &sharedtest.NotLeading{}, &lines{}
				g := newGroup(t, 1, func(c *service.Config) { meet.Shared, c.Replicas = c.Replicas, meet })
				m := g.members[0]
				m.bootstrap()
				g.away(meet)
				require.NoError(t, m.replica.Close(context.Background()))
				m.cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
				meet.Now.Store(!leads)
				_, err := service.OpenReplica(t.Context(), m.cfg)
				require.ErrorIs(t, err, service.ErrElsewhere)
				assert.ErrorContains(t, err, "go on there: rstuf serve --dir there")
				assert.Empty(t, log.String(), "the error says it")
				store, err := g.shared.Open(t.Context())
				require.NoError(t, err, "it has given it back")
				require.NoError(t, store.Close())
			})
		})
	}
}
