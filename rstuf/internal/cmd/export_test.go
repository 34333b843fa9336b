package cmd

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// TestExport exports the repository of a service that has ended, once.
func TestExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, code := command(t, dir, "export", "new", "--dir", "demo")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "no such file")
	assert.NoDirExists(t, filepath.Join(dir, "demo"))
	_, code = command(t, dir, "export", "--dir", "demo")
	assert.Equal(t, exitUsage, code)

	out, code = command(t, dir, "export", "new", "--bucket", "s3://name")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "--bucket: ", "the files are looked for where serve keeps them")

	s := startServe(t, dir, "--dev", "--dir", "demo")
	out, code = command(t, dir, "export", "new", "--dir", "demo")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "stop it for good")
	require.Equal(t, exitDone, s.stop(t), s.stderr)
	assert.NoDirExists(t, filepath.Join(dir, "new"))

	out, code = command(t, dir, "export", "new", "--dir", "demo")
	assert.Equal(t, exitDone, code, out)
	assert.Contains(t, out, "not carried along:\n- The private online key. Root says fn:")
	assert.FileExists(t, filepath.Join(dir, "new", "metadata", "timestamp.json"))
	out, code = command(t, dir, "export", "new", "--dir", "demo")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "is there already")
	out, code = command(t, dir, "export", "another", "--dir", "demo", "--json")
	assert.Equal(t, exitDone, code, out)
	var done service.Exported
	require.NoError(t, json.Unmarshal([]byte(out), &done))
	assert.NotEmpty(t, done.OnlineKey)
	assert.NotZero(t, done.Roles)
}
