package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// TestMove moves a repository away and back. The old place says where it is.
func TestMove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, code := command(t, dir, "move", "--dir", "demo", "--to-dir", "new")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "no such file")
	assert.NoDirExists(t, filepath.Join(dir, "new"))
	for _, args := range [][]string{nil, {"--to-dir", "demo"}, {"--to-schema", "packages"}, {"--schema", "packages", "--to-dir", "new"}, {"here", "--to-dir", "new"}} {
		out, code = command(t, dir, append([]string{"move", "--dir", "demo"}, args...)...)
		assert.Equal(t, exitUsage, code, "%v: %s", args, out)
	}

	s := startServe(t, dir, "--dev", "--dir", "demo")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "demo", "artifacts", "a.txt"), []byte("hello\n"), 0o644))
	out, code = command(t, dir, "artifact", "--api-server", s.API, "add", "demo/artifacts/a.txt")
	require.Equal(t, exitDone, code, out)
	out, code = command(t, dir, "move", "--dir", "demo", "--to-dir", "new")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, ": stop it")
	require.Equal(t, exitDone, s.stop(t), s.stderr)

	out, code = command(t, dir, "move", "--dir", "demo", "--to-dir", "new")
	require.Equal(t, exitDone, code, out)
	place := "rstuf serve --dir " + filepath.Join(dir, "new")
	assert.Contains(t, out, "it goes on with: "+place+"\n")
	assert.Contains(t, out, "not carried along:\n- The private online key. Root says fn:")
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"fsck"}, {"fsck", "--repair"}, {"export", "there"}, {"move", "--to-dir", "another"}} {
		out, code = command(t, dir, append(args, "--dir", "demo")...)
		assert.Equal(t, exitFailed, code, args)
		assert.Contains(t, out, "go on there: "+place, args)
	}
	out, code = command(t, dir, "fsck", "--dir", "new", "--complete")
	assert.Equal(t, exitDone, code, out)

	out, code = command(t, dir, "move", "--dir", "new", "--to-dir", "demo", "--json")
	require.Equal(t, exitDone, code, out)
	var done service.Moved
	require.NoError(t, json.Unmarshal([]byte(out), &done))
	assert.Equal(t, int64(2), done.Timestamp)
	assert.Zero(t, done.Files, "they are there still")
	s = startServe(t, dir, "--dev", "--dir", "demo")
	out, code = command(t, dir, "artifact", "info", "a.txt", "-r", s.TrustedRoot, "-m", s.Metadata)
	assert.Equal(t, exitDone, code, out)
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
}
