package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
)

func TestCeremony(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ceremony")
	repo := rstuftest.New(t, rstuftest.WithoutBootstrap(), rstuftest.WithConfig(func(c *service.Config) {
		c.OnlineKeys = nil
		c.Keys.Dir = filepath.Join(dir, "worker")
	}))
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-dir", dir, "-api", repo.APIURL}, &out))
	assert.Contains(t, out.String(), "bob reads:\nroot version 1")
	assert.Contains(t, out.String(), "complete: signed by alice")
	assert.Contains(t, out.String(), "artifacts will be at https://example.com/artifacts/")
	assert.Contains(t, out.String(), "bootstrap finished")
	repo.Publish(t, "hello.txt", []byte("hello"))

	// Private keys stay where they were made.
	for _, name := range []string{"alice/alice", "bob/bob", "worker/online"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	files, err := os.ReadDir(filepath.Join(dir, "stick"))
	require.NoError(t, err)
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, "stick", file.Name()))
		require.NoError(t, err)
		assert.NotContains(t, string(data), "PRIVATE KEY", file.Name())
	}
}

func TestCeremonyWithoutNetwork(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "ceremony")
	require.NoError(t, run(t.Context(), []string{"-dir", dir}, io.Discard))
	assert.FileExists(t, filepath.Join(dir, "stick", "payload.json"))
	assert.Error(t, run(t.Context(), []string{"-dir", dir}, io.Discard), "it never starts over what is there")
	assert.Error(t, run(t.Context(), nil, io.Discard))
}
