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
