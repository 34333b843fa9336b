package repository_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

func folderURL(folder string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(folder)}).String()
}

// mirrored is what is in the folders of a mirror, by name.
func mirrored(t *testing.T, folder string) (names []string) {
	t.Helper()
	for name := range filesOf(t, folder) {
		names = append(names, strings.TrimPrefix(filepath.ToSlash(name), "/"))
	}
	return names
}

// TestMirror: a mirror is read as the repository is, by file: URLs and by
// go-tuf from a web server, and written as far as something changed.
func TestMirror(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "dir/tool", []byte("one"))
	repo.Publish(t, "other", []byte("not chosen"))
	r := downloader(t, repo, nil)
	cfg := repository.MirrorConfig{
		Metadata: filepath.Join(t.TempDir(), "metadata"), Artifacts: filepath.Join(t.TempDir(), "files"),
		Choose: func(a repository.Artifact) bool { return strings.HasPrefix(a.Path, "dir/") },
	}
	report, err := r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	assert.EqualValues(t, 1, report.Artifacts)
	assert.EqualValues(t, 3, report.Bytes)
	assert.Empty(t, report.Problems)
	assert.Equal(t, 8, report.Files, "root, timestamp, snapshot, targets and four bins")
	assert.Equal(t, []string{"dir/tool"}, mirrored(t, cfg.Artifacts))

	carried := repository.Config{MetadataURL: folderURL(cfg.Metadata), ArtifactsURL: folderURL(cfg.Artifacts)}
	reader, err := repository.New(carried, repository.TrustRoot(repo.RootJSON))
	require.NoError(t, err)
	dest := filepath.Join(t.TempDir(), "tool")
	_, err = reader.Download(t.Context(), "dir/tool", dest)
	require.NoError(t, err)
	assertFile(t, dest, []byte("one"))
	_, err = reader.Info(t.Context(), "other")
	require.NoError(t, err, "the metadata is whole")
	_, err = reader.Download(t.Context(), "other", dest+"2")
	require.ErrorIs(t, err, repository.ErrNotFound)

	web := httptest.NewServer(http.FileServer(http.Dir(cfg.Metadata)))
	defer web.Close()
	theirs, err := config.New(web.URL, repo.RootJSON)
	require.NoError(t, err)
	theirs.DisableLocalCache = true
	peer, err := updater.New(theirs)
	require.NoError(t, err)
	require.NoError(t, peer.Refresh())
	_, err = peer.GetTargetInfo("dir/tool")
	require.NoError(t, err)

	before := filesOf(t, cfg.Metadata)
	report, err = r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	assert.Zero(t, report.Files, "nothing has changed")
	assert.Equal(t, before, filesOf(t, cfg.Metadata))

	repo.Publish(t, "dir/tool", []byte("another"))
	report, err = r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, 3, report.Files, "one bin, the snapshot and the timestamp")
	assert.Zero(t, report.Removed, "the state before stays")
	for name := range before {
		assert.FileExists(t, filepath.Join(cfg.Metadata, name))
	}
	repo.Publish(t, "dir/tool", []byte("the third"))
	report, err = r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, 2, report.Removed, "the bin and the snapshot of the first state")
	require.NoError(t, reader.Refresh(t.Context()))
	_, err = reader.Download(t.Context(), "dir/tool", dest)
	require.NoError(t, err)
	assertFile(t, dest, []byte("the third"))
}

