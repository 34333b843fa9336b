package service_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/service"
)

// A replica whose metadata files are not those of the database, since it was given
// another bucket, is not ready, and can't be started once there is a repository.
func TestReplicaWithFilesOfAnother(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2)
	a, b := g.members[0], g.members[1]
	require.NoError(t, b.replica.Close(context.Background()))
	b.cfg.Dir = t.TempDir()
	b.start()
	assert.Equal(t, http.StatusOK, call(b.svc.Handler(), "GET", "/readyz", nil).Code)
	a.bootstrap()
	require.Eventually(t, func() bool { return b.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
	assert.ErrorContains(t, b.replica.Status().Paused, "1.targets.json")
	assert.Equal(t, http.StatusServiceUnavailable, call(b.svc.Handler(), "GET", "/readyz", nil).Code)
	assert.NoError(t, a.replica.Status().Paused)

	require.NoError(t, b.replica.Close(context.Background()))
	_, err := service.OpenReplica(t.Context(), b.cfg)
	assert.ErrorContains(t, err, "are the database and the metadata files those of one repository?")
	b.cfg.Dir = a.cfg.Dir
	b.start()
	assert.Equal(t, http.StatusOK, call(b.svc.Handler(), "GET", "/readyz", nil).Code)
}

// A database that is older than what was published, or empty, such as one that was
// restored, takes back nothing that clients have seen.
func TestReplicaOfAnOlderDatabase(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]bool{"restored": true, "made anew": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := &olderShared{keep: keep}
			g := newGroup(t, 1, func(c *service.Config) { old.Shared, c.Replicas = c.Replicas, old })
			m := g.members[0]
			m.bootstrap()
			m.holdsAll()
			m.ok(m.post("/artifacts/", adding("a")))
			m.holdsAll("a")
			seen := must(m.file("timestamp.json"))
			old.goBack()
			require.Eventually(t, func() bool { return m.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
			assert.ErrorIs(t, m.replica.Status().Paused, service.ErrInconsistent)
			assert.ErrorContains(t, m.replica.Status().Paused, "timestamp.json: this replica has served version 2, and the database has only version")
			assert.Equal(t, http.StatusServiceUnavailable, call(m.svc.Handler(), "GET", "/readyz", nil).Code)
			assert.Equal(t, seen, must(m.file("timestamp.json")))
			m.holdsAll("a")
		})
	}
}

// olderShared shows replicas, from one moment on, the first repository that they have
// seen, or none.
type olderShared struct {
	service.Shared
	keep bool

	mu    sync.Mutex
	first []service.Change
	back  bool
}

func (o *olderShared) goBack() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.back = true
}

func (o *olderShared) Join(ctx context.Context) (service.Joined, error) {
	joined, err := o.Shared.Join(ctx)
	return olderJoined{joined, o}, err
}

type olderJoined struct {
	service.Joined
	shared *olderShared
}

func (j olderJoined) Version(ctx context.Context) (string, error) {
	j.shared.mu.Lock()
	defer j.shared.mu.Unlock()
	if j.shared.back {
		return "older", nil
	}
	return j.Joined.Version(ctx)
}

func (j olderJoined) View(ctx context.Context, tables []service.Table, f func(service.Table, string, []byte) error) (string, error) {
	j.shared.mu.Lock()
	defer j.shared.mu.Unlock()
	if j.shared.back {
		for _, c := range j.shared.first {
			if err := f(c.Table, c.Key, c.Value); err != nil {
				return "", err
			}
		}
		return "older", nil
	}
	var list []service.Change
	version, err := j.Joined.View(ctx, tables, func(table service.Table, key string, value []byte) error {
		list = append(list, service.Change{Table: table, Key: key, Value: append([]byte{}, value...)})
		return f(table, key, value)
	})
	if err == nil && j.shared.keep && j.shared.first == nil && len(list) > 5 { // there is a repository
		j.shared.first = list
	}
	return version, err
}

// What the driver of a replica's database says is for the log, also where somebody with a
// token asks.
func TestReplicaTellsNotWhatTheDriverSays(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2, func(c *service.Config) { c.Tokens = []service.Token{newToken(t, "admin", adminSecret)} })
	g.shared.SetAway(true)
	for _, m := range g.members {
		ready := func() string {
			_, text := authorized(m.fixture, "GET", "/readyz", "Bearer "+adminSecret, "")
			return text
		}
		require.Eventually(t, func() bool { return ready() != "ready\n" }, time.Minute, time.Millisecond)
		assert.Contains(t, ready(), ": the database is away, or takes nothing, at the moment: the log says why\n")
	}
	g.shared.SetAway(false)
}

// A check of a database that knows nothing, while there are files of a repository, is not
// well: somebody has named the wrong database or schema.
func TestCheckWithAnotherDatabase(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 1)
	m := g.members[0]
	m.bootstrap()
	m.files.fail(errors.New("403"))
	checked := call(m.svc.Handler(), "GET", "/fsck", nil)
	assert.Equal(t, http.StatusServiceUnavailable, checked.Code)
	assert.Contains(t, checked.Body.String(), "the metadata files can't be read at the moment")
	m.files.fail(nil)
	require.NoError(t, m.replica.Close(context.Background()))

	m.cfg.Replicas = &sharedtest.Shared{}
	report, err := service.Check(t.Context(), m.cfg, false)
	require.NoError(t, err)
	require.Len(t, report.Problems, 1)
	assert.Contains(t, report.Problems[0].String(), "timestamp.json: it is of a repository that the database does not know")
	_, err = service.OpenReplica(t.Context(), m.cfg)
	assert.ErrorContains(t, err, report.Problems[0].String())
	m.cfg.Storage = must(service.NewFolder(t.TempDir()))
	report, err = service.Check(t.Context(), m.cfg, false)
	require.NoError(t, err)
	assert.Empty(t, report.Problems)
}
