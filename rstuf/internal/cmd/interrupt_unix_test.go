//go:build unix

package cmd

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
)

// TestInterruptedUpload presses Ctrl-C while the service works: whoever comes
// back is told that it goes on, and by which id to ask. So it is with a timeout.
func TestInterruptedUpload(t *testing.T) {
	t.Parallel()
	waits := make(chan struct{}, 100)
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, data any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		assert.NoError(t, json.NewEncoder(w).Encode(map[string]any{"data": data}))
	}
	mux.HandleFunc("POST /api/v1/artifacts/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusAccepted, wire.Accepted{TaskID: "the-task"})
	})
	mux.HandleFunc("GET /api/v1/task/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, rstuf.Task{ID: "the-task", State: rstuf.TaskStarted})
		select {
		case waits <- struct{}{}:
		default:
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))

	run := func(interrupt bool, more ...string) (code int, out, err string) {
		cmd := exec.Command("rstuf", append([]string{"artifact", "--api-server", server.URL, "add", "file"}, more...)...)
		cmd.Dir = dir
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		require.NoError(t, cmd.Start())
		defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop()
		if interrupt {
			<-waits
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		}
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		return exit.ExitCode(), stdout.String(), stderr.String()
	}
	code, out, err := run(true)
	assert.Equal(t, exitInterrupted, code)
	assert.Contains(t, out, "added 0 artifacts of 0 bytes")
	assert.Contains(t, out, "1 artifact more: the service has them, and goes on")
	assert.Equal(t, "rstuf: interrupted; task the-task goes on in the service: see rstuf task wait\n", err)

	code, out, err = run(false, "--wait-timeout", "300ms", "--json")
	assert.Equal(t, exitTimeout, code)
	assert.Contains(t, out, `"unfinished_tasks": [
    "the-task"
  ]`)
	assert.Contains(t, err, "it goes on in the service, see rstuf task wait")
}
