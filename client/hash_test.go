package client_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/client"
)

// Digests of "abc", from FIPS 180-4 and RFC 7693's b2sum.
var abc = map[string]string{
	"sha256":      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	"sha512":      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	"blake2b-256": "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
}

func TestHashFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, []byte("abc"), 0o600))
	a, err := client.HashFile(t.Context(), file, "dir/f", client.HashOptions{Prefix: "pre/fix/"})
	require.NoError(t, err)
	assert.Equal(t, "pre/fix/dir/f", a.Path)
	assert.EqualValues(t, 3, a.Info.Length)
	assert.Equal(t, map[string]string{"sha256": abc["sha256"]}, a.Info.Hashes)
	require.NoError(t, a.Validate())

	a, err = client.HashFile(t.Context(), file, "f", client.HashOptions{Algorithms: []string{"sha512", "blake2b-256", "sha256"}})
	require.NoError(t, err)
	assert.Equal(t, abc, a.Info.Hashes)
	require.NoError(t, a.Validate())
}

func TestHashFileRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := client.HashFile(t.Context(), file, "f", client.HashOptions{Algorithms: []string{"md5"}})
	assert.ErrorContains(t, err, "sha256, sha512, blake2b-256")
	_, err = client.HashFile(t.Context(), file, "bad\xff", client.HashOptions{})
	assert.Error(t, err)
	_, err = client.HashFile(t.Context(), filepath.Dir(file), "dir", client.HashOptions{})
	assert.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.HashFile(ctx, file, "f", client.HashOptions{})
	assert.ErrorIs(t, err, context.Canceled)
}

func manyFiles(t testing.TB, n, size int) string {
	dir := t.TempDir()
	data := make([]byte, size)
	rand.Read(data)
	for i := range n {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f-%05d", i)), data, 0o600))
	}
	return dir
}

func TestHashFolderKeepsTheOrder(t *testing.T) {
	dir := manyFiles(t, 300, 10)
	var names []string
	var files, bytes int64
	for a, err := range client.HashFolder(t.Context(), dir, client.HashOptions{Workers: 7, Progress: func(f, b int64) { files, bytes = f, b }}) {
		require.NoError(t, err)
		names = append(names, a.Path)
	}
	require.Len(t, names, 300)
	assert.IsIncreasing(t, names)
	assert.EqualValues(t, 300, files)
	assert.EqualValues(t, 3000, bytes)
}

func TestHashFolderOfOddFiles(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plain"), []byte("abc"), 0o600))
	require.NoError(t, os.Symlink("plain", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "broken")))
	require.NoError(t, os.Symlink(".", filepath.Join(dir, "loop")))
	good, bad := map[string]string{}, map[string]error{}
	for a, err := range client.HashFolder(t.Context(), dir, client.HashOptions{}) {
		if err != nil {
			bad[a.Path] = err
		} else {
			good[a.Path] = a.Info.Hashes["sha256"]
		}
	}
	assert.Equal(t, map[string]string{"plain": abc["sha256"], "link": abc["sha256"]}, good)
	assert.Equal(t, []string{"broken", "loop"}, sorted(bad))
}

func TestHashFolderEnds(t *testing.T) {
	dir := manyFiles(t, 200, 10)
	for range client.HashFolder(t.Context(), dir, client.HashOptions{}) {
		break // the goroutines behind it end, see TestMain
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	var last error
	for _, err := range client.HashFolder(ctx, dir, client.HashOptions{}) {
		if seen++; seen == 10 {
			cancel()
		}
		last = err
	}
	assert.ErrorIs(t, last, context.Canceled)
	assert.Less(t, seen, 200)

	for _, err := range client.HashFolder(t.Context(), dir, client.HashOptions{Algorithms: []string{"crc32"}}) {
		assert.True(t, strings.Contains(err.Error(), "crc32"))
	}
	cancel()
}

func BenchmarkHashFolder(b *testing.B) {
	dir := manyFiles(b, 64, 1<<20)
	b.SetBytes(64 << 20)
	for b.Loop() {
		for _, err := range client.HashFolder(b.Context(), dir, client.HashOptions{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
