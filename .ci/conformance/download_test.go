package main

import (
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

func TestDownload(t *testing.T) {
	for _, name := range []string{"file.txt", "path/to/a/file.txt", "a b", "a%2Fb", "ü/?#&"} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			s.addArtifact(targets, name, []byte("content"))
			s.publish(targets, snapshot, timestamp)
			require.NoError(t, c.refresh())
			assert.Empty(t, c.artifacts())
			require.NoError(t, c.download(name))
			assert.Equal(t, []string{"content"}, c.artifacts())
			assert.Len(t, s.downloads(), 1)

			s.requests()
			require.NoError(t, c.download(name))
			assert.Equal(t, []string{"2.root.json", "timestamp.json"}, s.requests())
			assert.Empty(t, s.downloads(), "what is there and right is not fetched again")
		})
	}
}

// TestArtifactsThatAreNot serves other contents than the metadata tells of.
func TestArtifactsThatAreNot(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	one, two := []byte("the one"), []byte("the two")
	s.addArtifact(targets, "one", one)
	s.addArtifact(targets, "two", two)
	s.publish(targets, snapshot, timestamp)
	require.NoError(t, c.download("one"))
	for _, content := range []string{"evil!!!", "longer than it should be", "short", ""} {
		s.serveArtifact("one", sum(one), []byte(content))
		s.serveArtifact("two", sum(two), []byte(content))
		require.NoError(t, c.download("one"), "it is there already")
		require.Error(t, c.download("two"))
		_, err := os.Stat(filepath.Join(c.folder, "two"))
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestArtifactThatChanges(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	for i := range 11 {
		content := fmt.Appendf(nil, "content %d", i)
		s.addArtifact(targets, "changing", content)
		s.publish(targets, snapshot, timestamp)
		if i%5 != 0 {
			continue
		}
		require.NoError(t, c.download("changing"))
		assert.Equal(t, []string{string(content)}, c.artifacts())
		s.serveArtifact("changing", sum(content), []byte("malicious"))
		s.publish(targets, snapshot, timestamp)
		require.NoError(t, c.download("changing"))
		assert.Equal(t, []string{string(content)}, c.artifacts())
	}
}

func TestHashes(t *testing.T) {
	content := []byte("content")
	long := fmt.Sprintf("%x", sha512.Sum512(content))
	for name, test := range map[string]struct {
		hashes map[string]string
		good   bool
	}{
		"sha256":         {map[string]string{"sha256": sum(content)}, true},
		"sha512":         {map[string]string{"sha512": long}, true},
		"both":           {map[string]string{"sha256": sum(content), "sha512": long}, true},
		"beside unknown": {map[string]string{"sha256": sum(content), "unknown": "00"}, true},
		"unknown alone":  {map[string]string{"unknown": long}, false},
		"one is wrong":   {map[string]string{"sha256": sum(content), "sha512": fmt.Sprintf("%x", sha512.Sum512(nil))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t)
			c := s.initialized()
			s.targets[targets].Targets["file"] = metadata.TargetFile{ArtifactInfo: rstuf.ArtifactInfo{Length: int64(len(content)), Hashes: test.hashes}}
			for _, hash := range test.hashes {
				s.serveArtifact("file", hash, content)
			}
			s.publish(targets, snapshot, timestamp)
			err := c.download("file")
			if !test.good {
				require.Error(t, err)
				assert.Empty(t, c.artifacts())
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{"content"}, c.artifacts())
			assert.Len(t, s.downloads(), 1)
		})
	}
}

func TestArtifactThatIsNotServed(t *testing.T) {
	s := newSimulator(t)
	c := s.initialized()
	s.addArtifact(targets, "file", []byte("x"))
	s.publish(targets, snapshot, timestamp)
	clear(s.artifacts)
	require.ErrorIs(t, c.download("file"), repository.ErrNotFound)
	assert.Empty(t, c.artifacts())
}
