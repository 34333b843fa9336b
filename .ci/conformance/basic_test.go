package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// firstRefresh is what a client asks for that knows the first root alone.
var firstRefresh = []string{"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"}

var allFirst = []string{"root 1", "snapshot 1", "targets 1", "timestamp 1"}

func TestRefresh(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	assert.Equal(t, []string{"root 1"}, c.versions())
	require.NoError(t, c.refresh())
	assert.Equal(t, firstRefresh, s.requests())
	assert.Equal(t, allFirst, c.versions())

	require.NoError(t, c.refresh())
	assert.Equal(t, []string{"2.root.json", "timestamp.json"}, s.requests(), "nothing is fetched twice")
}

func TestDownloadRefreshes(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	require.ErrorIs(t, c.download("nonexistent artifact"), repository.ErrNotFound)
	assert.Equal(t, firstRefresh, s.requests())
	assert.Equal(t, allFirst, c.versions())
}

func TestPlainMetadataNames(t *testing.T) {
	s := newSimulator(t)
	s.root.ConsistentSnapshot = false
	s.publish(root, targets, snapshot, timestamp)
	s.addArtifact(targets, "dir/a", []byte("a"))
	s.publish(targets, snapshot, timestamp)
	c := s.initialized()
	require.NoError(t, c.download("dir/a"))
	assert.Equal(t, []string{"2.root.json", "3.root.json", "timestamp.json", "snapshot.json", "targets.json"}, s.requests())
	assert.Equal(t, []string{"dir/a"}, s.downloads(), "then artifacts have no hash in their names")
}

func TestFirstRootThatIsNone(t *testing.T) {
	for name, change := range map[string]func(file map[string]any){
		"without a version":      func(file map[string]any) { delete(file["signed"].(map[string]any), "version") },
		"with a wrong signature": func(file map[string]any) { setSignature(file, 0, sum(nil)+sum(nil)) },
		"without signatures":     func(file map[string]any) { file["signatures"] = []any{} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			s.edit(root, 1, change)
			s.published[root][0] = s.files["1.root.json"]
			c := s.initialized()
			require.Error(t, c.refresh())
			assert.Empty(t, s.requests())
		})
	}
}

// TestUnsigned has one role lack its signature: what comes before is kept.
func TestUnsigned(t *testing.T) {
	for role, trusted := range map[string][]string{
		root: {"root 1"}, timestamp: {"root 1"}, snapshot: {"root 1", "timestamp 1"}, targets: {"root 1", "snapshot 1", "timestamp 1"},
	} {
		t.Run(role, func(t *testing.T) {
			s := newSimulator(t)
			s.signers[role] = nil
			if role == root {
				s.publish(root)
			} else {
				s.publishAs(targets, 1)
				s.publishAs(snapshot, 1)
				s.publishAs(timestamp, 1)
			}
			c := s.initialized()
			require.ErrorIs(t, c.refresh(), repository.ErrThreshold)
			assert.Equal(t, trusted, c.versions())
		})
	}
}

// TestMissing has the server lack one file: what comes before is kept.
func TestMissing(t *testing.T) {
	for role, trusted := range map[string][]string{
		timestamp: {"root 1", "snapshot 1", "targets 1", "timestamp 1"},
		snapshot:  {"root 1", "snapshot 1", "targets 1", "timestamp 2"},
		targets:   {"root 1", "snapshot 2", "targets 1", "timestamp 2"},
	} {
		t.Run(role, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			require.NoError(t, c.refresh())
			s.publish(targets, snapshot, timestamp)
			s.withdraw(role, 2)
			s.requests()
			require.ErrorIs(t, c.refresh(), repository.ErrUnpublished)
			asked := s.requests()
			assert.Equal(t, s.filename(role, 2), asked[len(asked)-1])
			assert.Equal(t, trusted, c.versions())
		})
	}
}

func TestTimestampOfTheSameVersion(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	require.NoError(t, c.refresh())
	before := c.read("timestamp.json")
	s.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: 100}
	s.publishAs(timestamp, 1)
	s.requests()
	require.NoError(t, c.refresh())
	assert.Equal(t, []string{"2.root.json", "timestamp.json"}, s.requests())
	assert.Equal(t, before, c.read("timestamp.json"))
}

// TestVersionsThatNothingNames publishes files before what names them.
func TestVersionsThatNothingNames(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	require.NoError(t, c.refresh())
	s.publish(targets)
	s.requests()
	require.NoError(t, c.refresh())
	assert.Equal(t, []string{"2.root.json", "timestamp.json"}, s.requests())
	assert.Equal(t, allFirst, c.versions())
}

