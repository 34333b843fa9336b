package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// names are the files of a folder.
func names(t *testing.T, folder string) (list []string) {
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func content(t *testing.T, path string) string {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func TestPrimitives(t *testing.T) {
	t.Parallel()
	for _, unsafe := range []bool{false, true} {
		d, dir := &Disk{Unsafe: unsafe}, t.TempDir()
		path := filepath.Join(dir, "file")
		require.NoError(t, d.Create(path, []byte("one"), 0o600))
		assert.ErrorIs(t, d.Create(path, []byte("two"), 0o600), fs.ErrExist)
		assert.Equal(t, "one", content(t, path))
		require.NoError(t, d.Replace(path, []byte("three"), 0o644))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o644), info.Mode().Perm())
		require.NoError(t, d.Move(path, path+"2"))
		require.NoError(t, d.Write(path, []byte("four"), 0o644))
		assert.ErrorIs(t, d.Write(path, []byte("five"), 0o644), fs.ErrExist)
		assert.Equal(t, "four", content(t, path))
		require.NoError(t, d.Move(path+"2", path))
		assert.Equal(t, "three", content(t, path), "whatever has the name is replaced")
		assert.Error(t, d.Replace(dir, nil, 0o644), "a folder is not replaced")
		assert.ErrorIs(t, d.Replace(filepath.Join(dir, "x", "y"), nil, 0o644), fs.ErrNotExist)
		assert.Equal(t, []string{"file"}, names(t, dir))
		require.NoError(t, d.Remove(path))
		require.NoError(t, d.Remove(path))
	}
}

// Sync reports what it cannot sync, be it few files or many.
func TestSync(t *testing.T) {
	t.Parallel()
	d, dir := &Disk{}, t.TempDir()
	var list []string
	for i := range syncOneByOne + 1 {
		list = append(list, fmt.Sprint(i))
		require.NoError(t, d.Write(filepath.Join(dir, list[i]), []byte("x"), 0o644))
	}
	require.NoError(t, d.Sync(dir, nil))
	require.NoError(t, d.Sync(dir, list[:3]))
	require.NoError(t, d.Sync(dir, list))
	assert.ErrorIs(t, d.Sync(dir, []string{"0", "missing"}), fs.ErrNotExist)
	gone := filepath.Join(dir, "gone")
	assert.ErrorIs(t, syncFolder(gone), fs.ErrNotExist)
	assert.ErrorIs(t, d.Sync(gone, list), fs.ErrNotExist)
}

// Each step can end the process, before and after: the old file or the new one
// is there, whole, and what is left is known to be temporary.
func TestStepsEndTheProcess(t *testing.T) {
	t.Parallel()
	crash := errors.New("the process has ended here")
	for at, want := range map[string]string{
		"before write temporary": "old", "after write temporary": "old", "before rename": "old", "after rename": "new",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
		d := &Disk{Step: func(name string) error {
			if name == at {
				return crash
			}
			return nil
		}}
		assert.ErrorIs(t, d.Replace(path, []byte("new"), 0o644), crash)
		assert.Equal(t, want, content(t, path), at)
		left := 0
		for _, name := range names(t, dir) {
			if IsTemporary(name) {
				left++
			} else {
				assert.Equal(t, "file", name)
			}
		}
		assert.Equal(t, at == "after write temporary" || at == "before rename", left == 1, at)
	}
	var steps []string
	d, dir := &Disk{Step: func(name string) error { steps = append(steps, name); return nil }}, t.TempDir()
	require.NoError(t, d.Write(filepath.Join(dir, "a"), nil, 0o644))
	require.NoError(t, d.Sync(dir, []string{"a"}))
	require.NoError(t, d.Do("commit", func() error { return nil }))
	require.NoError(t, d.Move(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	require.NoError(t, d.Remove(filepath.Join(dir, "b")))
	assert.Equal(t, []string{"before write", "after write", "before sync", "after sync", "before commit", "after commit",
		"before rename", "after rename", "before remove", "after remove"}, steps)
}

// TestWithoutLinks is a file system that has no hard links.
func TestWithoutLinks(t *testing.T) {
	t.Parallel()
	noLinks := func(string, string) error { return errors.New("operation not permitted") }
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	require.NoError(t, os.WriteFile(from, []byte("new"), 0o644))
	require.NoError(t, placeNew(from, to, noLinks))
	assert.Equal(t, "new", content(t, to))
	require.NoError(t, os.WriteFile(from, []byte("other"), 0o644))
	assert.ErrorIs(t, placeNew(from, to, noLinks), fs.ErrExist)
	assert.Equal(t, "new", content(t, to))
}
