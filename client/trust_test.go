package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
	"example.org/rstuf/client"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
)

// TestMetadataUnderFailure: what can't be fetched is an error, and later it
// works.
func TestMetadataUnderFailure(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	for name, f := range map[string]fault{
		"503":       status(503, "", page),
		"web page":  status(200, "", page),
		"forbidden": status(403, "", ""),
		"huge":      hugeBody,
		"nonsense":  status(200, "", `{"signed": {"_type": "timestamp", "version": -1, "meta": null}, "signatures": [{}]}`),
		"null":      status(200, "", "null"),
	} {
		t.Run(name, func(t *testing.T) {
			proxy := &faultProxy{faults: append([]fault{nil}, repeated(f, 1)...), service: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, repo.MetadataURL+strings.TrimPrefix(r.URL.Path, "/"), http.StatusFound)
			})}
			web := httptest.NewServer(proxy)
			defer web.Close()
			d := downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.MetadataURL, cfg.HTTP.Retries = web.URL, -1 })
			require.Error(t, d.Refresh(t.Context()))
			_, err := d.Info(t.Context(), "tool")
			require.NoError(t, err)
		})
	}
}

func TestDownloadTrustsItsRootAlone(t *testing.T) {
	repo, other := rstuftest.New(t), rstuftest.New(t)
	d, err := client.NewDownloader(client.DownloaderConfig{MetadataURL: repo.MetadataURL}, client.TrustRoot(other.RootJSON))
	require.NoError(t, err)
	_, err = d.Info(t.Context(), "tool")
	require.Error(t, err)
	assert.NotErrorIs(t, err, client.ErrNotFound)

	for name, trust := range map[string]client.Trust{"none": {}, "empty": client.TrustRoot(nil), "unpinned": client.TrustOnFirstUseUnsafe()} {
		_, err := client.NewDownloader(client.DownloaderConfig{MetadataURL: repo.MetadataURL}, trust)
		assert.Error(t, err, name)
	}
	for _, root := range []string{"{", "{}", `{"signed":{"_type":"root"}}`, `{"signatures":null,"signed":null}`, "[]"} {
		d, err := client.NewDownloader(client.DownloaderConfig{MetadataURL: repo.MetadataURL}, client.TrustRoot([]byte(root)))
		require.NoError(t, err)
		_, err = d.Info(t.Context(), "tool")
		assert.Error(t, err, root)
	}
}

func TestTrustOnFirstUse(t *testing.T) {
	repo, other := rstuftest.New(t), rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	cache := t.TempDir()
	first, err := client.NewDownloader(client.DownloaderConfig{MetadataURL: repo.MetadataURL, Cache: cache}, client.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	_, err = first.Info(t.Context(), "tool")
	require.NoError(t, err)

	again, err := client.NewDownloader(client.DownloaderConfig{MetadataURL: repo.MetadataURL, Cache: cache}, client.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	_, err = again.Info(t.Context(), "tool")
	require.NoError(t, err)

	swapped, err := client.NewDownloader(client.DownloaderConfig{MetadataURL: other.MetadataURL, Cache: cache}, client.TrustOnFirstUseUnsafe())
	require.NoError(t, err)
	require.Error(t, swapped.Refresh(t.Context()), "the root that was pinned stays")
}

// TestCacheRemembers: a server can't go back to an older state.
func TestCacheRemembers(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("one"))
	old := snapshotOf(t, repo)
	repo.Publish(t, "tool", []byte("two"))
	cache := t.TempDir()
	require.NoError(t, downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.Cache = cache }).Refresh(t.Context()))

	replayed := httptest.NewServer(old)
	defer replayed.Close()
	d := downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.Cache, cfg.MetadataURL = cache, replayed.URL })
	require.Error(t, d.Refresh(t.Context()))
	fresh := downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.MetadataURL = replayed.URL })
	require.NoError(t, fresh.Refresh(t.Context()), "without the cache nobody could tell")
}

