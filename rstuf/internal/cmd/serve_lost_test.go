package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/service"
)

// sharedParts are parts whose database is in memory and whose buckets are one folder.
func sharedParts(t *testing.T) (parts Parts, shared *sharedtest.Shared, address string) {
	dir := t.TempDir()
	address = filepath.Join(dir, "address")
	require.NoError(t, os.WriteFile(address, []byte("postgres://example.com\n"), 0o600))
	shared = &sharedtest.Shared{}
	return Parts{
		Database: func(context.Context, string, string, time.Duration) (service.Shared, error) { return shared, nil },
		Bucket: func(_ context.Context, url string) (service.Storage, error) {
			folder, err := service.NewFolder(filepath.Join(dir, "files"))
			if strings.HasSuffix(url, "/unconditional") {
				return struct{ service.Storage }{folder}, err // which can't be asked
			}
			return folder, err
		},
	}, shared, address
}

// ran is a service that the command runs.
type ran struct {
	serving
	stop     context.CancelFunc
	code     chan int // when it has ended
	problems *bytes.Buffer
}

// startServing runs rstuf serve until the test ends, or it is told to stop.
func startServing(t *testing.T, parts Parts, args ...string) *ran {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	said, out := io.Pipe()
	s := &ran{stop: cancel, code: make(chan int, 1), problems: &bytes.Buffer{}}
	go func() {
		s.code <- run(ctx, parts, append([]string{"serve", "--dir", filepath.Join(dir, "data"), "--json", "--config", filepath.Join(dir, "none.yml"),
			"--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0", "--artifacts-listen", "127.0.0.1:0"}, args...), strings.NewReader(""), out, s.problems)
		out.Close()
	}()
	if err := json.NewDecoder(said).Decode(&s.serving); err != nil {
		t.Fatalf("it does not serve: code %d: %s", <-s.code, s.problems)
	}
	go io.Copy(io.Discard, said)
	return s
}

func (s *ran) get(t *testing.T, path string) (int, string) {
	answer, err := http.Get(s.API + path)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

// TestServeEndsWithoutItsDatabase: what another service has taken over is left to
// it, and the supervisor is told by the exit code.
func TestServeEndsWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	parts, shared, address := sharedParts(t)
	s := startServing(t, parts, "--database", address)
	shared.Depose(0)
	assert.Equal(t, exitFailed, <-s.code)
	assert.Contains(t, s.problems.String(), "the store takes no changes of this service any more")
}

// TestServeEndsWhenItsRepositoryIsMoved: a replica that was left running ends, and says
// where the repository is.
func TestServeEndsWhenItsRepositoryIsMoved(t *testing.T) {
	t.Parallel()
	parts, shared, address := sharedParts(t)
	meet := &sharedtest.NotLeading{Shared: shared}
	parts.Database = func(context.Context, string, string, time.Duration) (service.Shared, error) { return meet, nil }
	s := startServing(t, parts, "--database", address, "--bucket", "s3://files", "--dev")
	meet.Now.Store(true)
	shared.Depose(0)
	files, err := parts.Bucket(t.Context(), "s3://files")
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "new")
	_, err = service.Move(t.Context(), service.Config{Dir: t.TempDir(), Store: shared.Open, Storage: files}, service.Config{Dir: to}, "rstuf serve --dir "+to)
	require.NoError(t, err)
	assert.Equal(t, exitFailed, <-s.code)
	text := strings.TrimSuffix(s.problems.String(), "\n")
	assert.Regexp(t, "^rstuf: the repository is elsewhere: it was moved at .*; go on there: rstuf serve --dir "+regexp.QuoteMeta(to)+"$", text[strings.LastIndex(text, "\n")+1:])
}

// TestServeReplicas: with a bucket further ones serve too, from another folder. One
// publishes, and another one when it ends; one that is deposed serves on.
func TestServeReplicas(t *testing.T) {
	t.Parallel()
	parts, shared, address := sharedParts(t)
	leads := func(s *ran) bool {
		_, text := s.get(t, "/metrics")
		return strings.Contains(text, "rstuf_leading 1\n")
	}
	a := startServing(t, parts, "--database", address, "--bucket", "s3://files", "--dev")
	b := startServing(t, parts, "--database", address, "--bucket", "s3://files", "--key-dir", filepath.Dir(a.TrustedRoot)+"/keys")
	assert.True(t, leads(a))
	assert.False(t, leads(b))
	_, text := b.get(t, "/api/v1/bootstrap/")
	assert.Contains(t, text, `"state":"finished"`)
	code, text := b.get(t, "/")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, "RSTUF repository")
	shared.Depose(0)
	require.Eventually(t, func() bool { return leads(a) != leads(b) }, time.Minute, 10*time.Millisecond)
	for _, s := range []*ran{a, b} {
		code, text = s.get(t, "/readyz")
		assert.Equal(t, http.StatusOK, code, text)
	}
	a.stop()
	assert.Equal(t, 0, <-a.code)
	require.Eventually(t, func() bool { return leads(b) }, time.Minute, 10*time.Millisecond)
}

// TestServeRefusesABucket: where a bucket does not keep two writers apart there are no
// replicas.
func TestServeRefusesABucket(t *testing.T) {
	t.Parallel()
	parts, _, address := sharedParts(t)
	var out, problems bytes.Buffer
	code := run(t.Context(), parts, []string{"serve", "--dir", t.TempDir(), "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0", "--config", filepath.Join(t.TempDir(), "none.yml"),
		"--database", address, "--bucket", "s3://files/unconditional"}, strings.NewReader(""), &out, &problems)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, problems.String(), service.ErrUnconditional.Error())
}

// TestMoveRefusesABucket: nor does a repository move there, as replicas would not start.
func TestMoveRefusesABucket(t *testing.T) {
	t.Parallel()
	parts, _, address := sharedParts(t)
	s := startServing(t, parts, "--dev")
	s.stop()
	require.Equal(t, exitDone, <-s.code, s.problems)
	dir := filepath.Dir(s.TrustedRoot)
	move := func(bucket string) (int, string) {
		var out, problems bytes.Buffer
		code := run(t.Context(), parts, []string{"move", "--dir", dir, "--config", filepath.Join(t.TempDir(), "none.yml"), "--to-database", address, "--to-bucket", bucket}, strings.NewReader(""), &out, &problems)
		return code, out.String() + problems.String()
	}
	code, text := move("s3://files/unconditional")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, text, service.ErrUnconditional.Error())
	code, text = move("s3://files")
	assert.Equal(t, exitDone, code, text)
}
