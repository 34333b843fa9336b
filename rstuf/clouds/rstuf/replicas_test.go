package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/kmstest"
)

// process is a replica of the command.
type process struct {
	serving
	*exec.Cmd
	log *bytes.Buffer
}

// TestReplicasOfTheCommand: replicas whose online key is in AWS KMS, of which the one
// that publishes dies or ends, and one may not open such keys. What needs several
// requests is asked at one replica after the other.
func TestReplicasOfTheCommand(t *testing.T) {
	if *postgresURL == "" || *s3URL == "" {
		t.Skip("needs -postgres and -s3")
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	kms := kmstest.StartAWS(t, dir)
	kms.Env["AWS_ACCESS_KEY_ID"], kms.Env["AWS_SECRET_ACCESS_KEY"], kms.Env["AWS_REGION"] = "test-access-key", "test-secret-key", "us-east-1"
	kms.Env["AWS_ENDPOINT_URL_S3"] = *s3URL
	for name, value := range kms.Env {
		t.Setenv(name, value)
	}
	run := func(args ...string) string { return mustRun(t, dir, args...) }
	for _, name := range []string{"alice", "bob", "online"} {
		run("key", "generate", "--type", "ed25519", "--file", name, "--plain")
	}
	for name, text := range map[string]string{"address": *postgresURL, "artifact": "content",
		"policy.yml": `root_keys: [{name: alice, file: alice.pub}, {name: bob, file: bob.pub}]
threshold: 2
online_key: {name: online, file: online.pub, uri: "fn:online"}
hash_bins: 2
`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	run("admin", "ceremony", "--policy", "policy.yml", "--defaults", "--dry-run", "--out=payload.json", "--key", "alice", "--key", "bob", "--yes")

	place := []string{"--database", "address", "--schema", "of the command", "--bucket", "s3://files/replicas"}
	start := func(more ...string) (p process) {
		p.serving, p.Cmd, p.log = serveUntil(t, dir, append(append(place, "--dir", ".", "--key-dir", ".", "--lease", "500ms"), more...)...)
		t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
		return p
	}
	get := func(url string) string {
		answer, err := http.Get(url)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(text)
	}
	all := []process{start("--key-scheme", "fn", "--key-scheme", "awskms"), start("--key-scheme", "fn", "--key-scheme", "awskms"), start()}
	without := all[2]
	leader := func() (found int) {
		require.Eventually(t, func() bool {
			for i, p := range all {
				if strings.Contains(get(p.API+"/metrics"), "rstuf_leading 1\n") {
					found = i
					return true
				}
			}
			return false
		}, time.Minute, 5*time.Millisecond)
		return found
	}
	at := func(p process, args ...string) []string { return append(args, "--api-server", p.API) }
	require.Zero(t, leader())
	run(at(without, "admin", "send", "bootstrap", "payload.json")...)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.json"), []byte(get(all[0].Metadata+"/1.root.json")), 0o600))
	paths := []string{}
	publish := func(p process, path string) {
		t.Helper()
		run(at(p, "artifact", "add", "artifact", "--path", path)...)
		paths = append(paths, path+"/artifact")
		for _, p := range all {
			list := run("artifact", "list", "-m", p.Metadata, "-r", "root.json", "--no-cache")
			for _, path := range paths {
				assert.Contains(t, list, path)
			}
		}
	}
	publish(without, "before")

	// The online key goes to the KMS: one signature at one replica, the next at another.
	_, stderr, err := rstuf(t, dir, at(all[1], "admin", "metadata", "update", "--in", "root.json", "--online-key", kms.URI, "--online-key-uri", kms.URI, "--key", "alice", "--yes")...)
	require.Error(t, err)
	assert.Contains(t, stderr, "1 of 2 signatures")
	run(at(without, "admin", "metadata", "sign", "--role", "root", "--key", "bob", "--root", "root.json", "--yes")...)
	signed := kms.Signed.Load()
	assert.Positive(t, signed)
	publish(all[1], "in the KMS")
	assert.Greater(t, kms.Signed.Load(), signed)
	require.Eventually(t, func() bool { return get(without.API+"/readyz") != "ready\n" }, time.Minute, 5*time.Millisecond)
	assert.Equal(t, "this replica can't publish: the log says why\n", get(without.API+"/readyz"))
	assert.Contains(t, get(without.API+"/metrics"), "rstuf_paused 1\n")
	assert.Equal(t, "ready\n", get(all[0].API+"/readyz"))

	// The one that publishes dies, and the next one ends: only one is left that may.
	require.NoError(t, all[0].Process.Kill())
	_ = all[0].Wait()
	all = all[1:]
	begun := time.Now()
	publish(without, "after a death")
	assert.Less(t, time.Since(begun), 5*time.Second)
	assert.Zero(t, leader())
	_, stderr, err = rstuf(t, dir, append([]string{"fsck"}, place...)...)
	require.Error(t, err)
	assert.Contains(t, stderr, "all other replicas")
	all = append(all, start("--key-scheme", "fn", "--key-scheme", "awskms"))
	require.NoError(t, all[0].Process.Signal(os.Interrupt))
	require.NoError(t, all[0].Wait(), all[0].log.String())
	all = all[1:]
	begun = time.Now()
	publish(without, "after an end")
	assert.Less(t, time.Since(begun), 5*time.Second)
	assert.Equal(t, 1, leader())
	for _, p := range all {
		assert.Contains(t, run("fsck", "--url", p.API, "--complete"), "all that was published is there")
	}
	for _, p := range all {
		require.NoError(t, p.Process.Signal(os.Interrupt))
		require.NoError(t, p.Wait(), p.log.String())
	}
	assert.Contains(t, without.log.String(), `this replica can't publish, it will be tried again`)
	assert.Contains(t, without.log.String(), "--key-scheme awskms")
	run(append([]string{"fsck", "--complete"}, place...)...)
}
