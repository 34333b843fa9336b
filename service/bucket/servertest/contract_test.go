package servertest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
)

// contract checks what every [service.Storage] must do. open gives the storage
// anew, on what the earlier ones of the same test have left.
func contract(t *testing.T, open func() service.Storage) {
	ctx := t.Context()
	s := open()
	list := func() []string {
		names, err := open().List(ctx)
		require.NoError(t, err)
		slices.Sort(names)
		return names
	}
	read := func(name string) string {
		data, err := open().Read(ctx, name)
		require.NoError(t, err, name)
		return string(data)
	}

	assert.Empty(t, list(), "it begins empty")
	_, err := s.Read(ctx, "timestamp.json")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, s.Remove(ctx, "1.nothing.json"), "removing what is not there is no error")
	require.NoError(t, s.Sync(ctx), "nothing to sync is no error")

	require.NoError(t, s.Write(ctx, "1.a b~ü+%2F.json", []byte("odd")))
	require.NoError(t, s.Write(ctx, "1.empty.json", nil))
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	require.NoError(t, s.Write(ctx, "1.large.json", large))
	require.NoError(t, s.Write(ctx, "1.twice.json", []byte("of an attempt that failed")))
	require.NoError(t, s.Write(ctx, "1.twice.json", []byte("right")))
	require.NoError(t, s.Write(ctx, "1.twice.json", []byte("right")))
	require.NoError(t, s.Sync(ctx))
	assert.Equal(t, "odd", read("1.a b~ü+%2F.json"))
	assert.Empty(t, read("1.empty.json"))
	assert.True(t, string(large) == read("1.large.json"))
	assert.Equal(t, "right", read("1.twice.json"))

	for _, content := range []string{"one", "two", "two", "one"} {
		require.NoError(t, s.Replace(ctx, "timestamp.json", []byte(content)))
		assert.Equal(t, content, read("timestamp.json"))
	}
	assert.Equal(t, []string{"1.a b~ü+%2F.json", "1.empty.json", "1.large.json", "1.twice.json", "timestamp.json"}, list())
	for _, name := range list() {
		require.NoError(t, s.Remove(ctx, name))
		require.NoError(t, s.Remove(ctx, name))
		_, err := s.Read(ctx, name)
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
	assert.Empty(t, list())
	concurrent(t, s)
}

// concurrent checks that readers see whole files while others write.
func concurrent(t *testing.T, s service.Storage) {
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, s.Replace(ctx, "timestamp.json", []byte(strings.Repeat("0", 100))))
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				data, err := s.Read(t.Context(), "timestamp.json")
				if !assert.NoError(t, err) || !assert.Equal(t, strings.Repeat(string(data[:1]), len(data)), string(data)) {
					return
				}
			}
		})
	}
	for w := range 8 {
		writers.Go(func() {
			for i := range 10 {
				assert.NoError(t, s.Write(ctx, fmt.Sprintf("%d.role%d.json", i+1, w), []byte{byte(w), byte(i)}))
			}
		})
	}
	for i := range 10 {
		assert.NoError(t, s.Replace(ctx, "timestamp.json", bytes.Repeat([]byte{byte('a' + i)}, 100+i)))
	}
	writers.Wait()
	cancel()
	readers.Wait()
	require.NoError(t, s.Sync(t.Context()))
	names, err := s.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, names, 81)
	for w := range 8 {
		data, err := s.Read(t.Context(), fmt.Sprintf("7.role%d.json", w))
		assert.NoError(t, err)
		assert.Equal(t, []byte{byte(w), 6}, data)
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		contract(t, func() service.Storage {
			folder, err := service.NewFolder(dir)
			require.NoError(t, err)
			return folder
		})
	})
	for name, prefix := range map[string]string{"bucket": "", "bucket with a prefix": "/tuf/metadata/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			contract(t, func() service.Storage { return s.storage(bucket.Config{Prefix: prefix}) })
		})
	}
}
