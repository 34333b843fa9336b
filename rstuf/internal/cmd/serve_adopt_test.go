package cmd

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
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
		{append(adopt, "--dir", "x", "--adopt", "old/metadata", "--adopt-publish", "1s"), exitUsage, "the old service's API with --adopt-api"},
		{append(adopt, "--dir", "x", "--adopt", "old/metadata", "--db-password-file", "p"), exitUsage, "--db-password goes with --db-uri"},
		{append(adopt, "--dir", "x", "--adopt", "old/metadata", "--db-uri", "postgresql://127.0.0.1:1/x"), exitFailed, "database: "},
		{append(adopt, "--dir", "x", "--adopt", "nowhere"), exitFailed, "nowhere: no such file"},
		{append(adopt, "--dir", "new", "--adopt", "old/metadata"), exitFailed, "start without --adopt"},
	} {
		out, code := command(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0"}, test.args...)...)
		assert.Equal(t, test.code, code, "%s: %s", test.args, out)
		assert.Contains(t, out, test.says)
		assert.NoDirExists(t, filepath.Join(dir, "x"))
	}
}

// TestServeAdoptPublishes has the old service publish what waits there first, and
// adopts nothing where it does not.
func TestServeAdoptPublishes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := startServe(t, dir, "--dev", "--dir", "old")
	api, err := client.New(old.API, client.Config{})
	require.NoError(t, err)
	artifact := rstuf.Artifact{Path: "a.txt", Info: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)}}}
	_, err = api.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact}, SkipPublish: true})
	require.NoError(t, err)
	adopt := []string{"--key-dir", "old/keys", "--root", "old/root.json", "--adopt-wait", "10ms", "--adopt", old.Metadata, "--adopt-publish"}
	for _, test := range []struct {
		state rstuf.TaskState
		wait  string
		code  int
		says  string
	}{
		{rstuf.TaskFailure, "10s", exitRefused, "--adopt-publish: task 1 (publish_artifacts): FAILURE: no disk"},
		{rstuf.TaskStarted, "50ms", exitTimeout, "--adopt-publish: task 1: still STARTED after "},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				assert.Equal(t, "/api/v1/artifacts/publish/", r.URL.Path)
				w.WriteHeader(http.StatusAccepted)
				_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]string{"task_id": "1"}})
				return
			}
			task := rstuf.Task{ID: "1", State: test.state, Result: &rstuf.TaskResult{Task: "publish_artifacts", Message: "no disk"}}
			_ = json.NewEncoder(w).Encode(answer(task))
		}))
		defer server.Close()
		out, code := command(t, dir, append(append([]string{"serve", "--dir", "new", "--adopt-api", server.URL}, adopt...), test.wait)...)
		assert.Equal(t, test.code, code, out)
		assert.Contains(t, out, test.says)
		assert.Contains(t, out, "nothing was adopted")
		assert.NoDirExists(t, filepath.Join(dir, "new"))
	}
	s := startServe(t, dir, append(append([]string{"--dir", "new", "--adopt-api", old.API}, adopt...), "10s")...)
	out, code := command(t, dir, "artifact", "info", "a.txt", "-r", "old/root.json", "-m", s.Metadata)
	assert.Equal(t, 0, code, out)
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
	assert.Contains(t, s.stderr.String(), "what signs there has to be stopped")
	assert.Equal(t, exitDone, old.stop(t), old.stderr)
}

// TestServeAdoptDatabase takes over what the old service had not published, from
// its database.
func TestServeAdoptDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := startServe(t, dir, "--dev", "--dir", "old")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte("hello\n"), 0o644))
	out, code := command(t, dir, "artifact", "--api-server", old.API, "add", "a.txt")
	require.Equal(t, 0, code, out)
	info := `{"length": 1, "hashes": {"sha256": "` + strings.Repeat("ab", 32) + `"}}`
	uri := fakeDatabase(t, [][]string{{"b.txt", info, "ADD", "t"}, {"c.txt", "{}", "ADD", "t"}, {"d.txt", info, "ADD", "f"}, {"a.txt", info, "REMOVE", "t"}})
	s := startServe(t, dir, "--dir", "new", "--key-dir", "old/keys", "--root", "old/root.json", "--adopt-wait", "10ms", "--adopt", old.Metadata,
		"--adopt-api", old.API, "--db-uri", uri, "--db-password-command", "echo dbsecret")
	assert.Equal(t, 2, s.Adopted.Queued)
	out, code = command(t, dir, "artifact", "--api-server", s.API, "publish")
	assert.Equal(t, 0, code, out)
	out, code = command(t, dir, "artifact", "list", "-r", "old/root.json", "-m", s.Metadata)
	assert.Equal(t, 0, code, out)
	assert.Contains(t, out, "b.txt")
	assert.NotContains(t, out, "a.txt")
	assert.Equal(t, exitDone, s.stop(t), s.stderr)
	said := s.stderr.String()
	assert.Contains(t, said, "waiting to be published, from the database: 2 changes")
	assert.Contains(t, said, "what was not published of c.txt is left out")
	assert.Contains(t, said, "1 change not published of roles that were removed")
	assert.NotContains(t, said, "are in no file")
	assert.Equal(t, exitDone, old.stop(t), old.stderr)
}

func TestLostText(t *testing.T) {
	t.Parallel()
	assert.Contains(t, lostText(nil), "the old service")
	assert.Contains(t, lostText(&service.Lost{Waiting: -1}), "was gone")
	assert.Contains(t, lostText(&service.Lost{Waiting: -1, Aside: "x"}), "does not tell how much")
	assert.Contains(t, lostText(&service.Lost{Aside: "x"}), "kept as x: nothing")
	assert.Contains(t, lostText(&service.Lost{Waiting: 2, Aside: "x"}), "it had accepted 2 requests and not published")
}
