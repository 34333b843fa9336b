package keys_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
)

func TestOpenURIFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := context.Background()
	plain, secret := generate(t, keys.Ed25519, ""), generate(t, keys.ECDSAP256, "")
	require.NoError(t, plain.Save(filepath.Join(dir, "plain"), keys.SaveOptions{Plain: true}))
	require.NoError(t, secret.Save(filepath.Join(dir, "secret"), keys.SaveOptions{Password: []byte("pw")}))
	var asked []string
	cfg := keys.URIConfig{Dir: dir, Name: "online", Password: func(file string) ([]byte, error) {
		asked = append(asked, file)
		return []byte("pw"), nil
	}}
	for uri, want := range map[string]*keys.Private{
		"fn:plain": plain, "fn:./plain": plain, "file2:plain": plain,
		"file2:" + filepath.Join(dir, "plain"): plain, "fn:secret": secret,
	} {
		signer, err := keys.OpenURI(ctx, uri, cfg)
		require.NoError(t, err, uri)
		assert.Equal(t, want.Public().ID(), signer.Public().ID())
		assert.Equal(t, "online", signer.Public().Name())
		sig, err := signer.Sign(ctx, []byte("m"))
		require.NoError(t, err)
		assert.NoError(t, want.Public().Verify([]byte("m"), sig))
	}
	assert.Equal(t, []string{"secret"}, asked)

	_, err := keys.OpenURI(ctx, "fn:secret", keys.URIConfig{Dir: dir})
	assert.ErrorIs(t, err, keys.ErrPasswordNeeded)
	_, err = keys.OpenURI(ctx, "fn:plain.pub", cfg)
	assert.ErrorIs(t, err, keys.ErrNotPrivate)
	_, err = keys.OpenURI(ctx, "fn:missing", cfg)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "put the private key there")
}

// Where no file has the key's id for its name, the file that holds the key is
// found: a plain one by itself, an encrypted one by the public key beside it.
func TestOpenURIFindsKeyByItsID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := context.Background()
	plain, secret, hidden := generate(t, keys.Ed25519, ""), generate(t, keys.ECDSAP256, ""), generate(t, keys.Ed25519, "")
	require.NoError(t, plain.Save(filepath.Join(dir, "online"), keys.SaveOptions{Plain: true}))
	for name, key := range map[string]*keys.Private{"secret": secret, "hidden": hidden} {
		require.NoError(t, key.Save(filepath.Join(dir, name), keys.SaveOptions{Password: []byte("pw")}))
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "hidden.pub")))
	require.NoError(t, os.Remove(filepath.Join(dir, "online.pub")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("no key"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	require.NoError(t, os.Symlink("online", filepath.Join(dir, "a-link")))
	cfg := keys.URIConfig{Dir: dir, Password: func(string) ([]byte, error) { return []byte("pw"), nil }}
	for _, want := range []*keys.Private{plain, secret} {
		signer, err := keys.OpenURI(ctx, "fn:"+want.Public().ID(), cfg)
		require.NoError(t, err)
		assert.True(t, want.Public().Same(signer.Public()))
	}
	_, err := keys.OpenURI(ctx, "fn:"+hidden.Public().ID(), cfg)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "FILE.pub")
}

// An fn: URI comes from metadata; it does not reach out of the key directory.
func TestOpenURIStaysInItsFolder(t *testing.T) {
	t.Parallel()
	outer := t.TempDir()
	dir := filepath.Join(outer, "keys")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, generate(t, keys.Ed25519, "").Save(filepath.Join(outer, "other"), keys.SaveOptions{Plain: true}))
	require.NoError(t, os.Symlink(filepath.Join(outer, "other"), filepath.Join(dir, "link")))
	for _, uri := range []string{"fn:../other", "fn:" + filepath.Join(outer, "other"), "fn:link", "fn:", "fn:.", "fn:a/../../other"} {
		_, err := keys.OpenURI(context.Background(), uri, keys.URIConfig{Dir: dir})
		assert.Error(t, err, uri)
	}
}

// registered counts the schemes that tests have registered.
var registered atomic.Int32

func TestOpenURISchemes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for uri, says := range map[string]string{
		"":                "scheme:rest",
		"plain":           "scheme:rest",
		":x":              "scheme:rest",
		"spam:x":          "use one of file2, fn",
		"awskms:abc":      "keys/kms/aws",
		"gcpkms:abc":      "keys/kms/gcp",
		"azurekms://v/k":  "keys/kms/azure",
		"hv:name/1":       "keys/vault",
		"hsm:2?label=tuf": "signers/pkcs11",
	} {
		_, err := keys.OpenURI(ctx, uri, keys.URIConfig{})
		assert.ErrorContains(t, err, says, uri)
	}
	_, err := keys.OpenURI(ctx, "spam:x", keys.URIConfig{})
	assert.ErrorIs(t, err, keys.ErrUnsupported)

	// What is registered stays so, also when the test runs again.
	scheme := fmt.Sprintf("test-%d", registered.Add(1))
	key := generate(t, keys.Ed25519, "")
	opener := func(_ context.Context, uri string, _ keys.URIConfig) (keys.Signer, error) {
		assert.Equal(t, scheme+":rest", uri)
		return key, nil
	}
	signer, err := keys.OpenURI(ctx, scheme+":rest", keys.URIConfig{Openers: map[string]keys.URIOpener{scheme: opener}})
	require.NoError(t, err)
	assert.Equal(t, key.Public().ID(), signer.Public().ID())

	keys.RegisterURI(scheme, opener)
	_, err = keys.OpenURI(ctx, scheme+":rest", keys.URIConfig{})
	assert.NoError(t, err)
	assert.Panics(t, func() { keys.RegisterURI(scheme, opener) })
	assert.Panics(t, func() { keys.RegisterURI("fn", opener) })
	assert.Panics(t, func() { keys.RegisterURI("new", nil) })
}
