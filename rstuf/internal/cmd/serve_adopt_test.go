package cmd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// TestServeAdopt takes over from a service that runs on, with what its API
// tells, and from a folder.
func TestServeAdopt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := startServe(t, dir, "--dev", "--dir", "old")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte("hello\n"), 0o644))
	out, code := command(t, dir, "artifact", "--api-server", old.API, "add", "a.txt")
	require.Equal(t, 0, code, out)
	adopt := []string{"--key-dir", "old/keys", "--root", "old/root.json", "--adopt-wait", "10ms"}
	s := startServe(t, dir, append(adopt, "--dir", "new", "--adopt", old.Metadata, "--adopt-api", old.API, "--adopt-life", "bins=3")...)
	require.NotNil(t, s.Adopted, "the result says what was adopted")
	assert.Equal(t, 3, s.Adopted.Expiration["bins"])
	assert.Empty(t, s.Adopted.Notes)
	out, code = command(t, dir, "artifact", "info", "a.txt", "-r", "old/root.json", "-m", s.Metadata)
	assert.Equal(t, 0, code, out)
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
	assert.Contains(t, s.stderr.String(), "adopted "+old.Metadata+": root version 1, ")
	assert.Equal(t, exitDone, old.stop(t), old.stderr)

	s = startServe(t, dir, append(adopt, "--dir", "folder", "--adopt", "old/metadata")...)
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
	assert.Contains(t, s.stderr.String(), "these days are taken: root 365")

	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--dir", "x", "--adopt", "old/metadata"}, exitUsage, "--adopt needs --root"},
		{[]string{"--dir", "x", "--root", "old/root.json"}, exitUsage, "go with --adopt SOURCE"},
		{append(adopt, "--dir", "x", "--adopt", "old/metadata", "--adopt-life", "bins"), exitUsage, "give ROLE=DAYS"},
		{append(adopt, "--dir", "x", "--adopt", "nowhere"), exitFailed, "nowhere: no such file"},
		{append(adopt, "--dir", "new", "--adopt", "old/metadata"), exitFailed, "start without --adopt"},
	} {
		out, code := command(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0"}, test.args...)...)
		assert.Equal(t, test.code, code, "%s: %s", test.args, out)
		assert.Contains(t, out, test.says)
		assert.NoDirExists(t, filepath.Join(dir, "x"))
	}
}

func TestLostText(t *testing.T) {
	t.Parallel()
	assert.Contains(t, lostText(nil), "the old service")
	assert.Contains(t, lostText(&service.Lost{Waiting: -1}), "was gone")
	assert.Contains(t, lostText(&service.Lost{Waiting: -1, Aside: "x"}), "does not tell how much")
	assert.Contains(t, lostText(&service.Lost{Aside: "x"}), "kept as x: nothing")
	assert.Contains(t, lostText(&service.Lost{Waiting: 2, Aside: "x"}), "it had accepted 2 requests and not published")
}
