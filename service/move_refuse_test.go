package service_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// cutOff is a database that is cut off when the repository is to have arrived.
type cutOff struct{ service.Store }

func (c *cutOff) Commit(ctx context.Context, list []service.Change) error {
	if last := list[len(list)-1]; last.Key == "arriving" && last.Value == nil {
		return errors.New("cut off")
	}
	return c.Store.Commit(ctx, list)
}

// A move that was cut off before its very last write is repeated: it needs nothing of
// the source any more but its mark, and takes no other target.
func TestMoveGoesOnAtItsEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.close()
	to := f.place()
	cut := to
	cut.Store = func(context.Context) (service.Store, error) {
		store, err := service.OpenDatabase(to.Dir)
		return &cutOff{store}, err
	}
	_, err := service.Move(t.Context(), f.cfg, cut, "the new place")
	require.ErrorContains(t, err, "move again")
	for _, cfg := range []service.Config{f.cfg, to} {
		_, err = service.Open(t.Context(), cfg)
		assert.ErrorIs(t, err, service.ErrElsewhere)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(f.cfg.Dir, "metadata")))
	_, err = service.Move(t.Context(), f.cfg, f.place(), "another place")
	assert.ErrorIs(t, err, service.ErrElsewhere)
	elsewhere := to
	files := t.TempDir()
	elsewhere.Storage = must(service.NewFolder(files))
	_, err = service.Move(t.Context(), f.cfg, elsewhere, "the new place")
	assert.ErrorIs(t, err, service.ErrInconsistent)
	assert.Empty(t, contents(t, files))

	_, err = service.Move(t.Context(), f.cfg, to, "the new place")
	require.NoError(t, err)
	f.cfg = to
	f.start()
	f.ok(f.post("/artifacts/", adding("a")))
	f.audit()
}

// What holds something else is no target, and stays as it is; nor is a folder of its
// own one, or what has nothing in it a source.
func TestMoveRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("z"))) // so that its timestamp is newer than that of the other one
	f.close()
	move := func(to service.Config) error {
		_, err := service.Move(t.Context(), f.cfg, to, "the new place")
		return err
	}
	other := newFixture(t)
	other.bootstrap()
	other.close()
	before := contents(t, filepath.Join(other.cfg.Dir, "metadata"))
	assert.ErrorContains(t, move(other.cfg), "the database knows a repository")

	files := f.place()
	files.Storage = must(service.NewFolder(filepath.Join(other.cfg.Dir, "metadata")))
	assert.ErrorContains(t, move(files), "not an earlier state of this one")
	assert.Equal(t, before, contents(t, filepath.Join(other.cfg.Dir, "metadata")))

	taken := f.place()
	require.NoError(t, os.Mkdir(filepath.Join(taken.Dir, "metadata"), 0o755))
	name := metadata.Filename("snapshot", f.version("snapshot"))
	require.NoError(t, os.WriteFile(filepath.Join(taken.Dir, "metadata", name), []byte(before[metadata.Filename("snapshot", other.version("snapshot"))]), 0o644))
	assert.ErrorContains(t, move(taken), "holds another "+name)
	_, err := service.Open(t.Context(), taken)
	assert.ErrorIs(t, err, service.ErrElsewhere)
	assert.ErrorContains(t, err, "did not come to its end")
	_, err = service.Move(t.Context(), taken, f.place(), "")
	assert.ErrorIs(t, err, service.ErrElsewhere, "what has not arrived is no source")
	_, err = service.Move(t.Context(), other.cfg, taken, "")
	assert.ErrorContains(t, err, "that of another repository")

	assert.ErrorContains(t, move(f.cfg), "same database")
	missing := f.place()
	_, err = service.Move(t.Context(), missing, f.place(), "")
	assert.ErrorIs(t, err, os.ErrNotExist)
	fresh := newFixture(t)
	fresh.close()
	_, err = service.Move(t.Context(), fresh.cfg, f.place(), "")
	assert.ErrorContains(t, err, "a ceremony comes first")
	was, err := os.ReadFile(f.metadataFile(name))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.metadataFile(name), []byte("{}"), 0o644))
	assert.ErrorContains(t, move(f.place()), "does not verify")
	require.NoError(t, os.WriteFile(f.metadataFile(name), was, 0o644))
	f.start() // it goes on as if nothing had been tried
	f.ok(f.post("/artifacts/", adding("a")))
	for _, f := range []*fixture{fresh, other} {
		f.start()
	}
}

// Replicas that were not stopped, while none of them published, do no harm: what they
// acknowledge before the repository has moved comes along, and from then on they
// acknowledge nothing.
func TestMoveWhileReplicasAccept(t *testing.T) {
	t.Parallel()
	meet := &sharedtest.NotLeading{}
	g := newGroup(t, 2, func(c *service.Config) {
		meet.Shared = c.Replicas
		c.Replicas = meet
	})
	m := g.members[1]
	m.bootstrap()
	meet.Now.Store(true)
	g.shared.Depose(0)

	files := t.TempDir()
	to := &gate{Folder: must(service.NewFolder(filepath.Join(files, "metadata")))}
	reached, goOn := to.hold("timestamp.json")
	cfg := m.cfg
	cfg.Replicas, cfg.Dir = nil, files
	from, target := cfg, cfg
	from.Dir, from.Store, target.Storage = m.cfg.Dir, g.shared.Open, to
	moved := make(chan error, 1)
	go func() {
		_, err := service.Move(t.Context(), from, target, "the new place")
		moved <- err
	}()
	<-reached // the database is copied
	late := m.post("/artifacts/", adding("late"))
	close(goOn)
	require.NoError(t, <-moved)
	for _, member := range g.members {
		code, text := member.call("POST", "/artifacts/", adding("lost"))
		assert.Equal(t, http.StatusServiceUnavailable, code, text)
		code, text = member.call("GET", "/config/", nil)
		assert.Equal(t, http.StatusServiceUnavailable, code, text)
	}
	meet.Now.Store(false)
	require.Eventually(t, func() bool { return errors.Is(m.replica.Status().Paused, service.ErrElsewhere) }, time.Minute, time.Millisecond)

	f := &fixture{T: t, cfg: target, now: m.clock()}
	f.start()
	f.ok(late)
	assert.Contains(t, f.audit().Artifacts, "late")
	f.close()
}
