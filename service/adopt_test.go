package service_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// oldRepository is a repository that was published by another service, at a web
// server that goes over to the new one.
type oldRepository struct {
	*testing.T
	folder string
	keys   map[string]*keys.Private // by id
	now    time.Time
	before map[string]string // the files, by name
	source service.Source

	url   string
	files atomic.Pointer[http.Handler]
}

// newOldRepository copies a folder and serves it.
func newOldRepository(t *testing.T, folder string, people map[string]*keys.Private) *oldRepository {
	o := &oldRepository{T: t, folder: filepath.Join(t.TempDir(), "old"), keys: people}
	require.NoError(t, os.CopyFS(o.folder, os.DirFS(folder)))
	_, err := tuftest.Folder(o.folder).Rewind(t.Context(), people)
	require.NoError(t, err)
	o.before = contents(t, o.folder)
	o.now = o.document("timestamp.json").Expires().Add(-12 * time.Hour)
	o.serve(http.FileServer(http.Dir(o.folder)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*o.files.Load()).ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	o.url = server.URL
	o.source = service.Source{URL: "file://" + filepath.ToSlash(o.folder), Root: []byte(o.before["1.root.json"]), Wait: time.Millisecond}
	return o
}

func (o *oldRepository) serve(h http.Handler) { o.files.Store(&h) }

func (o *oldRepository) document(name string) *metadata.Document {
	doc, err := metadata.Parse([]byte(o.before[name]))
	require.NoError(o, err, name)
	return doc
}

// put writes a file of the repository.
func (o *oldRepository) put(name string, doc *metadata.Document) {
	o.before[name] = string(doc.Bytes())
	require.NoError(o, writeFile(filepath.Join(o.folder, name), doc.Bytes()))
}

// name makes a snapshot the one that the timestamp names.
func (o *oldRepository) name(snapshot int64) {
	require.NoError(o, tuftest.Folder(o.folder).Name(o.Context(), snapshot, o.online()))
	o.before = contents(o.T, o.folder)
}

// newestRoot is the current root.
func (o *oldRepository) newestRoot() *metadata.Document {
	version := int64(1)
	for o.before[metadata.Filename("root", version+1)] != "" {
		version++
	}
	return o.document(metadata.Filename("root", version))
}

func (o *oldRepository) root() *metadata.Root {
	root, err := o.newestRoot().Root()
	require.NoError(o, err)
	return root
}

func (o *oldRepository) online() *keys.Private {
	return o.keys[o.root().Roles["timestamp"].KeyIDs[0]]
}

// config is that of a service which is to take over.
func (o *oldRepository) config() service.Config {
	now := o.now
	return service.Config{
		Dir: filepath.Join(o.TempDir(), "new"), OnlineKeys: []keys.Signer{o.online()}, UnsafeNoSync: true,
		Now: func() time.Time { return now }, BumpEvery: time.Hour,
	}
}

// adopt has a service take over and starts it.
func (o *oldRepository) adopt() (*fixture, *service.Adopted) {
	f := &fixture{T: o.T, now: o.now, cfg: o.config(), online: o.online()}
	f.cfg.Now = f.clock
	done, err := service.Adopt(o.Context(), f.cfg, o.source)
	require.NoError(o, err)
	assert.FileExists(o, filepath.Join(f.cfg.Dir, "metadata", metadata.Filename("root", done.Root)), "it is whole before a start")
	assert.Equal(o, o.before, contents(o.T, o.folder), "nothing of the source changes")
	f.start()
	o.Cleanup(func() { assert.NoError(o, f.svc.Close(context.Background())) })
	report, err := f.svc.Check(o.Context(), true)
	require.NoError(o, err)
	assert.Empty(o, report.Problems)
	return f, done
}

func contents(t testing.TB, folder string) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		require.NoError(t, err)
		all[entry.Name()] = string(data)
	}
	return all
}

// recordedFiles is that of a recording.
func recordedFiles(t *testing.T, s scenario) *oldRepository {
	return newOldRepository(t, filepath.Join(testdir.Find(t, *recordings), s.name+".repository"), s.keys)
}

// last is the data of the last answer to a step of a recording.
func last[T any](t *testing.T, s scenario, step string) *T {
	for _, e := range slices.Backward(s.exchanges) {
		if e.Step != step {
			continue
		}
		raw, err := json.Marshal(e.Response.Body)
		require.NoError(t, err)
		var answer wire.Response[T]
		require.NoError(t, json.Unmarshal(raw, &answer))
		return answer.Data
	}
	return nil
}

// follower is a client with a cache that follows a repository.
type follower struct {
	name   string
	follow func(now time.Time) error
}

