package cmd

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// mapStore is a service.Store in memory that another service can take.
type mapStore struct {
	mu     sync.Mutex
	tables map[service.Table]map[string][]byte
	taken  atomic.Bool
}

func (s *mapStore) Err() error {
	if s.taken.Load() {
		return service.ErrLost
	}
	return nil
}

func (s *mapStore) Read(ctx context.Context, table service.Table, f func(string, []byte) error) error {
	s.mu.Lock()
	names := []string{}
	for key := range s.tables[table] {
		names = append(names, key)
	}
	s.mu.Unlock()
	slices.Sort(names)
	return s.Get(ctx, table, names, f)
}

func (s *mapStore) Get(_ context.Context, table service.Table, keys []string, f func(string, []byte) error) error {
	for _, key := range keys {
		s.mu.Lock()
		value := s.tables[table][key]
		s.mu.Unlock()
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *mapStore) Commit(_ context.Context, changes []service.Change) error {
	if err := s.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if s.tables[c.Table] == nil {
			s.tables[c.Table] = map[string][]byte{}
		}
		if delete(s.tables[c.Table], c.Key); c.Value != nil {
			s.tables[c.Table][c.Key] = slices.Clone(c.Value)
		}
	}
	return nil
}

func (s *mapStore) Close() error { return nil }

// TestServeEndsWithoutItsDatabase: what another service has taken over is left to
// it, and the supervisor is told by the exit code.
func TestServeEndsWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	address := filepath.Join(dir, "address")
	require.NoError(t, os.WriteFile(address, []byte("postgres://example.com\n"), 0o600))
	store := &mapStore{tables: map[service.Table]map[string][]byte{}}
	parts := Parts{Database: func(context.Context, string, string, time.Duration) (func(context.Context) (service.Store, error), error) {
		return func(context.Context) (service.Store, error) { return store, nil }, nil
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, out := io.Pipe()
	var problems strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, parts, []string{"serve", "--dir", filepath.Join(dir, "data"), "--database", address, "--json",
			"--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0", "--config", filepath.Join(dir, "none.yml")}, strings.NewReader(""), out, &problems)
		out.Close()
	}()
	first := make([]byte, 1)
	_, err := said.Read(first)
	require.NoError(t, err, "it serves")
	go io.Copy(io.Discard, said)
	store.taken.Store(true)
	assert.Equal(t, exitFailed, <-ended)
	assert.NoError(t, ctx.Err())
	assert.Contains(t, problems.String(), "the store takes no changes of this service any more")
}
