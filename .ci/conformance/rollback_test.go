package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/repository"
)

func eachWithAndWithoutHashes(t *testing.T, test func(t *testing.T, s *simulator)) {
	for name, sums := range map[string]bool{"versions alone": false, "with hashes": true} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			s.sums = sums
			test(t, s)
		})
	}
}

func TestTimestampRollback(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.publish(timestamp)
	require.NoError(t, c.refresh())
	s.publishAs(timestamp, 1)
	s.requests()
	require.ErrorIs(t, c.refresh(), repository.ErrRollback)
	assert.Equal(t, []string{"2.root.json", "timestamp.json"}, s.requests())
	assert.Contains(t, c.versions(), "timestamp 2")
}

// TestSnapshotRollback has a newer timestamp name an older snapshot.
func TestSnapshotRollback(t *testing.T) {
	eachWithAndWithoutHashes(t, func(t *testing.T, s *simulator) {
		c := s.initialized()
		s.publish(snapshot, timestamp)
		require.NoError(t, c.refresh())
		s.publishAs(snapshot, 1)
		s.publish(timestamp)
		s.requests()
		require.ErrorIs(t, c.refresh(), repository.ErrRollback)
		assert.Equal(t, []string{"2.root.json", "timestamp.json"}, s.requests())
		assert.Equal(t, []string{"root 1", "snapshot 2", "targets 1", "timestamp 2"}, c.versions())
	})
}

// TestSnapshotFileRollback has the server go back with a file that nothing
// asks for.
func TestSnapshotFileRollback(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.publish(snapshot, timestamp)
	require.NoError(t, c.refresh())
	s.publishAs(snapshot, 1)
	require.NoError(t, c.refresh())
	assert.Contains(t, c.versions(), "snapshot 2")
}

// TestTargetsRollback has a newer snapshot name older targets.
func TestTargetsRollback(t *testing.T) {
	eachWithAndWithoutHashes(t, func(t *testing.T, s *simulator) {
		c := s.initialized()
		s.publish(targets, snapshot, timestamp)
		require.NoError(t, c.refresh())
		s.publishAs(targets, 1)
		s.publish(snapshot, timestamp)
		require.ErrorIs(t, c.refresh(), repository.ErrRollback)
		assert.Equal(t, []string{"root 1", "snapshot 2", "targets 2", "timestamp 3"}, c.versions())
	})
}

func TestRoleRemoved(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.delegate(targets, anyPath("extra"))
	s.publish("extra", targets, snapshot, timestamp)
	require.NoError(t, c.refresh())
	delete(s.snapshot.Meta, "extra.json")
	s.publish(snapshot, timestamp)
	err := c.refresh()
	require.ErrorIs(t, err, repository.ErrRoleRemoved)
	require.ErrorContains(t, err, `"extra"`)
	assert.Contains(t, c.versions(), "snapshot 2")
}

func TestRootRollback(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.publish(root)
	require.NoError(t, c.refresh())
	s.publishAs(root, 2)
	s.serve(root, 3, s.files["2.root.json"])
	require.Error(t, c.refresh())
	assert.Contains(t, c.versions(), "root 2")
}

// TestFastForward goes back to low versions after new keys (section 5.3.11).
func TestFastForward(t *testing.T) {
	const far = 99999
	t.Run("timestamp", func(t *testing.T) {
		s := newSimulator(t)
		c := s.initialized()
		s.publishAs(timestamp, far)
		require.NoError(t, c.refresh())
		assert.Contains(t, c.versions(), "timestamp 99999")
		s.rotate(timestamp)
		s.publish(root)
		s.publishAs(timestamp, 1)
		require.NoError(t, c.refresh())
		assert.Contains(t, c.versions(), "timestamp 1")
	})
	t.Run("snapshot", func(t *testing.T) {
		s := newSimulator(t)
		c := s.initialized()
		s.publishAs(snapshot, far)
		s.publish(timestamp)
		require.NoError(t, c.refresh())
		assert.Contains(t, c.versions(), "snapshot 99999")
		s.rotate(snapshot)
		s.rotate(timestamp)
		s.publish(root)
		s.publishAs(snapshot, 1)
		s.publish(timestamp)
		require.NoError(t, c.refresh())
		assert.Contains(t, c.versions(), "snapshot 1")
	})
	t.Run("targets", func(t *testing.T) {
		s := newSimulator(t)
		c := s.initialized()
		s.publishAs(targets, far)
		s.publish(snapshot, timestamp)
		require.NoError(t, c.refresh())
		assert.Contains(t, c.versions(), "targets 99999")
		s.rotate(snapshot)
		s.publish(root)
		s.publishAs(targets, 1)
		s.publish(snapshot, timestamp)
		require.NoError(t, c.refresh())
		assert.Contains(t, c.versions(), "targets 1")
	})
	t.Run("not without new keys", func(t *testing.T) {
		s := newSimulator(t)
		c := s.initialized()
		s.publishAs(timestamp, far)
		require.NoError(t, c.refresh())
		s.publish(root)
		s.publishAs(timestamp, 2)
		require.ErrorIs(t, c.refresh(), repository.ErrRollback)
		assert.Contains(t, c.versions(), "timestamp 99999")
	})
}
