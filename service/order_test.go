package service

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/keys"
)

// steps are what happens durably, in its order.
type steps struct {
	*Folder
	mu   sync.Mutex
	list []string
}

func (s *steps) add(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 || s.list[len(s.list)-1] != step {
		s.list = append(s.list, step)
	}
}

func (s *steps) Create(ctx context.Context, name string, data []byte) error {
	s.add("create")
	return s.Folder.Create(ctx, name, data)
}

func (s *steps) Sync(ctx context.Context) error {
	s.add("sync")
	return s.Folder.Sync(ctx)
}

func (s *steps) Replace(ctx context.Context, name string, old, data []byte) error {
	s.add("replace " + name)
	return s.Folder.Replace(ctx, name, old, data)
}

// First the versioned files, then the commit that decides, then timestamp.json, and
// a new root at the end, which clients look for first: whoever sees it finds all
// that goes with it.
func TestOrderOfAPublication(t *testing.T) {
	t.Parallel()
	private := crashKeys(t, "alice", "bob", "online", "online2")
	draft, next := crashRoots(t, private)
	dir := t.TempDir()
	folder, err := newFolder(filepath.Join(dir, "metadata"), &durable.Disk{Unsafe: true})
	require.NoError(t, err)
	files := &steps{Folder: folder}
	d := &durable.Disk{Unsafe: true, Step: func(name string) error {
		if name == "after commit" {
			files.add("commit")
		}
		return nil
	}}
	r := &crashRun{T: t, crash: newCrasher(-1)}
	r.s, err = open(t.Context(), Config{Dir: dir, Storage: files, OnlineKeys: []keys.Signer{private[2], private[3]}, Now: time.Now}, d)
	require.NoError(t, err)
	for _, want := range []struct {
		path, root string
		body       any
	}{
		{"/bootstrap/", "1.root.json", draft.Payload()},
		{"/metadata/", "2.root.json", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": next}}},
	} {
		files.mu.Lock()
		files.list = nil
		files.mu.Unlock()
		require.True(t, r.send("POST", want.path, want.body, nil))
		files.mu.Lock()
		begin := slices.Index(files.list, "create")
		require.GreaterOrEqual(t, begin, 0)
		assert.Equal(t, []string{"create", "sync", "commit", "replace timestamp.json", "replace " + want.root}, files.list[begin:])
		files.mu.Unlock()
	}
	require.NoError(t, r.s.Close(t.Context()))
}
