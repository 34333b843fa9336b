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
	repo.Publish(t, "v1/tool", []byte("the release"))
	root := filepath.Join(t.TempDir(), "root.json")
	require.NoError(t, os.WriteFile(root, repo.RootJSON, 0o600))
	where := []string{"-metadata", repo.MetadataURL, "-artifacts", repo.ArtifactsURL}
	for name, trust := range map[string][]string{"root": {"-root", root}, "first use": {"-trust-on-first-use", "-cache", t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			to := t.TempDir()
			var out bytes.Buffer
			args := append(append(where, trust...), "-to", to, "v1/tool")
			require.NoError(t, run(t.Context(), args, &out))
			assert.Contains(t, out.String(), "tool: 11 bytes, verified")
			got, err := os.ReadFile(filepath.Join(to, "tool"))
			require.NoError(t, err)
			assert.Equal(t, "the release", string(got))
		})
	}

	repo.Replace("v1/tool", []byte("the_release"))
	to := t.TempDir()
	err := run(t.Context(), append(where, "-root", root, "-to", to, "v1/tool"), &bytes.Buffer{})
	require.ErrorIs(t, err, repository.ErrMismatch)
	assert.NoFileExists(t, filepath.Join(to, "tool"))

	repo.Publish(t, "v1/tool", []byte("the release"))
	repo.Publish(t, "v2/tool", []byte("another"))
	err = run(t.Context(), append(where, "-root", root, "-to", to, "v1/tool", "v2/tool"), &bytes.Buffer{})
	require.ErrorContains(t, err, "would both be")
	got, err := os.ReadFile(filepath.Join(to, "tool"))
	require.NoError(t, err)
	assert.Equal(t, "the release", string(got), "the second does not replace the first")

	assert.Error(t, run(t.Context(), append(where, "v1/tool"), &bytes.Buffer{}), "no trust")
	assert.Error(t, run(t.Context(), append(where, "-root", root, "-trust-on-first-use", "v1/tool"), &bytes.Buffer{}), "two kinds of it")
}
