package boltcheck_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"example.org/rstuf/service/internal/boltcheck"
)

// database is a file with branches, overflow pages and small buckets.
func database(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, PageSize: 4096})
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		for i, count := range []int{0, 1, 300} {
			b, err := tx.CreateBucket(fmt.Append(nil, i))
			if err != nil {
				return err
			}
			for k := range count {
				if err := b.Put(fmt.Appendf(nil, "%06d", k), bytes.Repeat([]byte("x"), 10+k%7*700)); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	require.NoError(t, db.Close())
	return path
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := database(t)
	require.NoError(t, boltcheck.File(path))
	require.NoError(t, boltcheck.File(path+"-missing"))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	other := filepath.Join(t.TempDir(), "other")
	check := func(data []byte) error {
		require.NoError(t, os.WriteFile(other, data, 0o600))
		return boltcheck.File(other)
	}
	assert.NoError(t, check(nil), "an empty file is a new database")
	assert.ErrorContains(t, boltcheck.File(filepath.Dir(other)), "it is not a file")
	assert.ErrorContains(t, check(whole[:50]), "none of its headers is right")
	assert.ErrorContains(t, check(whole[:len(whole)/2]), "it was cut off")
	assert.ErrorContains(t, check(make([]byte, 1<<16)), "none of its headers is right")
	// Pages that make no sense are an error, and none of them a panic.
	damaged := 0
	for at := 2 * 4096; at < len(whole); at += 4096 {
		data := bytes.Clone(whole)
		copy(data[at:], bytes.Repeat([]byte{0xff}, 64))
		if check(data) != nil {
			damaged++
		}
	}
	assert.Greater(t, damaged, 10)
}
