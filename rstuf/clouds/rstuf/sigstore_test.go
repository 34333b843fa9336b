package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys/sigstore/sigstoretest"
)

// TestServeCounts: the command's own service counts an identity that the settings
// let it check, and without them waits for others.
func TestServeCounts(t *testing.T) {
	instance := sigstoretest.New()
	t.Cleanup(instance.Close)
	instance.Runner(sigstoretest.Claims{Issuer: "https://accounts.example.com", Subject: "1", Email: "carol@example.com"})
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_URL", instance.TokenURL)
	t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", sigstoretest.RunnerSecret)
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	for name, text := range map[string]string{
		"trusted_root.json": string(instance.TrustedRoot),
		".rstuf.yml":        "SIGSTORE: {trusted_root: trusted_root.json, fulcio: '" + instance.URL + "', rekor: '" + instance.URL + "'}\n",
		"none.yml":          "",
		"policy.yml": "root_keys: [{name: alice, file: alice.pub}, {name: carol, sigstore: {identity: carol@example.com, issuer: 'https://accounts.example.com'}}]\n" +
			"threshold: 2\nonline_key: {name: online, file: online.pub, uri: 'fn:online'}\nhash_bins: 2\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, name := range []string{"alice", "online"} {
		mustRun(t, dir, "key", "generate", "--type", "ed25519", "--file", name, "--plain")
	}
	mustRun(t, dir, "admin", "ceremony", "--policy", "policy.yml", "--defaults", "--dry-run", "--out", "--key", "alice", "--key", "sigstore:", "--yes")

	for settings, want := range map[string]string{".rstuf.yml": "finished", "none.yml": "signing"} {
		at, stop := serve(t, dir, "--dir", "data-"+settings, "--key-dir", dir, "--config", settings)
		stdout, _, _ := rstuf(t, dir, "admin", "--api-server", at.API, "send", "bootstrap", "ceremony-payload.json", "--json")
		var sent struct{ State string }
		require.NoError(t, json.Unmarshal([]byte(stdout), &sent), stdout)
		assert.Equal(t, want, sent.State, settings)
		stop()
	}
}