func TestWrongVersionInAFile(t *testing.T) {
	for role, trusted := range map[string][]string{
		root: {"root 1"}, snapshot: {"root 1", "timestamp 1"}, targets: {"root 1", "snapshot 1", "timestamp 1"},
	} {
		t.Run(role, func(t *testing.T) {
			s := newSimulator(t)
			if role == root {
				s.publishAs(root, 3)
				s.serve(root, 2, s.files["3.root.json"])
			} else {
				s.publishAs(role, 2)
				s.serve(role, 1, s.files[s.filename(role, 2)])
			}
			c := s.initialized()
			require.Error(t, c.refresh())
			assert.Equal(t, trusted, c.versions())
		})
	}
}

func TestHashesOfMetadata(t *testing.T) {
	wrong := func(file metadata.MetaFile) metadata.MetaFile {
		file.Hashes = map[string]string{"sha256": sum([]byte("other"))}
		return file
	}
	short := func(file metadata.MetaFile) metadata.MetaFile {
		length := *file.Length - 1
		return metadata.MetaFile{Version: file.Version, Length: &length}
	}
	for name, change := range map[string]func(metadata.MetaFile) metadata.MetaFile{"hash": wrong, "length": short} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			s.sums = true
			s.publish(targets, snapshot, timestamp)
			c := s.initialized()
			require.NoError(t, c.refresh())
			s.publish(targets)
			s.snapshot.Meta["targets.json"] = change(s.snapshot.Meta["targets.json"])
			s.publish(snapshot, timestamp)
			require.Error(t, c.refresh())
			assert.Equal(t, []string{"root 1", "snapshot 3", "targets 2", "timestamp 3"}, c.versions())

			s.publish(targets, snapshot)
			s.timestamp.Meta["snapshot.json"] = change(s.timestamp.Meta["snapshot.json"])
			s.publish(timestamp)
			require.Error(t, c.refresh())
			assert.Equal(t, []string{"root 1", "snapshot 3", "targets 2", "timestamp 4"}, c.versions())
		})
	}
}

// TestUnknownHashes skips those beside a known one.
func TestUnknownHashes(t *testing.T) {
	s := newSimulator(t)
	s.sums = true
	s.publish(targets)
	s.snapshot.Meta["targets.json"].Hashes["unknown"] = "00"
	s.publish(snapshot, timestamp)
	require.NoError(t, s.initialized().refresh())
}

// TestBytesAreKept stores what came, not what was understood.
func TestBytesAreKept(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	odd := append(s.files["timestamp.json"], ' ')
	s.serve(timestamp, 1, odd)
	require.NoError(t, c.refresh())
	assert.Equal(t, odd, c.read("timestamp.json"))
}

func TestUnknownFields(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	require.NoError(t, c.refresh())
	s.root.Extra = map[string]json.RawMessage{"custom-field": json.RawMessage(`"value"`)}
	r := s.root.Roles[root]
	r.Extra = map[string]json.RawMessage{"another-field": json.RawMessage(`{"a":1}`)}
	s.root.Roles[root] = r
	s.targets[targets].Extra = map[string]json.RawMessage{"list": json.RawMessage(`[1,{}]`)}
	s.publish(root, targets, snapshot, timestamp)
	require.NoError(t, c.refresh())
	assert.Equal(t, []string{"root 2", "snapshot 2", "targets 2", "timestamp 2"}, c.versions())
}

// TestWrongType offers a snapshot as a timestamp, signed by its key.
func TestWrongType(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.addKey(snapshot, s.signers[timestamp][0])
	s.snapshot.Meta = map[string]metadata.MetaFile{"snapshot.json": {Version: 1}}
	s.publish(root, snapshot)
	s.serve(timestamp, 2, s.files["2.snapshot.json"])
	require.Error(t, c.refresh())
	assert.Equal(t, []string{"root 2"}, c.versions())
}

// TestSpecVersions takes other minor versions and no other major one.
func TestSpecVersions(t *testing.T) {
	for version, good := range map[string]bool{"1.0.0": true, "1.99.0": true, "2.0.0": false, "0.9.0": false} {
		for _, role := range []string{root, timestamp, snapshot, targets} {
			s := newSimulator(t)
			c := s.initialized()
			s.publish(root)
			file := map[string]int64{root: 2}[role]
			s.resign(role, max(file, 1), func(signed map[string]any) { signed["spec_version"] = version })
			assert.Equal(t, good, c.refresh() == nil, "%s %s", role, version)
		}
	}
}
