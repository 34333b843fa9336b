package repository_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// TestMetadataUnderFailure: what can't be fetched is an error, and later it
// works.
func TestMetadataUnderFailure(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	for name, f := range map[string]fault{
		"503":       status(503, page),
		"web page":  status(200, page),
		"forbidden": status(403, ""),
		"huge":      hugeBody,
		"nonsense":  status(200, `{"signed": {"_type": "timestamp", "version": -1, "meta": null}, "signatures": [{}]}`),
		"null":      status(200, "null"),
	} {
		t.Run(name, func(t *testing.T) {
			proxy := &faultProxy{faults: []fault{nil, f}, server: elsewhere(repo.MetadataURL)}
			web := httptest.NewServer(proxy)
			defer web.Close()
			d := downloader(t, repo, func(cfg *repository.Config) { cfg.MetadataURL, cfg.HTTP.Retries = web.URL, -1 })
			require.Error(t, d.Refresh(t.Context()))
			_, err := d.Info(t.Context(), "tool")
			require.NoError(t, err)
		})
	}
}

func TestDownloadTrustsItsRootAlone(t *testing.T) {
	repo, other := rstuftest.New(t), rstuftest.New(t)
	d, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL}, repository.TrustRoot(other.RootJSON))
	require.NoError(t, err)
	_, err = d.Info(t.Context(), "tool")
	require.Error(t, err)
	assert.NotErrorIs(t, err, repository.ErrNotFound)

	for name, trust := range map[string]repository.Trust{"none": {}, "empty": repository.TrustRoot(nil), "unpinned": repository.TrustOnFirstUseUnsafe()} {
		_, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL}, trust)
		assert.Error(t, err, name)
	}
	for _, root := range []string{"{", "{}", `{"signed":{"_type":"root"}}`, `{"signatures":null,"signed":null}`, "[]"} {
		_, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL}, repository.TrustRoot([]byte(root)))
		assert.ErrorContains(t, err, "the trusted root: ", root)
	}
}