// TestCacheKeepsTheNewestRoot: a server that hides a newer root, which the
// cache has seen, does not get the older one trusted again.
func TestCacheKeepsTheNewestRoot(t *testing.T) {
	repo := rstuftest.New(t)
	first, err := metadata.Parse(repo.RootJSON)
	require.NoError(t, err)
	draft, err := ceremony.Next(t.Context(), first, ceremony.Change{Days: 400})
	require.NoError(t, err)
	for _, key := range repo.RootKeys {
		require.NoError(t, draft.Sign(t.Context(), key))
	}
	task, err := repo.Client.UpdateMetadata(t.Context(), draft.Update().Metadata[rstuf.RoleRoot])
	require.NoError(t, err)
	_, err = task.Wait(t.Context())
	require.NoError(t, err)

	cache := t.TempDir()
	trusted := func() int64 {
		data, err := os.ReadFile(filepath.Join(cache, "metadata", "root.json"))
		require.NoError(t, err)
		root, err := metadata.Parse(data)
		require.NoError(t, err)
		return root.Version()
	}
	require.NoError(t, downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.Cache = cache }).Refresh(t.Context()))
	require.EqualValues(t, 2, trusted())

	hiding := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/2.root.json" {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, repo.MetadataURL+strings.TrimPrefix(r.URL.Path, "/"), http.StatusFound)
	}))
	defer hiding.Close()
	d := downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.Cache, cfg.MetadataURL = cache, hiding.URL })
	require.NoError(t, d.Refresh(t.Context()))
	assert.EqualValues(t, 2, trusted())

	// A cache that was damaged is no reason to fail.
	require.NoError(t, os.WriteFile(filepath.Join(cache, "metadata", "root.json"), []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(cache, "metadata", "timestamp.json"), nil, 0o600))
	require.NoError(t, downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.Cache = cache }).Refresh(t.Context()))
	assert.EqualValues(t, 2, trusted())
	repo.Publish(t, "tool", []byte("the release"))
	names, err := filepath.Glob(filepath.Join(cache, "metadata", "*.json"))
	require.NoError(t, err)
	for i := range 4 {
		names = append(names, filepath.Join(cache, "metadata", fmt.Sprintf("bins-%d.json", i)))
	}
	for _, name := range names {
		require.NoError(t, os.WriteFile(name, []byte(`{"signed": {"_type": 5}}`), 0o600))
	}
	_, err = downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.Cache = cache }).Info(t.Context(), "tool")
	require.NoError(t, err)
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
	d := downloader(t, repo, func(cfg *client.DownloaderConfig) { cfg.MetadataURL = web.URL })
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
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/1.root.json" {
				w.Write(root)
				return
			}
			http.Redirect(w, r, repo.MetadataURL+strings.TrimPrefix(r.URL.Path, "/"), http.StatusFound)
		}))
		cfg := client.DownloaderConfig{MetadataURL: web.URL, Cache: t.TempDir(), HTTP: client.Config{Retries: -1}}
		d, err := client.NewDownloader(cfg, client.TrustOnFirstUseUnsafe())
		require.NoError(t, err, i)
		assert.NotPanics(t, func() { d.Refresh(t.Context()) }, string(root))
		web.Close()
	}
}

// mutations are copies of a JSON document, each with one value missing or
// replaced.
func mutations(t *testing.T, document []byte) (all [][]byte) {
	t.Helper()
	var root any
	require.NoError(t, json.Unmarshal(document, &root))
	keep := func() {
		text, err := json.Marshal(root)
		require.NoError(t, err)
		all = append(all, text)
	}
	others := []any{nil, map[string]any{}, []any{}, "", "x", 0, -1, true}
	var visit func(any)
	visit = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(node)) {
				was := node[name]
				for _, other := range others {
					node[name] = other
					keep()
				}
				delete(node, name)
				keep()
				node[name] = was
				visit(was)
			}
		case []any:
			for i, was := range node {
				for _, other := range others {
					node[i] = other
					keep()
				}
				node[i] = was
				visit(was)
			}
		}
	}
	visit(root)
	require.Greater(t, len(all), 300)
	return all
}
