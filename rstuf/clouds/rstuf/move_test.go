package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/repository"
)

// See .ci/interop-postgres, which has both.
var (
	postgresURL = flag.String("postgres", "", "address of a database for a repository to move to")
	s3URL       = flag.String("s3", "", "address of service/bucket/servertest/s3server, with the bucket files")
)

// TestMove: a repository moves from state.db and a folder to PostgreSQL and a bucket,
// and by others to where it was before. A client with its old cache follows, tasks are
// known, and what waits goes on waiting.
func TestMove(t *testing.T) {
	if *postgresURL == "" || *s3URL == "" {
		t.Skip("needs -postgres and -s3")
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_S3": *s3URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test-access-key", "AWS_SECRET_ACCESS_KEY": "test-secret-key"} {
		t.Setenv(name, value)
	}
	for name, text := range map[string]string{"address": *postgresURL, "artifact": "content"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	at, stop := serve(t, dir, "--dir", "data", "--dev", "--artifacts-listen", "127.0.0.1:0")
	root, err := os.ReadFile(filepath.Join(dir, "data", "metadata", "1.root.json"))
	require.NoError(t, err)

	var metadata *url.URL // where the address that clients know leads to
	web := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(metadata) }})
	t.Cleanup(web.Close)
	cache := t.TempDir()
	sees := func(paths ...string) {
		t.Helper()
		var err error
		metadata, err = url.Parse(at.Metadata)
		require.NoError(t, err)
		reader, err := repository.New(repository.Config{MetadataURL: web.URL, Cache: cache}, repository.TrustRoot(root))
		require.NoError(t, err)
		list := []string{}
		for artifact, err := range reader.Artifacts(t.Context()) {
			require.NoError(t, err)
			list = append(list, artifact.Path)
		}
		assert.ElementsMatch(t, paths, list)
	}
	ask := func(args ...string) (task rstufTask) {
		t.Helper()
		out := mustRun(t, dir, append(args, "--api-server", at.API, "--json")...)
		require.NoError(t, json.Unmarshal([]byte(out), &task), out)
		return task
	}
	done := ask("artifact", "add", "artifact", "--path", "first", "--no-wait").ID
	mustRun(t, dir, "task", "wait", done, "--api-server", at.API)
	waits := ask("artifact", "add", "artifact", "--path", "waits", "--no-publish", "--no-wait").ID
	sees("first/artifact")
	stop()

	inBucket := []string{"--database", "address", "--schema", "move", "--bucket", "s3://files/tuf"}
	here, there := []string{"--dir", "data"}, [][]string{inBucket, {"--database", "address", "--schema", "move again"}, {"--bucket", "s3://files/tuf"}, inBucket, nil}
	paths := []string{"first/artifact"}
	for i, place := range there {
		move := append([]string{"move"}, here...)
		for n, flag := range place {
			if n%2 == 0 {
				flag = "--to-" + strings.TrimPrefix(flag, "--")
			}
			move = append(move, flag)
		}
		mustRun(t, dir, move...)
		_, stderr, err := rstuf(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0"}, here...)...)
		assert.Error(t, err)
		assert.Contains(t, stderr, "the repository is elsewhere", place)
		here = append([]string{"--dir", "data"}, place...)
		mustRun(t, dir, append([]string{"fsck", "--complete"}, here...)...)

		at, stop = serve(t, dir, here...)
		sees(paths...)
		assert.Equal(t, "SUCCESS", ask("task", "info", done).State, place)
		if i == 0 {
			assert.NotEqual(t, "SUCCESS", ask("task", "info", waits).State, place)
			mustRun(t, dir, "artifact", "publish", "--api-server", at.API)
			paths = append(paths, "waits/artifact")
		}
		assert.Equal(t, "SUCCESS", ask("task", "info", waits).State, place)
		name := fmt.Sprint("place-", i)
		done = ask("artifact", "add", "artifact", "--path", name, "--no-wait").ID
		mustRun(t, dir, "task", "wait", done, "--api-server", at.API)
		paths = append(paths, name+"/artifact")
		sees(paths...)
		stop()
	}
}

// rstufTask is what the command says of a task.
type rstufTask struct {
	ID    string `json:"task_id"`
	State string `json:"state"`
}