func TestTrustOnFirstUse(t *testing.T) {
	repo, other := rstuftest.New(t), rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	cache := t.TempDir()
	first, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL, Cache: cache}, repository.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	_, err = first.Info(t.Context(), "tool")
	require.NoError(t, err)

	again, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL, Cache: cache}, repository.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	_, err = again.Info(t.Context(), "tool")
	require.NoError(t, err)

	// Another repository takes the server's place.
	stage := newStage(t, repo)
	cache = t.TempDir()
	cfg := repository.Config{MetadataURL: stage.URL, Cache: cache}
	before, err := repository.New(cfg, repository.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	require.NoError(t, before.Refresh(t.Context()))
	stage.handler = elsewhere(other.MetadataURL)
	after, err := repository.New(cfg, repository.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	require.ErrorIs(t, after.Refresh(t.Context()), repository.ErrThreshold, "the root that was pinned stays")

	// A pin that is damaged is not made anew by whatever the server has.
	require.NoError(t, os.WriteFile(filepath.Join(cache, "roots", "1.root.json"), nil, 0o600))
	damaged, err := repository.New(cfg, repository.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	require.ErrorContains(t, damaged.Refresh(t.Context()), "pinned at the first use")
}

// stage is one URL with changing servers behind it.
type stage struct {
	*httptest.Server
	handler http.Handler
}

func newStage(t *testing.T, repo *rstuftest.Repository) *stage {
	s := &stage{handler: elsewhere(repo.MetadataURL)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	return s
}

// without is a server that lacks some files.
func without(next http.Handler, names ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(names, strings.TrimPrefix(r.URL.Path, "/")) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// TestCacheRemembers: a server can't go back to an older state.
func TestCacheRemembers(t *testing.T) {
	repo := rstuftest.New(t)
	stage := newStage(t, repo)
	cache := t.TempDir()
	reader := func(cache string) *repository.Reader {
		return downloader(t, repo, func(cfg *repository.Config) { cfg.Cache, cfg.MetadataURL = cache, stage.URL })
	}
	repo.Publish(t, "tool", []byte("one"))
	old := snapshotOf(t, repo)
	repo.Publish(t, "tool", []byte("two"))
	require.NoError(t, reader(cache).Refresh(t.Context()))
	inMemory := reader("")
	require.NoError(t, inMemory.Refresh(t.Context()))

	stage.handler = old
	require.ErrorIs(t, reader(cache).Refresh(t.Context()), repository.ErrRollback)
	require.ErrorIs(t, inMemory.Refresh(t.Context()), repository.ErrRollback)
	info, err := inMemory.Info(t.Context(), "tool")
	require.NoError(t, err, "what it knows has not expired")
	assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte("two"))), info.Hashes["sha256"])
	require.NoError(t, reader(t.TempDir()).Refresh(t.Context()), "without the cache nobody could tell")
}

// nextRoot publishes the next root with a change.
func nextRoot(t *testing.T, repo *rstuftest.Repository, change ceremony.Change) []byte {
	t.Helper()
	trusted, err := metadata.Parse(repo.Root(t))
	require.NoError(t, err)
	draft, err := ceremony.Next(t.Context(), trusted, change)
	require.NoError(t, err)
	for _, key := range repo.RootKeys {
		require.NoError(t, draft.Sign(t.Context(), key))
	}
	task, err := repo.Client.UpdateMetadata(t.Context(), draft.Update().Metadata[rstuf.RoleRoot])
	require.NoError(t, err)
	_, err = task.Wait(t.Context())
	require.NoError(t, err)
	return repo.Root(t)
}

// TestCacheKeepsTheNewestRoot: a server that hides a newer root, which the
// cache has seen, does not get the older one trusted again.
func TestCacheKeepsTheNewestRoot(t *testing.T) {
	repo := rstuftest.New(t)
	second := nextRoot(t, repo, ceremony.Change{Days: 400})
	cache := t.TempDir()
	stage := newStage(t, repo)
	trusted := func(root []byte) int64 {
		t.Helper()
		r, err := repository.New(repository.Config{MetadataURL: stage.URL, Cache: cache}, repository.TrustRoot(root))
		require.NoError(t, err)
		roots, err := r.Roots(t.Context())
		require.NoError(t, err)
		require.NoError(t, r.Refresh(t.Context()))
		return roots[len(roots)-1].Version()
	}
	require.EqualValues(t, 2, trusted(repo.RootJSON))
	stage.handler = without(stage.handler, "2.root.json")
	assert.EqualValues(t, 2, trusted(repo.RootJSON))
	assert.EqualValues(t, 2, trusted(second), "as a newer program brings it along")
	assert.EqualValues(t, 2, trusted(append([]byte(" "), repo.RootJSON...)), "one more space is no other root")

	// A cache that was damaged is no reason to fail.
	stage.handler = elsewhere(repo.MetadataURL)
	require.NoError(t, os.WriteFile(filepath.Join(cache, "roots", "2.root.json"), []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(cache, "metadata", "timestamp.json"), nil, 0o600))
	assert.EqualValues(t, 2, trusted(repo.RootJSON))
	repo.Publish(t, "tool", []byte("the release"))
	names, err := filepath.Glob(filepath.Join(cache, "metadata", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for i := range 4 {
		names = append(names, filepath.Join(cache, "metadata", fmt.Sprintf("bins-%d.json", i)))
	}
	for _, name := range names {
		require.NoError(t, os.WriteFile(name, []byte(`{"signed": {"_type": 5}}`), 0o600))
	}
	_, err = downloader(t, repo, func(cfg *repository.Config) { cfg.Cache, cfg.MetadataURL = cache, stage.URL }).Info(t.Context(), "tool")
	require.NoError(t, err)
}

// TestCacheOfAnother: a root that somebody else wrote into the cache is not
// believed, and the cache is left as it is.
func TestCacheOfAnother(t *testing.T) {
	repo, other := rstuftest.New(t), rstuftest.New(t)
	cache := t.TempDir()
	stage := newStage(t, other)
	theirs, err := repository.New(repository.Config{MetadataURL: stage.URL, Cache: cache}, repository.TrustRoot(other.RootJSON))
	require.NoError(t, err)
	require.NoError(t, theirs.Refresh(t.Context()))
	before := filesOf(t, cache)

	for name, handler := range map[string]http.Handler{"the other's server": elsewhere(other.MetadataURL), "the right server": elsewhere(repo.MetadataURL)} {
		stage.handler = handler
		ours, err := repository.New(repository.Config{MetadataURL: stage.URL, Cache: cache}, repository.TrustRoot(repo.RootJSON))
		require.NoError(t, err)
		require.ErrorIs(t, ours.Refresh(t.Context()), repository.ErrForeignCache, name)
		require.ErrorIs(t, ours.ForgetVersionsUnsafe(t.Context()), repository.ErrForeignCache, name)
		assert.Equal(t, before, filesOf(t, cache), name)
	}
	ours, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL, Cache: cache}, repository.TrustRoot(other.RootJSON))
	require.NoError(t, err)
	require.ErrorIs(t, ours.Refresh(t.Context()), repository.ErrForeignCache, "another URL")
	assert.Equal(t, before, filesOf(t, cache))
}

// filesOf are the contents of all files in a folder.
func filesOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		all[strings.TrimPrefix(name, folder)] = string(data)
		return err
	}))
	return all
}

