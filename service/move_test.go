package service_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// place is a configuration of a service of f elsewhere.
func (f *fixture) place() service.Config {
	cfg := f.cfg
	cfg.Dir = f.TempDir()
	cfg.Store, cfg.Storage = service.StoreFor(cfg.Dir), nil
	return cfg
}

// move ends the service, moves it, and starts it in the new place.
func (f *fixture) move(to service.Config) *service.Moved {
	f.close()
	done, err := service.Move(f.Context(), f.cfg, to, "the new place")
	require.NoError(f, err)
	f.cfg = to
	f.start()
	return done
}

// What was accepted and published goes on after a move, and after the move back:
// results of tasks, requests that wait, documents that wait for signatures, names
// that were used once. A client with its cache follows. The old place refuses
// whatever is asked of it, and says where the repository is.
func TestMove(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins, p.Delegations = 0, []ceremony.Role{
			{Name: "all", Paths: []string{"?", "parked"}, Days: 30},
			{Name: "dev", Paths: []string{"dev/*"}, Days: 30, Threshold: 1, Keys: []keys.Public{f.alice.Public()}},
		}
	})
	added := f.post("/artifacts/", adding("a", "b"))
	f.ok(added)
	parked := adding("parked")
	parked.SkipPublish = true
	waiting := f.post("/artifacts/", parked)
	settings, pending := f.settings(), f.pending()
	require.Contains(t, pending.Roles, "dev")
	follow := f.client()
	follow()

	old := f.cfg
	done := f.move(f.place())
	assert.Equal(t, int64(1), done.Root)
	assert.Equal(t, 1, done.Waiting)
	assert.Equal(t, []string{"dev"}, done.Signing)
	assert.NotZero(t, done.Tasks)
	assert.Len(t, contents(t, filepath.Join(old.Dir, "metadata")), done.Files+2, "timestamp and the newest root are announced")
	assert.Equal(t, contents(t, filepath.Join(old.Dir, "metadata")), contents(t, filepath.Join(f.cfg.Dir, "metadata")))
	assert.Contains(t, done.Left[0], filepath.Join(f.cfg.Dir, "keys"))
	check := func() {
		t.Helper()
		assert.Equal(t, settings, f.settings())
		assert.Equal(t, pending, f.pending())
		assert.Equal(t, rstuf.TaskSuccess, f.task(added).State)
	}
	check()
	assert.Equal(t, rstuf.TaskRunning, f.task(waiting).State)
	follow()
	f.ok(f.post("/artifacts/", adding("c")))
	f.ok(waiting)
	assert.Len(t, f.audit().Artifacts, 4)
	follow()

	for what, ask := range map[string]func() error{
		"open":   func() error { _, err := service.Open(t.Context(), old); return err },
		"check":  func() error { _, err := service.Check(t.Context(), old, false); return err },
		"repair": func() error { _, err := service.Repair(t.Context(), old, true); return err },
		"export": func() error {
			_, err := service.Export(t.Context(), old, filepath.Join(t.TempDir(), "new"))
			return err
		},
		"adopt": func() error {
			_, err := service.Adopt(t.Context(), old, service.Source{URL: "file://" + old.Dir + "/metadata", Root: f.first.Document().Bytes()})
			return err
		},
		"move": func() error { _, err := service.Move(t.Context(), old, f.place(), "elsewhere"); return err },
	} {
		err := ask()
		require.ErrorIs(t, err, service.ErrElsewhere, what)
		assert.ErrorContains(t, err, "go on there: the new place", what)
	}
	_, err := service.Move(t.Context(), f.cfg, f.place(), "")
	assert.ErrorIs(t, err, service.ErrLocked)

	f.move(old)
	check()
	f.ok(waiting)
	f.ok(f.post("/artifacts/", adding("d")))
	assert.Len(t, f.audit().Artifacts, 5)
	follow()
	f.close()
	report, err := service.Check(t.Context(), f.cfg, true)
	require.NoError(t, err)
	assert.Empty(t, report.Problems)
	f.start()
}

// client is one that keeps what it has seen, and looks what there is now.
func (f *fixture) client() (follow func()) {
	cache := f.TempDir()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.svc.MetadataHandler().ServeHTTP(w, r) }))
	f.Cleanup(server.Close)
	return func() {
		f.Helper()
		reader, err := repository.New(repository.Config{MetadataURL: server.URL, Cache: cache, Now: f.clock}, repository.TrustRoot(f.first.Document().Bytes()))
		require.NoError(f, err)
		require.NoError(f, reader.Refresh(f.Context()))
	}
}

// The names of files that a crash has left come along: no name gets another content.
func TestMoveTakesAlongWhatWasPassedBy(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.close()
	left := metadata.Filename("snapshot", f.version("snapshot")+1)
	require.NoError(t, os.WriteFile(f.metadataFile(left), []byte("somebody has fetched it"), 0o644))
	f.start() // passes it by
	f.move(f.place())
	f.ok(f.post("/artifacts/", adding("a")))
	assert.Greater(t, f.version("snapshot"), int64(2))
	f.audit()
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Files that both sides have stay where they are, be it a storage or the folder.
func TestMoveOfTheDatabaseAlone(t *testing.T) {
	t.Parallel()
	files := filepath.Join(t.TempDir(), "files")
	folder := must(service.NewFolder(files))
	f := newFixture(t, func(c *service.Config) { c.Storage = folder })
	f.bootstrap()
	before := contents(t, files)
	for range 2 {
		to := f.place()
		to.Storage = folder
		done := f.move(to)
		assert.Zero(t, done.Files)
		assert.Equal(t, before, contents(t, files))
		assert.Len(t, done.Left, 2, "clients fetch from where they did")
	}
	f.ok(f.post("/artifacts/", adding("a")))
	assert.Len(t, f.audit().Artifacts, 1)
}

// A ceremony that waits for signatures moves too.
func TestMoveBeforeTheCeremonyHasEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	draft, err := ceremony.New(ceremony.Policy{RootKeys: []keys.Public{f.alice.Public(), f.bob.Public()}, Threshold: 2, OnlineKey: f.online.Public(), HashBins: 2, Now: f.clock()})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(t.Context(), f.alice))
	f.ok(f.post("/bootstrap/", draft.Payload()))
	done := f.move(f.place())
	assert.Equal(t, []string{"root"}, done.Signing)
	assert.Zero(t, done.Root)
	f.ok(f.sign("root", f.bob))
	f.audit()
}
