//go:build unix

package transport_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/transport"
)

// TestFolderWithAPipe: opening it would wait for somebody to write.
func TestFolderWithAPipe(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	b, err := transport.New("file://"+filepath.ToSlash(dir), transport.Config{})
	require.NoError(t, err)
	_, err = b.Fetch(t.Context(), "pipe", 10)
	assert.ErrorContains(t, err, "not a regular file")
}
