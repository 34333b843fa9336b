package repository_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/repository"
)

// recorded is a reader of what a real deployment has published, before any of it
// has expired.
func recorded(t *testing.T, name, cache string) *repository.Reader {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(testdir.Find(t, testdir.Recordings), name+".repository"))
	require.NoError(t, err)
	root, err := os.ReadFile(filepath.Join(dir, "1.root.json"))
	require.NoError(t, err)
	now := func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	r, err := repository.New(repository.Config{MetadataURL: folderURL(dir), Cache: cache, Now: now}, repository.TrustRoot(root))
	require.NoError(t, err)
	return r
}

// TestRecordedRepositories: what RSTUF's worker has written is read whole.
func TestRecordedRepositories(t *testing.T) {
	for name, want := range map[string]struct{ artifacts, roles, unsigned int }{
		"hash-bins":           {3, 8, 0},
		"custom-delegations":  {1, 6, 1},
		"distributed-signing": {0, 8, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorded(t, name, "")
			roles, unsigned, artifacts := 0, 0, 0
			for role, err := range r.Roles(t.Context()) {
				require.NoError(t, err)
				if errors.Is(role.Err, repository.ErrNotSigned) {
					unsigned++
					continue
				}
				require.NoError(t, role.Err)
				require.NoError(t, role.Delegation.Verify(role.Document).Err())
				roles++
			}
			for artifact, err := range r.Artifacts(t.Context()) {
				if errors.Is(err, repository.ErrNotSigned) {
					continue
				}
				require.NoError(t, err)
				found, err := r.Find(t.Context(), artifact.Path)
				require.NoError(t, err)
				assert.Equal(t, artifact, found)
				artifacts++
			}
			assert.Equal(t, []int{want.artifacts, want.roles, want.unsigned}, []int{artifacts, roles, unsigned}, "artifacts, roles, unsigned roles")
		})
	}
}

// TestRecordedRemoval: the worker takes a removed role out of snapshot. A client
// that holds the snapshot before refuses every later one, names the role, and
// begins anew when it is told to.
func TestRecordedRemoval(t *testing.T) {
	cache := t.TempDir()
	dir := filepath.Join(testdir.Find(t, testdir.Recordings), "custom-delegations.repository")
	seven, err := os.ReadFile(filepath.Join(dir, "7.snapshot.json"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(cache, "metadata"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cache, "metadata", "snapshot.json"), seven, 0o600))
	r := recorded(t, "custom-delegations", cache)
	err = r.Refresh(t.Context())
	require.ErrorIs(t, err, repository.ErrRoleRemoved)
	require.ErrorContains(t, err, `10.snapshot.json: the snapshot no longer lists a role: "extra"`)
	require.ErrorIs(t, recorded(t, "custom-delegations", cache).Refresh(t.Context()), repository.ErrRoleRemoved, "the cache remembers")
	require.NoError(t, r.ForgetVersionsUnsafe(t.Context()))
	require.NoError(t, r.Refresh(t.Context()))
}
