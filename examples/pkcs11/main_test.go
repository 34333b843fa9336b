package main

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ThalesGroup/crypto11"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// softHSM makes a token of SoftHSM in a folder of the test's own and gives the
// flags that open it.
func softHSM(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens")
	require.NoError(t, os.Mkdir(tokens, 0o700))
	conf := filepath.Join(dir, "softhsm2.conf")
	require.NoError(t, os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	pin := filepath.Join(dir, "pin")
	require.NoError(t, os.WriteFile(pin, []byte("5678\n"), 0o600))

	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "rstuf", "--so-pin", "1234", "--pin", "5678").CombinedOutput()
	require.NoError(t, err, "SoftHSM is needed, Debian's package softhsm2: %s", out)
	return []string{"-module", library(t), "-token", "rstuf", "-pin-file", pin}
}

// library finds SoftHSM's library where distributions put it.
func library(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{
		"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
		"/usr/lib64/pkcs11/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
	} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("libsofthsm2.so is nowhere to be found")
	return ""
}

func runPKCS11(t *testing.T, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), args, &out))
	return out.Bytes()
}

func TestSignWithSoftHSM(t *testing.T) {
	token := softHSM(t)
	args := slices.Concat(token, []string{"-key", "root-1", "-name", "Alice's token"})
	var public keys.Public
	require.NoError(t, json.Unmarshal(runPKCS11(t, append(args, "-generate")...), &public))
	assert.Equal(t, "ecdsa-sha2-nistp256", public.Key().Scheme)
	assert.Equal(t, "Alice's token", public.Name())

	root := filepath.Join("..", "..", "metadata", "testdata", "metadata", "root-mixed-keys.json")
	signed, err := metadata.Parse(runPKCS11(t, append(args, root)...))
	require.NoError(t, err)
	before, err := os.ReadFile(root)
	require.NoError(t, err)
	original, err := metadata.Parse(before)
	require.NoError(t, err)
	assert.Equal(t, original.Canonical(), signed.Canonical())
	require.Len(t, signed.Signatures(), len(original.Signatures())+1)
	last := signed.Signatures()[len(original.Signatures())]
	assert.Equal(t, public.ID(), last.KeyID)
	sig, err := hex.DecodeString(last.Sig)
	require.NoError(t, err)
	assert.NoError(t, public.Verify(signed.Canonical(), sig))

	for says, bad := range map[string][]string{
		"exists already":    slices.Concat(args, []string{"-generate"}),
		"there are 0 such":  slices.Concat(token, []string{"-key", "other"}),
		"are needed":        {"-token", "rstuf"},
		`open token "nope"`: slices.Concat(args, []string{"-token", "nope"}),
	} {
		assert.ErrorContains(t, run(context.Background(), bad, &bytes.Buffer{}), says)
	}
}

// Every kind of key that crypto11 makes becomes a signer.
func TestKeyTypesInSoftHSM(t *testing.T) {
	args := softHSM(t)
	o, err := parseOptions(append(args, "-key", "any"))
	require.NoError(t, err)
	token, err := open(o)
	require.NoError(t, err)
	defer token.Close()
	pairs := map[string]func() (crypto11.Signer, error){
		"P-256":    func() (crypto11.Signer, error) { return token.GenerateECDSAKeyPair([]byte("p256"), elliptic.P256()) },
		"P-384":    func() (crypto11.Signer, error) { return token.GenerateECDSAKeyPair([]byte("p384"), elliptic.P384()) },
		"rsa 2048": func() (crypto11.Signer, error) { return token.GenerateRSAKeyPair([]byte("rsa"), 2048) },
	}
	for name, generate := range pairs {
		pair, err := generate()
		require.NoError(t, err, name)
		signer, err := keys.NewSigner(pair, name)
		require.NoError(t, err, name)
		message := []byte(rand.Text())
		sig, err := signer.Sign(context.Background(), message)
		require.NoError(t, err, name)
		assert.NoError(t, signer.Public().Verify(message, sig), name)
	}
}
