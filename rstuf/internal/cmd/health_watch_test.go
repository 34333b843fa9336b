//go:build unix

package cmd

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/health/event"
	"example.org/rstuf/rstuftest"
)

// TestHealthWatch: a line of JSON for each event, of servers that do not answer
// too, from the first look on; Ctrl-C is no failure.
func TestHealthWatch(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t)
	var down atomic.Bool
	down.Store(true)
	through := func(target string) string {
		to, err := url.Parse(target)
		require.NoError(t, err)
		proxy := httputil.NewSingleHostReverseProxy(to)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				http.Error(w, "down", http.StatusNotFound)
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.json"), repo.RootJSON, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "rstuf", "health", through(repo.MetadataURL), "--api-server", repo.APIURL, "--watch", "--every", "1s")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	next := func(kind event.Kind, code string) (e event.Event) {
		t.Helper()
		require.True(t, lines.Scan(), lines.Err())
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		assert.Equal(t, string(kind)+" "+code, string(e.Kind)+" "+e.Code)
		assert.NotEmpty(t, e.Text)
		return e
	}
	next(event.ProblemFound, "root.unpinned")
	e := next(event.ProblemFound, "metadata.unread")
	assert.Equal(t, "error", e.Severity)
	next(event.ProblemFound, "role.no-slack")
	down.Store(false)
	next(event.ProblemGone, "metadata.unread")
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	assert.False(t, lines.Scan(), "%s", lines.Bytes())
	assert.NoError(t, cmd.Wait())
}