// followers are our reader and go-tuf's updater, each with what it has seen.
func (o *oldRepository) followers() []follower {
	cache, local := o.TempDir(), o.TempDir()
	return []follower{
		{"reader", func(now time.Time) error {
			reader, err := repository.New(repository.Config{MetadataURL: o.url, Cache: cache, Now: func() time.Time { return now }}, repository.TrustRoot([]byte(o.before["1.root.json"])))
			require.NoError(o, err)
			return reader.Refresh(o.Context())
		}},
		{"go-tuf", func(now time.Time) error {
			cfg, err := config.New(o.url, []byte(o.before["1.root.json"]))
			require.NoError(o, err)
			cfg.LocalMetadataDir, cfg.LocalTargetsDir = local, local
			client, err := updater.New(cfg)
			require.NoError(o, err)
			client.UnsafeSetRefTime(now)
			return client.Refresh()
		}},
	}
}

// An adopted repository goes on from where it was: clients that hold its old
// state follow, artifacts are added and removed, root is updated and the online
// key rotated.
func TestAdoptRecordings(t *testing.T) {
	t.Parallel()
	for _, s := range loadScenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			o := recordedFiles(t, s)
			o.source.Settings = last[rstuf.RepositorySettings](t, s, "config.get.final")
			if o.source.Settings != nil {
				o.source.Settings.TrustedRoot = o.newestRoot().Bytes()
			}
			if s.name == "custom-delegations" {
				o.source.Pending = &rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"rel": o.source.Settings.Signing["rel"]}}
			}
			o.useAdopted()
		})
	}
}

func TestAdoptFirstGeneration(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.ok(f.post("/bootstrap/", f.draft(func(p *ceremony.Policy) {
		p.FirstGeneration, p.TargetsBaseURL = true, "https://example.org/artifacts/"
	}).FirstGenerationPayload()))
	f.ok(f.post("/artifacts/", adding("a")))
	root, err := metadata.Parse(f.settings().TrustedRoot)
	require.NoError(t, err)
	view, err := root.Root()
	require.NoError(t, err)
	people := map[string]*keys.Private{}
	for id, key := range view.Keys {
		for _, private := range []*keys.Private{f.alice, f.bob, f.online} {
			if public, err := keys.FromKey(key); err == nil && public.Same(private.Public()) {
				people[id] = private
			}
		}
	}
	require.Len(t, people, 3)
	assert.NotContains(t, people, f.online.Public().ID(), "ids of that time differ")
	o := newOldRepository(t, filepath.Join(f.cfg.Dir, "metadata"), people)
	o.useAdopted()
}

// nextRoot is the root after the current one, changed, and signed by all its
// people under the ids that it has for them.
func (o *oldRepository) nextRoot(f *fixture, change func(*metadata.Root)) json.RawMessage {
	current, err := metadata.Parse(f.settings().TrustedRoot)
	require.NoError(o, err)
	next, err := metadata.Parse(f.nextRoot(change))
	require.NoError(o, err)
	by, err := metadata.RootSigners(current, next)
	require.NoError(o, err)
	for _, id := range o.root().Roles["root"].KeyIDs {
		require.NoError(o, next.SignFor(o.Context(), o.keys[id], by...))
	}
	return next.Bytes()
}

func (o *oldRepository) useAdopted() {
	followers := o.followers()
	follow := func(f *fixture, when string) {
		for _, client := range followers {
			require.NoError(o, client.follow(f.clock()), "%s %s", client.name, when)
		}
	}
	old := o.document("timestamp.json")
	for _, client := range followers {
		require.NoError(o, client.follow(o.now), client.name)
	}
	published := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(o.folder, name)) }
	was, err := tuftest.ReadPublished(published, tuftest.Expected{Now: o.now.AddDate(0, 0, -3), Unsigned: func(role string) bool { return role == "rel" }})
	require.NoError(o, err)
	f, done := o.adopt()
	o.serve(f.svc.MetadataHandler())
	assert.Equal(o, old.Version()+1, done.Timestamp)
	assert.Equal(o, was.Root.Version(), done.Root)
	follow(f, "right after it")
	now := f.audit()
	assert.Equal(o, was.Artifacts, now.Artifacts)
	for role, version := range was.Roles {
		assert.GreaterOrEqual(o, now.Roles[role], version, role)
	}

	path := "some/new"
	if f.settings().NumberOfDelegatedBins == 0 {
		path = "pub/new"
	}
	f.ok(f.post("/artifacts/", adding(path)))
	follow(f, "with an artifact more")
	f.ok(f.post("/artifacts/delete", rstuf.DeleteArtifacts{Artifacts: []string{path}}))
	assert.Equal(o, was.Artifacts, f.audit().Artifacts)

	f.ok(f.update(o.nextRoot(f, func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) })))
	follow(f, "with another root")
	other := tuftest.Key(o.T, "online2")
	require.NoError(o, f.svc.Close(o.Context()))
	f.cfg.OnlineKeys = append(f.cfg.OnlineKeys, other)
	f.start()
	o.serve(f.svc.MetadataHandler())
	f.ok(f.update(o.nextRoot(f, func(r *metadata.Root) { setOnline(r, other.Public()) })))
	follow(f, "with another online key")
	f.ok(f.post("/artifacts/", adding(path)))
	follow(f, "signed by it")
	assert.Len(o, f.audit().Artifacts, len(was.Artifacts)+1)
}
