package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/exec"
)

// TestMain is the program itself, when the test runs it.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && filepath.IsAbs(os.Args[1]) {
		main()
		return
	}
	os.Exit(m.Run())
}

// The reference program holds to the exchange, with a key that is encrypted and
// with one that is not; it tells what it signs from what it signs.
func TestConforms(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	key, err := keys.Generate(keys.Ed25519, "")
	require.NoError(t, err)
	plain, encrypted, alone := filepath.Join(dir, "plain"), filepath.Join(dir, "encrypted"), filepath.Join(dir, "alone")
	require.NoError(t, key.Save(plain, keys.SaveOptions{Plain: true}))
	require.NoError(t, key.Save(encrypted, keys.SaveOptions{Password: []byte("swordfish")}))
	require.NoError(t, key.Save(alone, keys.SaveOptions{Plain: true}))
	require.NoError(t, os.Remove(alone+".pub"))

	var mu sync.Mutex
	var shown []string
	asked := 0
	cfg := exec.Config{
		Signers: map[string][]string{"plain": {self, plain}, "encrypted": {self, encrypted}, "alone": {self, alone}, "missing": {self, plain + ".not"}},
		Stderr: func(_, line string) {
			mu.Lock()
			defer mu.Unlock()
			shown = append(shown, line)
		},
		Ask: func(_ context.Context, q exec.Question) ([]byte, error) {
			assert.Contains(t, q.Prompt, "Password of ")
			asked++
			return []byte("swordfish"), nil
		},
	}
	ctx := context.Background()
	for _, name := range []string{"plain", "encrypted", "alone"} {
		results, err := exec.Check(ctx, cfg, name)
		require.NoError(t, err)
		for _, r := range results {
			assert.NoError(t, r.Err, "%s: %s", name, r.Name)
		}
	}
	assert.Equal(t, 3, asked, "once for each signature, and never for the public key")

	signer, err := exec.Open(ctx, cfg, "plain", "")
	require.NoError(t, err)
	shown = nil
	_, err = signer.Sign(ctx, []byte(`{"_type":"root","expires":"2030-01-01T00:00:00Z","version":3}`))
	require.NoError(t, err)
	require.Len(t, shown, 1)
	assert.Contains(t, shown[0], `signing "root", version 3, ends "2030-01-01T00:00:00Z", sha256 `)

	_, err = exec.Open(ctx, cfg, "missing", "")
	assert.ErrorIs(t, err, exec.ErrRefused)
	assert.ErrorContains(t, err, "no such file")
}
