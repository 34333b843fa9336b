package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

func TestRun(t *testing.T) {
	repo := rstuftest.New(t)
	folder := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "sub"), 0o700))
	for _, name := range []string{"a.txt", "sub/b.txt", "sub/c.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600))
	}
	var out, bar bytes.Buffer
	journal := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, run(t.Context(), []string{"-api", repo.APIURL, "-prefix", "v1", "-journal", journal, "-hash", "sha256,blake2b-256", folder}, &out, &bar))
	assert.Contains(t, out.String(), "3 published, 0 before, 0 invalid, 0 failed; 23 bytes, 1 requests")
	assert.Contains(t, bar.String(), "100%  3 of 3")

	d, err := repository.New(repository.Config{MetadataURL: repo.MetadataURL}, repository.TrustRoot(repo.RootJSON))
	require.NoError(t, err)
	info, err := d.Info(t.Context(), "v1/sub/b.txt")
	require.NoError(t, err)
	assert.EqualValues(t, 9, info.Length)
	assert.Len(t, info.Hashes, 2)
}

func TestRunReportsProblems(t *testing.T) {
	repo := rstuftest.New(t)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a"), nil, 0o600))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(folder, "b")))
	var out bytes.Buffer
	require.Error(t, run(t.Context(), []string{"-api", repo.APIURL, folder}, &out, nil))
	assert.Contains(t, out.String(), "b: stat ")
	assert.Contains(t, out.String(), "1 published, 0 before, 0 invalid, 1 failed")

	for _, args := range [][]string{{}, {"-api", repo.APIURL}, {"-api", "nonsense", folder}, {"-api", repo.APIURL, "-hash", "md5", folder}, {"-api", repo.APIURL, folder + "-missing"}} {
		assert.Error(t, run(t.Context(), args, &out, nil), args)
	}
}
