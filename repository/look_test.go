package repository_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

func namesOf(roles []repository.Role) (names []string) {
	for _, role := range roles {
		names = append(names, role.Name)
	}
	return names
}

// TestSeen: what was verified before a refresh failed can be looked at.
func TestSeen(t *testing.T) {
	m := makeRepository(t)
	delete(m.files, "1.targets.json")
	r := m.reader(nil)
	seen, err := r.Seen(t.Context())
	require.NoError(t, err)
	assert.Empty(t, seen, "nothing before the first refresh")
	require.ErrorIs(t, r.Refresh(t.Context()), repository.ErrUnpublished)
	seen, err = r.Seen(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"root", "timestamp", "snapshot"}, namesOf(seen))
	for _, role := range seen {
		require.NoError(t, role.Err)
		require.NoError(t, role.Delegation.Verify(role.Document).Err())
	}
	assert.Equal(t, m.url, r.URL())
	assert.Empty(t, (&repository.Reader{}).URL())
	_, err = (&repository.Reader{}).Seen(t.Context())
	require.Error(t, err)
}

// TestSnapshotsBefore: those that the newest root verifies, no more than most, and
// as far as the server has them.
func TestSnapshotsBefore(t *testing.T) {
	m := makeRepository(t)
	for range 5 {
		m.publish()
	}
	versions := func(most int) (list []int64, failed error) {
		for doc, err := range m.reader(nil).SnapshotsBefore(t.Context(), most) {
			if failed = err; err == nil {
				list = append(list, doc.Version())
			}
		}
		return list, failed
	}
	list, err := versions(3)
	require.NoError(t, err)
	assert.Equal(t, []int64{5, 4, 3}, list)
	m.put("4.snapshot.json", m.signed(&metadata.Snapshot{Version: 4, Expires: m.now, Meta: m.snapshot.Meta}, m.alice))
	delete(m.files, "1.snapshot.json")
	list, err = versions(100)
	require.NoError(t, err)
	assert.Equal(t, []int64{5, 3, 2}, list, "without the one that somebody else has signed")
	m.put("5.snapshot.json", []byte("{}"))
	list, err = versions(100)
	require.ErrorContains(t, err, "5.snapshot.json")
	assert.Empty(t, list)
	for range m.reader(nil).SnapshotsBefore(t.Context(), 100) {
		break
	}

	m.nextRoot(func(r *metadata.Root) { r.ConsistentSnapshot = false }, []*keys.Private{}...)
	m.publish()
	list, err = versions(100)
	require.NoError(t, err)
	assert.Empty(t, list)
}
