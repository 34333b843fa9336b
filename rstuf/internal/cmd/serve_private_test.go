package cmd

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing private is served as an artifact, whatever the flags say.
func TestServeRefusesPrivateFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "files", "secret"), 0o755))
	require.NoError(t, os.Symlink("files", filepath.Join(dir, "link")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "files", "tokens"), nil, 0o600))
	for name, args := range map[string][]string{
		"the default folder is below":   {"--artifacts", "."},
		"the same folder":               {"--dir", "files", "--artifacts", "files"},
		"the folder of keys is below":   {"--dir", "repo", "--key-dir", "files/secret", "--artifacts", "files"},
		"inside the service's folder":   {"--dir", "files", "--artifacts", "files/secret"},
		"inside the folder of keys":     {"--dir", "repo", "--key-dir", "files", "--artifacts", "files/secret"},
		"through a link":                {"--dir", "repo", "--key-dir", "files/secret", "--artifacts", "link"},
		"the file of tokens is there":   {"--dir", "repo", "--tokens", "files/tokens", "--artifacts", "files"},
		"the private key of TLS":        {"--dir", "repo", "--tls-cert", "c.pem", "--tls-key", "files/key.pem", "--artifacts", "files"},
		"an online key is there":        {"--dir", "repo", "--online-key", "files/online", "--artifacts", "files"},
		"an online key, by its URI":     {"--dir", "repo", "--online-key", "file2:files/online", "--artifacts", "files"},
		"the password's file is there":  {"--dir", "repo", "--password-file", "files/password", "--artifacts", "files"},
		"a key folder that is not made": {"--dir", "files/new", "--artifacts", "files"},
	} {
		out, code := command(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
		assert.Equal(t, exitUsage, code, "%s: %s", name, out)
		assert.Contains(t, out, "--artifacts", name)
	}
	assert.NoFileExists(t, filepath.Join(dir, "rstuf-data", "state.db"), "nothing is made before the check")
}

// A private file is not served under another name either.
func TestServeHidesHardLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"repo/keys", "files"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "files", "a.txt"), []byte("hello"), 0o644))
	for _, name := range []string{"repo/state.db", "repo/keys/online"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("private"), 0o600))
		require.NoError(t, os.Link(path, filepath.Join(dir, "files", filepath.Base(name))))
	}
	c := &serveCommand{artifacts: filepath.Join(dir, "files")}
	c.dir = filepath.Join(dir, "repo")
	c.uris.dir = filepath.Join(dir, "repo", "keys")
	require.NoError(t, c.checkFolders())
	root, err := os.OpenRoot(c.artifacts)
	require.NoError(t, err)
	defer root.Close()
	for name, want := range map[string]int{"/a.txt": http.StatusOK, "/state.db": http.StatusForbidden, "/online": http.StatusForbidden} {
		w := httptest.NewRecorder()
		c.artifactHandler(root).ServeHTTP(w, httptest.NewRequest("GET", name, nil))
		assert.Equal(t, want, w.Code, name)
		assert.NotContains(t, w.Body.String(), "private", name)
	}
}
