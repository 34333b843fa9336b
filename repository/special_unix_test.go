//go:build unix

package repository_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/rstuftest"
)

// TestDownloadIntoAPipe: opening one waits for a reader, whatever the context
// says.
func TestDownloadIntoAPipe(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, err := downloader(t, repo, nil).Download(t.Context(), "tool", pipe)
	assert.ErrorContains(t, err, "not a regular file")
}

// TestPartIsALink: what it leads to is neither written nor cut.
func TestPartIsALink(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	folder := t.TempDir()
	precious, dest := filepath.Join(folder, "precious"), filepath.Join(folder, "tool")
	require.NoError(t, os.WriteFile(precious, []byte("precious, and longer than the release"), 0o600))
	require.NoError(t, os.Symlink(precious, dest+".part"))
	_, err := downloader(t, repo, nil).Download(t.Context(), "tool", dest)
	assert.ErrorContains(t, err, "not a regular file")
	data, err := os.ReadFile(precious)
	require.NoError(t, err)
	assert.Equal(t, "precious, and longer than the release", string(data))
	_, err = os.Lstat(dest)
	assert.True(t, errors.Is(err, os.ErrNotExist))
}

// TestOddCache: what is no file in a cache is not waited for, followed or cut.
func TestOddCache(t *testing.T) {
	m := makeRepository(t)
	for name, make := range map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link":   func(path string) error { return os.Symlink(filepath.Join(filepath.Dir(path), "precious"), path) },
		"nothing":  func(string) error { return nil },
		"a folder": func(path string) error { return os.MkdirAll(filepath.Join(path, "full"), 0o700) },
	} {
		cache := t.TempDir()
		folder := filepath.Join(cache, "metadata")
		require.NoError(t, os.MkdirAll(folder, 0o700))
		precious := filepath.Join(folder, "precious")
		require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))
		require.NoError(t, make(filepath.Join(folder, "timestamp.json")), name)
		err := m.reader(withCache(cache)).Refresh(t.Context())
		if name == "a folder" {
			assert.ErrorContains(t, err, "cache folder", name)
		} else {
			assert.NoError(t, err, name)
		}
		data, err := os.ReadFile(precious)
		require.NoError(t, err)
		assert.Equal(t, "precious", string(data), name)
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	assert.ErrorContains(t, m.reader(withCache(file)).Refresh(t.Context()), "cache folder")
}