// snapshotOf is a server of the repository's metadata as it is now.
func snapshotOf(t *testing.T, repo *rstuftest.Repository) http.Handler {
	resp, err := http.Get(repo.MetadataURL + "timestamp.json")
	require.NoError(t, err)
	defer resp.Body.Close()
	var timestamp bytes.Buffer
	_, err = timestamp.ReadFrom(resp.Body)
	require.NoError(t, err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/timestamp.json" {
			w.Write(timestamp.Bytes())
			return
		}
		http.Redirect(w, r, repo.MetadataURL+strings.TrimPrefix(r.URL.Path, "/"), http.StatusFound)
	})
}

// TestWaitingForAnotherRefresh: who waits for the refresh of another goroutine
// does so no longer than his own context allows.
func TestWaitingForAnotherRefresh(t *testing.T) {
	repo := rstuftest.New(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(arrived) })
		<-release
		http.Redirect(w, r, repo.MetadataURL+strings.TrimPrefix(r.URL.Path, "/"), http.StatusFound)
	}))
	defer web.Close()
	d := downloader(t, repo, func(cfg *repository.Config) { cfg.MetadataURL = web.URL })
	first := make(chan error)
	go func() { first <- d.Refresh(t.Context()) }()
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, d.Refresh(ctx), context.Canceled)
	_, err := d.Info(ctx, "tool")
	require.ErrorIs(t, err, context.Canceled)
	close(release)
	require.NoError(t, <-first)
}

// TestHostileRoots: a root with any part missing, null or of another type is
// refused or used, and nothing breaks: on first use it is the server's.
func TestHostileRoots(t *testing.T) {
	repo := rstuftest.New(t)
	for i, root := range mutations(t, repo.RootJSON) {
		root := root.text
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/1.root.json" {
				w.Write(root)
				return
			}
			http.Redirect(w, r, repo.MetadataURL+strings.TrimPrefix(r.URL.Path, "/"), http.StatusFound)
		}))
		cfg := repository.Config{MetadataURL: web.URL, Cache: t.TempDir(), HTTP: repository.HTTPConfig{Retries: -1}}
		d, err := repository.New(cfg, repository.TrustOnFirstUseUnsafe())
		require.NoError(t, err, i)
		assert.NotPanics(t, func() { d.Refresh(t.Context()) }, string(root))
		web.Close()
	}
}

// mutation is a JSON document with one value missing or replaced.
type mutation struct {
	name string // field=value
	text []byte
}

// mutations are all of a JSON document.
func mutations(t *testing.T, document []byte) (all []mutation) {
	t.Helper()
	var root any
	require.NoError(t, json.Unmarshal(document, &root))
	keep := func(name string) {
		text, err := json.Marshal(root)
		require.NoError(t, err)
		all = append(all, mutation{name, text})
	}
	others := []any{nil, map[string]any{}, []any{}, "", "x", 0, -1, true}
	var visit func(string, any)
	visit = func(path string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(node)) {
				was := node[name]
				for _, other := range others {
					node[name] = other
					keep(fmt.Sprintf("%s/%s=%#v", path, name, other))
				}
				delete(node, name)
				keep(fmt.Sprintf("%s/%s is missing", path, name))
				node[name] = was
				visit(path+"/"+name, was)
			}
		case []any:
			for i, was := range node {
				for _, other := range others {
					node[i] = other
					keep(fmt.Sprintf("%s/%d=%#v", path, i, other))
				}
				node[i] = was
				visit(fmt.Sprintf("%s/%d", path, i), was)
			}
		}
	}
	visit("", root)
	require.NotEmpty(t, all)
	return all
}
