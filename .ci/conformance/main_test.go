package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// TestClient goes through what the suite asks for.
func TestClient(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "dir/tool", []byte("the release"))
	dir := t.TempDir()
	root := filepath.Join(dir, "first.json")
	require.NoError(t, os.WriteFile(root, repo.RootJSON, 0o644))
	trusted, to := filepath.Join(dir, "trusted"), filepath.Join(dir, "files")
	require.NoError(t, os.Mkdir(to, 0o755))
	call := func(faketime string, args ...string) error {
		return run(t.Context(), append([]string{"--metadata-dir", trusted, "--metadata-url", repo.MetadataURL}, args...), faketime)
	}
	version := func(role string) int64 {
		data, err := os.ReadFile(filepath.Join(trusted, role+".json"))
		require.NoError(t, err)
		doc, err := metadata.Parse(data)
		require.NoError(t, err)
		return doc.Version()
	}
	require.NoError(t, call("", "init", root))
	assert.EqualValues(t, 1, version("root"))
	require.NoError(t, call("", "refresh"))
	before := version("timestamp")
	repo.Publish(t, "other", []byte("x"))
	require.NoError(t, call("", "refresh"))
	assert.Greater(t, version("timestamp"), before)
	assert.Equal(t, version("snapshot"), version("timestamp"))

	// The artifacts of this server have plain names.
	err := call("", "--target-name", "dir/tool", "--target-base-url", repo.ArtifactsURL, "--target-dir", to, "download")
	require.ErrorIs(t, err, repository.ErrNotFound)
	for _, faketime := range []string{"154691432", "@2060-01-02 03:04:05"} {
		require.ErrorIs(t, call(faketime, "refresh"), repository.ErrExpired, faketime)
	}
	require.NoError(t, call("-1", "refresh"))
	for _, faketime := range []string{"x", "@x"} {
		require.Error(t, call(faketime, "refresh"), faketime)
	}
	require.Error(t, call("", "nonsense"))
}
