package mirror_test

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/mirror"
	"example.org/rstuf/rstuftest"
)

// publish makes a repository with one artifact.
func publish(t *testing.T) *rstuftest.Repository {
	t.Helper()
	repo := rstuftest.New(t)
	task, err := repo.Client.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{
		Path: "a/b.txt", Info: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)}},
	}}})
	require.NoError(t, err)
	_, err = task.Wait(t.Context())
	require.NoError(t, err)
	return repo
}

// tampered serves a repository's files but for some, which are other texts, or
// not there if empty.
func tampered(t *testing.T, repo *rstuftest.Repository, files map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if text, ok := files[name]; ok {
			if text == "" {
				http.NotFound(w, r)
			} else {
				io.WriteString(w, text)
			}
			return
		}
		answer, err := http.Get(repo.MetadataURL + name)
		if err != nil {
			panic(err)
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func root(t *testing.T, repo *rstuftest.Repository) *metadata.Document {
	t.Helper()
	doc, err := metadata.Parse(repo.RootJSON)
	require.NoError(t, err)
	return doc
}

func TestLoad(t *testing.T) {
	t.Parallel()
	repo := publish(t)
	m, err := mirror.New(repo.MetadataURL)
	require.NoError(t, err)
	r, err := m.Load(t.Context(), root(t, repo))
	require.NoError(t, err)
	now := time.Now()
	assert.NoError(t, r.CheckExpiry(now))
	assert.ErrorIs(t, r.CheckExpiry(now.AddDate(2, 0, 0)), metadata.ErrExpired)

	var read []string
	for role := range r.Roles(t.Context()) {
		require.NoError(t, role.Err)
		assert.Equal(t, rstuf.RoleTargets, role.Document.Type())
		read = append(read, role.Name)
		if len(read) == 3 {
			break
		}
	}
	assert.Equal(t, []string{"bins-0", "bins-1", "bins-2"}, read, "in order, and no more than asked for")
	file, role, found, err := r.Find(t.Context(), "a/b.txt", now)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, int64(1), file.Length)
	bins, err := metadata.NewHashBins(4)
	require.NoError(t, err)
	assert.Equal(t, bins.Bin("a/b.txt"), role)
	_, _, found, err = r.Find(t.Context(), "a/c.txt", now)
	require.NoError(t, err)
	assert.False(t, found)
	_, _, _, err = r.Find(t.Context(), "a/b.txt", now.AddDate(1, 0, 0))
	assert.ErrorIs(t, err, metadata.ErrExpired)

	first, err := m.FirstRoot(t.Context())
	require.NoError(t, err)
	assert.Equal(t, repo.RootJSON, first.Bytes())
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	repo, other := publish(t), publish(t)
	get := func(from *rstuftest.Repository, name string) string {
		m, err := mirror.New(from.MetadataURL)
		require.NoError(t, err)
		data, err := m.Get(t.Context(), name)
		require.NoError(t, err)
		return string(data)
	}
	for name, test := range map[string]struct {
		files map[string]string
		err   string
	}{
		"no timestamp":              {map[string]string{"timestamp.json": ""}, "file does not exist"},
		"timestamp of another":      {map[string]string{"timestamp.json": get(other, "timestamp.json")}, "timestamp.json: "},
		"snapshot of another":       {map[string]string{"2.snapshot.json": get(other, "2.snapshot.json")}, "2.snapshot.json: "},
		"older snapshot":            {map[string]string{"2.snapshot.json": get(repo, "1.snapshot.json")}, "2.snapshot.json: it has version 1"},
		"targets are a snapshot":    {map[string]string{"1.targets.json": get(repo, "1.snapshot.json")}, "1.targets.json: "},
		"one byte changed":          {map[string]string{"1.targets.json": strings.Replace(get(repo, "1.targets.json"), "bins", "bims", 1)}, "1.targets.json: "},
		"not JSON":                  {map[string]string{"1.targets.json": "<html>"}, "1.targets.json: "},
		"next root of another":      {map[string]string{"2.root.json": get(other, "1.root.json")}, "root"},
		"too large":                 {map[string]string{"timestamp.json": strings.Repeat(" ", metadata.MaxSize+1)}, "larger than"},
		"root that is no next root": {map[string]string{"2.root.json": get(repo, "1.root.json")}, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := mirror.New(tampered(t, repo, test.files))
			require.NoError(t, err)
			_, err = m.Load(t.Context(), root(t, repo))
			assert.ErrorContains(t, err, test.err)
		})
	}
	m, err := mirror.New(repo.MetadataURL)
	require.NoError(t, err)
	_, err = m.Load(t.Context(), root(t, other))
	assert.Error(t, err, "another trusted root")
	for _, url := range []string{"", "x", "ftp://host", "http://", "file:///etc"} {
		_, err := mirror.New(url)
		assert.Error(t, err, url)
	}
}

// A role is refused where its file is not the one that snapshot names.
func TestRole(t *testing.T) {
	t.Parallel()
	repo := publish(t)
	bins, err := metadata.NewHashBins(4)
	require.NoError(t, err)
	bin := bins.Bin("a/b.txt")
	m, err := mirror.New(tampered(t, repo, map[string]string{"2." + bin + ".json": "{}"}))
	require.NoError(t, err)
	r, err := m.Load(t.Context(), root(t, repo))
	require.NoError(t, err)
	_, err = r.Role(t.Context(), bin)
	assert.ErrorContains(t, err, "2."+bin+".json")
	_, err = r.Role(t.Context(), "ghost")
	assert.Error(t, err)
	_, err = m.Get(t.Context(), "9.root.json")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.Role(ctx, bin)
	assert.ErrorIs(t, err, context.Canceled)
}
