//go:build unix

package client_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/client"
)

// TestNamedPipes: opening one waits for a writer, whatever the context says.
func TestNamedPipes(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))

	_, err := client.HashFile(t.Context(), pipe, "x", client.HashOptions{})
	assert.ErrorContains(t, err, "not a regular file")
	found := 0
	for _, err := range client.HashFolder(t.Context(), folder, client.HashOptions{}) {
		found++
		assert.ErrorContains(t, err, "not a regular file")
	}
	assert.Equal(t, 1, found)
}
