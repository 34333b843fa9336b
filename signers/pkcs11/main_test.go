package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/softhsm"
	"example.org/rstuf/keys"
	"example.org/rstuf/keys/exec"
	"example.org/rstuf/metadata"
)

// TestMain is the program itself, when a test runs it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-module" {
		main()
		return
	}
	os.Exit(m.Run())
}

// softHSM makes a token of SoftHSM in a folder of the test's own and gives the
// flags that open it, and a file with its PIN.
func softHSM(t *testing.T) (flags []string, pinFile string) {
	t.Helper()
	dir := t.TempDir()
	library, conf, err := softhsm.Init(dir, "rstuf")
	require.NoError(t, err)
	t.Setenv("SOFTHSM2_CONF", conf)
	pinFile = filepath.Join(dir, "pin")
	require.NoError(t, os.WriteFile(pinFile, []byte(softhsm.PIN+"\n"), 0o600))
	return []string{"-module", library, "-token", "rstuf"}, pinFile
}

// must runs the program in this process.
func must(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, nil, &out))
	return out.String()
}

// Every kind of key is made in the token, holds to the exchange and signs
// metadata, with the PIN from the exchange.
func TestKeysInSoftHSM(t *testing.T) {
	token, pinFile := softHSM(t)
	self, err := os.Executable()
	require.NoError(t, err)
	cfg := exec.Config{
		Signers: map[string][]string{},
		Ask: func(_ context.Context, q exec.Question) ([]byte, error) {
			assert.Equal(t, `PIN of the token "rstuf"`, q.Prompt)
			return []byte(softhsm.PIN), nil
		},
	}
	data, err := os.ReadFile(filepath.Join("..", "..", "metadata", "testdata", "metadata", "root-mixed-keys.json"))
	require.NoError(t, err)
	for kind, scheme := range map[keys.Type]string{
		keys.Ed25519: "ed25519", keys.ECDSAP256: "ecdsa-sha2-nistp256", keys.ECDSAP384: "ecdsa-sha2-nistp384", keys.RSA2048: "rsassa-pss-sha256",
	} {
		label := string(kind)
		said := must(t, append(token, "-key", label, "-pin-file", pinFile, "-generate", label)...)
		cfg.Signers[label] = append(append([]string{self}, token...), "-key", label)
		results, err := exec.Check(t.Context(), cfg, label)
		require.NoError(t, err)
		for _, r := range results {
			require.NoError(t, r.Err, "%s: %s", label, r.Name)
		}
		signer, err := exec.Open(t.Context(), cfg, label, label)
		require.NoError(t, err)
		assert.Equal(t, scheme, signer.Public().Key().Scheme)
		assert.Contains(t, said, signer.Public().ID())
		assert.Contains(t, must(t, append(token, "-list")...), signer.Public().ID())

		document, err := metadata.Parse(data)
		require.NoError(t, err)
		before := len(document.Signatures())
		require.NoError(t, document.Sign(t.Context(), signer))
		assert.Len(t, document.Signatures(), before+1)
	}
	assert.Contains(t, must(t, "-module", token[1], "-list"), `"rstuf"`)
}

func TestRefuses(t *testing.T) {
	token, pinFile := softHSM(t)
	must(t, append(token, "-key", "alice", "-pin-file", pinFile, "-generate", "ecdsa")...)
	self, err := os.Executable()
	require.NoError(t, err)
	given := []byte("1111")
	cfg := exec.Config{
		Signers: map[string][]string{
			"alice": append(append([]string{self}, token...), "-key", "alice"),
			"bob":   append(append([]string{self}, token...), "-key", "bob"),
			"other": {self, "-module", token[1], "-token", "other", "-key", "alice"},
			"none":  {self, "-module", "/nowhere.so", "-token", "rstuf", "-key", "alice"},
		},
		Ask: func(context.Context, exec.Question) ([]byte, error) { return bytes.Clone(given), nil },
	}
	signer, err := exec.Open(t.Context(), cfg, "alice", "")
	require.NoError(t, err, "the public key needs no PIN")
	_, err = signer.Sign(t.Context(), []byte("message"))
	assert.ErrorIs(t, err, exec.ErrRefused)
	assert.ErrorContains(t, err, `token "rstuf": the PIN is wrong`)
	assert.NotContains(t, err.Error(), "1111")
	given = []byte(softhsm.PIN)
	_, err = signer.Sign(t.Context(), []byte("message"))
	assert.NoError(t, err)

	for name, says := range map[string]string{
		"bob": "there is no such key pair", "other": "there are 0 such tokens, want one", "none": "/nowhere.so cannot be loaded",
	} {
		_, err := exec.Open(t.Context(), cfg, name, "")
		assert.ErrorContains(t, err, says)
	}

	readable := filepath.Join(t.TempDir(), "pin")
	require.NoError(t, os.WriteFile(readable, []byte(softhsm.PIN), 0o600))
	require.NoError(t, os.Chmod(readable, 0o644))
	for says, args := range map[string][]string{
		"there is one of that label":  append(token, "-key", "alice", "-pin-file", pinFile, "-generate", "ecdsa"),
		"PKCS#11 tokens make ed25519": append(token, "-key", "carol", "-pin-file", pinFile, "-generate", "ml-dsa"),
		`key type "dsa"`:              append(token, "-key", "carol", "-generate", "dsa"),
		"others can read it":          append(token, "-key", "carol", "-pin-file", readable, "-generate", "ecdsa"),
		"-token and -key are needed":  {"-module", token[1]},
		"-module is needed":           {"-list"},
		"there is no argument":        append(token, "-key", "alice", "1234"),
	} {
		assert.ErrorContains(t, run(t.Context(), args, nil, &bytes.Buffer{}), says)
	}
}
