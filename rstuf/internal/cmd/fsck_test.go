package cmd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A repository is checked while it is served and when it is not; what is damaged
// is named, and mended as far as that is safe.
func TestFsck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, code := command(t, dir, "fsck", "--dir", "demo")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "no such file")
	assert.NoDirExists(t, filepath.Join(dir, "demo"))

	s := startServe(t, dir, "--dev", "--dir", "demo")
	out, code = command(t, dir, "fsck", "--dir", "demo")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "--url")
	out, code = command(t, dir, "fsck", "--url", s.API, "--complete")
	assert.Equal(t, exitDone, code, out)
	assert.Contains(t, out, "as it was published, and signed")
	require.Equal(t, exitDone, s.stop(t), s.stderr)

	for _, args := range [][]string{nil, {"--complete"}, {"--repair"}} {
		out, code = command(t, dir, append([]string{"fsck", "--dir", "demo"}, args...)...)
		assert.Equal(t, exitDone, code, out)
	}
	file := filepath.Join(dir, "demo", "metadata", "timestamp.json")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o644))
	out, code = command(t, dir, "fsck", "--dir", "demo")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "timestamp.json: it is damaged")
	assert.Contains(t, out, "--repair")
	out, code = command(t, dir, "serve", "--dir", "demo", "--listen", "127.0.0.1:0")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "rstuf fsck")
	out, code = command(t, dir, "fsck", "--dir", "demo", "--repair", "--json")
	assert.Equal(t, exitDone, code, out)
	assert.Contains(t, out, `"written"`)
	out, code = command(t, dir, "fsck", "--dir", "demo", "--complete")
	assert.Equal(t, exitDone, code, out)
}
