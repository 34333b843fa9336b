package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// steps are the lines that every run must tell, in this order.
var steps = []string{
	"keys      alice ",
	"ceremony  root version 1, threshold 2 of 2, 256 hash bins",
	"alice has signed; 1 of 2, missing: bob",
	"bob has signed; 2 of 2, complete",
	"bootstrap task ",
	"SUCCESS",
	"publish   5 files, ",
	"download  hello/1.1/hello.txt: 29 bytes, verified",
	"attack    the file on the server was changed; the download is refused",
	"remove    hello/1.1/hello.txt is gone",
	"done      in ",
}

func assertSteps(t *testing.T, out string) {
	t.Helper()
	rest := out
	for _, step := range steps {
		_, after, found := strings.Cut(rest, step)
		require.True(t, found, "%q is missing, or too early, in:\n%s", step, out)
		rest = after
	}
}

func TestQuickstart(t *testing.T) {
	var out strings.Builder
	dir := filepath.Join(t.TempDir(), "kept")
	require.NoError(t, run(t.Context(), []string{"-keep", dir}, &out))
	assertSteps(t, out.String())
	assert.Contains(t, out.String(), "service   stopped")
	for _, kept := range []string{"payload.json", "people/alice", "people/bob", "service/metadata/1.root.json", "artifacts/hello/1.1/hello.txt"} {
		assert.FileExists(t, filepath.Join(dir, kept))
	}

	err := run(t.Context(), []string{"-keep", dir}, &out)
	assert.ErrorContains(t, err, "is not empty: name a new folder")
}

func TestQuickstartWithAServiceThatIsThere(t *testing.T) {
	dir := t.TempDir()
	there, err := service.Open(t.Context(), service.Config{
		Dir: t.TempDir(), Keys: keys.URIConfig{Dir: filepath.Join(dir, "keys")}, UnsafeNoSync: true,
	})
	require.NoError(t, err)
	defer there.Close(context.Background())
	api, metadata := httptest.NewServer(there.Handler()), httptest.NewServer(there.MetadataHandler())
	artifacts := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "artifacts"))))
	defer api.Close()
	defer metadata.Close()
	defer artifacts.Close()

	var out strings.Builder
	args := []string{"-api", api.URL, "-metadata", metadata.URL, "-artifacts", artifacts.URL}
	assert.ErrorContains(t, run(t.Context(), args, &out), "-api needs -keep FOLDER too")
	require.NoError(t, run(t.Context(), append(args, "-keep", dir), &out))
	assertSteps(t, out.String())

	// A second ceremony does not replace the first.
	err = run(t.Context(), append(args, "-keep", t.TempDir()), &out)
	assert.ErrorContains(t, err, "the deployment has another root")
}

func TestQuickstartRefuses(t *testing.T) {
	var out strings.Builder
	assert.ErrorContains(t, run(t.Context(), []string{"-api", "http://127.0.0.1:1"}, &out), "go together")
	assert.Error(t, run(t.Context(), []string{"-nonsense"}, &out))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, run(ctx, nil, &out), context.Canceled)
}
