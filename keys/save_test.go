package keys_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
)

func TestSaveWritesBothHalves(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "id_ed25519")
	key := generate(t, keys.Ed25519, "alice")
	require.NoError(t, key.Save(path, keys.SaveOptions{Password: []byte("pw")}))

	back, err := keys.Load(path, password("pw"))
	require.NoError(t, err)
	assert.True(t, back.Encrypted())
	assert.Equal(t, key.Public().ID(), back.Public().ID())
	public, err := keys.LoadPublic(path + ".pub")
	require.NoError(t, err)
	assert.Equal(t, key.Public().ID(), public.ID())
	_, err = keys.Load(path+".pub", nil)
	assert.ErrorIs(t, err, keys.ErrNotPrivate)

	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 2, "no temporary files stay behind")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
}

func TestSaveNeverReplacesUnlessTold(t *testing.T) {
	t.Parallel()
	for _, taken := range []string{"key", "key.pub"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "key")
		require.NoError(t, os.WriteFile(filepath.Join(dir, taken), []byte("precious"), 0o644))
		key := generate(t, keys.Ed25519, "")
		err := key.Save(path, keys.SaveOptions{Plain: true})
		assert.ErrorIs(t, err, fs.ErrExist)
		data, err := os.ReadFile(filepath.Join(dir, taken))
		require.NoError(t, err)
		assert.Equal(t, "precious", string(data))
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Len(t, entries, 1, "nothing is written")

		require.NoError(t, key.Save(path, keys.SaveOptions{Plain: true, Overwrite: true}))
		back, err := keys.Load(path, nil)
		require.NoError(t, err)
		assert.Equal(t, key.Public().ID(), back.Public().ID())
		if runtime.GOOS != "windows" {
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), "a replaced file's mode is not inherited")
		}
	}
}

func TestSaveWantsADecision(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	key := generate(t, keys.Ed25519, "")
	for _, opts := range []keys.SaveOptions{
		{}, {Password: []byte{}}, {Plain: true, Password: []byte("pw")},
	} {
		assert.Error(t, key.Save(path, opts))
		assert.NoFileExists(t, path)
	}
}

// Half of a save that fails is taken back.
func TestSaveIntoMissingFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := generate(t, keys.Ed25519, "")
	assert.ErrorIs(t, key.Save(filepath.Join(dir, "no", "key"), keys.SaveOptions{Plain: true}), fs.ErrNotExist)

	// The public half cannot be renamed over a folder.
	path := filepath.Join(dir, "key")
	require.NoError(t, os.Mkdir(path+".pub", 0o755))
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	assert.Error(t, key.Save(path, keys.SaveOptions{Plain: true, Overwrite: true}))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(data), "the old private key is not lost")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing else stays behind")
}
