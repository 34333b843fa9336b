package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/kmstest"
)

// rstuf runs the command in a folder and gives what it printed.
func rstuf(t *testing.T, dir string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), "rstuf", args...)
	c.Dir, c.Stdout, c.Stderr = dir, &out, &errs
	err = c.Run()
	assert.NotContains(t, errs.String(), "panic:")
	return out.String(), errs.String(), err
}

func mustRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	stdout, stderr, err := rstuf(t, dir, args...)
	require.NoError(t, err, "rstuf %s: %s", strings.Join(args, " "), stderr)
	return stdout
}

// serving is what `rstuf serve --json` says first.
type serving struct {
	API      string `json:"api"`
	Metadata string `json:"metadata"`
}

// serve starts the command's service in a folder and gives its addresses, and
// what stops it and gives what it printed for people.
func serve(t *testing.T, dir string, args ...string) (at serving, stop func() string) {
	t.Helper()
	at, c, log := serveUntil(t, dir, args...)
	return at, func() string {
		require.NoError(t, c.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, c.Wait(), log.String())
		return log.String()
	}
}

// serveUntil is serve for who ends it otherwise.
func serveUntil(t *testing.T, dir string, args ...string) (at serving, c *exec.Cmd, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	c = exec.CommandContext(t.Context(), "rstuf", append([]string{"serve", "--json", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0"}, args...)...)
	c.Dir, c.Stderr = dir, log
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	if err := json.NewDecoder(out).Decode(&at); err != nil {
		_ = c.Wait()
		t.Fatalf("rstuf serve: %v: %s", err, log.String())
	}
	return at, c, log
}

// TestClouds: an online key in AWS KMS and metadata in a bucket: bootstrapped,
// published to, checked, and served by a service that starts anew, also after
// nobody was allowed to sign for a while.
func TestClouds(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	kms := kmstest.StartAWS(t, dir)
	store := s3mem.New()
	require.NoError(t, store.CreateBucket("files"))
	bucket := httptest.NewServer(gofakes3.New(store).Server())
	t.Cleanup(bucket.Close)
	for name, value := range kms.Env {
		t.Setenv(name, value)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", bucket.URL)

	mustRun(t, dir, "key", "generate", "--type", "ed25519", "--file", "alice", "--plain")
	mustRun(t, dir, "key", "generate", "--type", "ecdsa", "--file", "bob", "--plain")
	mustRun(t, dir, "key", "convert", "--to", "public", "--out", "online.pub", kms.URI)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.yml"), []byte(`root_keys: [{name: alice, file: alice.pub}, {name: bob, file: bob.pub}]
threshold: 2
online_key: {name: online, file: online.pub, uri: "`+kms.URI+`"}
hash_bins: 2
`), 0o600))
	mustRun(t, dir, "admin", "ceremony", "--policy", "policy.yml", "--defaults", "--dry-run", "--out=payload.json", "--key", "alice", "--key", "bob", "--yes")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tool"), []byte("content"), 0o600))

	args := []string{"--dir", "data", "--key-scheme", "awskms", "--bucket", "s3://files/team"}
	at, stop := serve(t, dir, args...)
	mustRun(t, dir, "admin", "--api-server", at.API, "send", "bootstrap", "payload.json")
	mustRun(t, dir, "artifact", "add", "--api-server", at.API, "tool")
	signed := kms.Signed.Load()
	assert.GreaterOrEqual(t, signed, int64(5), "timestamp, snapshot, targets, two bins")
	assert.NoDirExists(t, filepath.Join(dir, "data", "metadata"), "metadata is in the bucket alone")
	stop()

	mustRun(t, dir, "fsck", "--dir", "data", "--bucket", "s3://files/team")
	listed, err := store.ListBucket("files", nil, gofakes3.ListBucketPage{})
	require.NoError(t, err)
	names := []string{}
	for _, object := range listed.Contents {
		names = append(names, object.Key)
	}
	assert.Contains(t, names, "team/1.root.json")
	assert.Contains(t, names, "team/timestamp.json")

	at, stop = serve(t, dir, args...)
	kms.Refused.Store(true)
	_, stderr, err := rstuf(t, dir, "artifact", "add", "--api-server", at.API, "--path", "later", "tool", "--wait-timeout", "3s")
	assert.Error(t, err, "nobody may sign for it")
	assert.NotContains(t, stderr, "secret")
	kms.Refused.Store(false)
	mustRun(t, dir, "artifact", "add", "--api-server", at.API, "--path", "last", "tool")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.json"), object(t, store, "team/1.root.json"), 0o600))
	list := mustRun(t, dir, "artifact", "list", "-m", at.Metadata, "-r", "root.json", "--no-cache")
	for _, path := range []string{"tool", "last/tool", "later/tool"} {
		assert.Contains(t, list, path)
	}
	log := stop()
	assert.Contains(t, log, "is not authorized to perform: kms:Sign", "the log says why nothing was published")
	assert.NotContains(t, log, "secret")
	mustRun(t, dir, "fsck", "--dir", "data", "--bucket", "s3://files/team")
}

// object is what a bucket's object holds.
func object(t *testing.T, store *s3mem.Backend, name string) []byte {
	t.Helper()
	found, err := store.GetObject("files", name, nil)
	require.NoError(t, err)
	defer found.Contents.Close()
	data, err := io.ReadAll(found.Contents)
	require.NoError(t, err)
	return data
}