// TestMirrorTimestampLast: what fails on the way leaves the mirror as it was
// for its readers.
func TestMirrorTimestampLast(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("one"))
	stage := newStage(t, repo)
	r := downloader(t, repo, func(cfg *repository.Config) { cfg.MetadataURL, cfg.Cache, cfg.HTTP.Retries = stage.URL, "", -1 })
	cfg := repository.MirrorConfig{Metadata: t.TempDir()}
	report, err := r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	version := report.Version

	repo.Publish(t, "tool", []byte("two"))
	healthy := stage.handler
	broken := 0
	stage.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, ".bins-") {
			broken++
			w.WriteHeader(500)
			return
		}
		healthy.ServeHTTP(w, req)
	})
	_, err = r.Mirror(t.Context(), cfg)
	require.ErrorIs(t, err, repository.ErrUnavailable)
	assert.Equal(t, 1, broken, "the bins that have not changed come from the mirror")
	seen := func() int64 {
		reader, err := repository.New(repository.Config{MetadataURL: folderURL(cfg.Metadata)}, repository.TrustRoot(repo.RootJSON))
		require.NoError(t, err)
		for role, err := range reader.Roles(t.Context()) {
			require.NoError(t, err)
			require.NoError(t, role.Err)
		}
		role, err := reader.Role(t.Context(), rstuf.RoleTimestamp)
		require.NoError(t, err)
		return role.Document.Version()
	}
	assert.Equal(t, version, seen())
	stage.handler = healthy
	report, err = r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, report.Version, seen())
	assert.Greater(t, report.Version, version)
}

// TestMirrorRepairs what somebody changed in it, and keeps every root.
func TestMirrorRepairs(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("one"))
	nextRoot(t, repo, ceremony.Change{Days: 400})
	r := downloader(t, repo, nil)
	cfg := repository.MirrorConfig{Metadata: t.TempDir(), Artifacts: t.TempDir()}
	_, err := r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	metadata, artifacts := filesOf(t, cfg.Metadata), filesOf(t, cfg.Artifacts)
	require.Contains(t, metadata, string(filepath.Separator)+"1.root.json")
	require.Contains(t, metadata, string(filepath.Separator)+"2.root.json")
	for name := range metadata {
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Metadata, name), []byte("{}"), 0o600))
	}
	for name := range artifacts {
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Artifacts, name), []byte("ONE"), 0o600))
	}
	_, err = r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, metadata, filesOf(t, cfg.Metadata))
	assert.Equal(t, artifacts, filesOf(t, cfg.Artifacts))
}

// TestMirrorProblems: what the server lacks or has otherwise is told, and the
// rest is mirrored.
func TestMirrorProblems(t *testing.T) {
	repo := rstuftest.New(t)
	names := []string{"good", "missing", "tampered", ".rstuf-parts/x", "a/b"}
	for _, name := range names {
		repo.Publish(t, name, []byte("content of "+name))
	}
	repo.Replace("tampered", []byte("CONTENT of tampered"))
	stage := newStage(t, repo)
	stage.handler = without(elsewhere(repo.ArtifactsURL), "missing")
	r := downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL = stage.URL })
	cfg := repository.MirrorConfig{Metadata: t.TempDir(), Artifacts: t.TempDir()}
	report, err := r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	problems := map[string]error{}
	for _, p := range report.Problems {
		problems[p.Path] = p.Err
	}
	require.Len(t, problems, 3)
	require.ErrorIs(t, problems["missing"], repository.ErrNotFound)
	require.ErrorIs(t, problems["tampered"], repository.ErrMismatch)
	require.ErrorContains(t, problems[".rstuf-parts/x"], "no path for a file")
	assert.ElementsMatch(t, []string{"good", "a/b"}, mirrored(t, cfg.Artifacts))

	for name, cfg := range map[string]repository.MirrorConfig{"no folder": {}, "a file": {Metadata: filepath.Join(cfg.Artifacts, "good")}} {
		_, err = r.Mirror(t.Context(), cfg)
		assert.Error(t, err, name)
	}
	_, err = downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL = "" }).Mirror(t.Context(), cfg)
	assert.ErrorContains(t, err, "ArtifactsURL")
}

// TestMirrorByHash: under the names that the Reader reads.
func TestMirrorByHash(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "dir/tool", []byte("the release"))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the release") }))
	defer web.Close()
	r := downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL, cfg.HashPrefix = web.URL, true })
	cfg := repository.MirrorConfig{Metadata: t.TempDir(), Artifacts: t.TempDir()}
	_, err := r.Mirror(t.Context(), cfg)
	require.NoError(t, err)
	assert.Equal(t, []string{"dir/" + hexDigest("the release") + ".tool"}, mirrored(t, cfg.Artifacts))
}
