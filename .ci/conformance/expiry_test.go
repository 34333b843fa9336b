package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/repository"
)

func days(n int) time.Time { return time.Now().AddDate(0, 0, n).UTC().Truncate(time.Second) }

// TestExpiredWhenFetched keeps a root that is over (section 5.3.8), and no other
// role (sections 5.4.4, 5.5.6 and 5.6.5).
func TestExpiredWhenFetched(t *testing.T) {
	for role, trusted := range map[string][]string{
		root:      {"root 2", "snapshot 1", "targets 1", "timestamp 1"},
		timestamp: {"root 2", "snapshot 1", "targets 1", "timestamp 1"},
		snapshot:  {"root 2", "snapshot 1", "targets 1", "timestamp 2"},
		targets:   {"root 2", "snapshot 2", "targets 1", "timestamp 2"},
	} {
		t.Run(role, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			require.NoError(t, c.refresh())
			switch role {
			case root:
				s.root.Expires = days(-1)
			case timestamp:
				s.timestamp.Expires = days(-1)
			case snapshot:
				s.snapshot.Expires = days(-1)
			case targets:
				s.targets[targets].Expires = days(-1)
			}
			s.publish(root, targets, snapshot, timestamp)
			require.ErrorIs(t, c.refresh(), repository.ErrExpired)
			assert.Equal(t, trusted, c.versions())
		})
	}
}

// TestRootsOnTheWayMayBeOver looks at the date of the last root alone.
func TestRootsOnTheWayMayBeOver(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	good := s.root.Expires
	s.root.Expires = days(-1)
	s.publish(root)
	s.root.Expires = good
	s.publish(root)
	require.NoError(t, c.refresh())
	assert.Contains(t, c.versions(), "root 3")
}

// TestLocalMetadataThatIsOver is no hindrance to newer metadata, and bounds it.
func TestLocalMetadataThatIsOver(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.timestamp.Expires = days(7)
	s.publish(timestamp)
	require.NoError(t, c.refresh())
	later := days(18)
	require.ErrorIs(t, c.refresh(later), repository.ErrExpired)
	s.timestamp.Expires = days(21)
	s.publish(targets, snapshot, timestamp)
	require.NoError(t, c.refresh(later))
	assert.Equal(t, []string{"root 1", "snapshot 2", "targets 2", "timestamp 3"}, c.versions())

	s = newSimulator(t)
	c = s.initialized()
	s.timestamp.Expires = days(7)
	s.publish(snapshot, timestamp, timestamp, timestamp)
	require.NoError(t, c.refresh())
	s.timestamp.Expires = days(21)
	s.publishAs(timestamp, 3)
	require.ErrorIs(t, c.refresh(later), repository.ErrRollback)
	assert.Contains(t, c.versions(), "timestamp 4")
	s.publishAs(snapshot, 1)
	s.publishAs(timestamp, 5)
	require.ErrorIs(t, c.refresh(later), repository.ErrRollback)
}

func TestLocalSnapshotThatIsOver(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.snapshot.Expires = days(7)
	s.publish(targets, snapshot, timestamp)
	require.NoError(t, c.refresh())
	later := days(18)
	s.snapshot.Expires = days(21)
	s.publishAs(targets, 1)
	s.publish(snapshot, timestamp)
	require.ErrorIs(t, c.refresh(later), repository.ErrRollback)
	s.publishAs(targets, 3)
	s.publish(snapshot, timestamp)
	require.NoError(t, c.refresh(later))
	assert.Contains(t, c.versions(), "targets 3")
}

func TestExpiredRole(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.delegate(targets, anyPath("dev"))
	s.targets["dev"].Expires = days(-1)
	s.addArtifact("dev", "a", []byte("a"))
	s.publish("dev", targets, snapshot, timestamp)
	require.NoError(t, c.refresh())
	require.ErrorIs(t, c.download("a"), repository.ErrExpired)
	assert.Empty(t, c.artifacts())
	assert.Equal(t, []string{"root 1", "snapshot 2", "targets 2", "timestamp 2"}, c.versions())
}

func TestLocalRoleThatIsOver(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.delegate(targets, anyPath("dev"))
	s.targets["dev"].Expires = days(7)
	s.addArtifact("dev", "a", []byte("first"))
	s.addArtifact("dev", "b", []byte("second"))
	s.publish("dev", targets, snapshot, timestamp)
	require.NoError(t, c.download("a"))
	later := days(18)
	require.ErrorIs(t, c.download("b", later), repository.ErrExpired)
	assert.Equal(t, []string{"first"}, c.artifacts())
	s.targets["dev"].Expires = days(21)
	s.publish("dev", snapshot, timestamp)
	require.NoError(t, c.download("b", later))
	assert.ElementsMatch(t, []string{"first", "second"}, c.artifacts())
}
