package metadata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// The table says how python-tuf matches; .ci/interop/metadata_patterns.py
// wrote it.
func TestMatchPath(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/patterns.json")
	require.NoError(t, err)
	var cases [][3]any
	require.NoError(t, json.Unmarshal(data, &cases))
	matched := 0
	for _, c := range cases {
		pattern, path, want := c[0].(string), c[1].(string), c[2].(bool)
		assert.Equal(t, want, metadata.MatchPath(pattern, path), "pattern %q, path %q", pattern, path)
		if want {
			matched++
		}
	}
	assert.Greater(t, matched, 20)
	assert.Greater(t, len(cases)-matched, 20)
}

// A pattern that would take other matchers for ever.
func TestMatchPathTime(t *testing.T) {
	t.Parallel()
	assert.False(t, metadata.MatchPath(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 5000)))
}

func TestCovers(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("a/b"))
	digest := hex.EncodeToString(sum[:])
	other := byte('0')
	if digest[3] == '0' {
		other = '1'
	}
	for want, prefixes := range map[bool][][]string{
		true:  {{digest[:1]}, {"zz", digest[:3]}, {digest}, {""}},
		false: {nil, {digest[:3] + string(other)}, {digest + "0"}, {strings.ToUpper("x" + digest)}},
	} {
		for _, list := range prefixes {
			assert.Equal(t, want, metadata.Covers(rstuf.DelegatedRole{PathHashPrefixes: list}, "a/b"), "%q", list)
		}
	}
	assert.True(t, metadata.Covers(rstuf.DelegatedRole{Paths: []string{"x", "a/*"}}, "a/b"))
	assert.False(t, metadata.Covers(rstuf.DelegatedRole{Paths: []string{"x", "b/*"}}, "a/b"))
}

func FuzzMatchPath(f *testing.F) {
	data, err := os.ReadFile("testdata/patterns.json")
	require.NoError(f, err)
	var cases [][3]any
	require.NoError(f, json.Unmarshal(data, &cases))
	for _, c := range cases[:80] {
		f.Add(c[0].(string), c[1].(string))
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		matched := metadata.MatchPath(pattern, path)
		if !strings.ContainsAny(pattern, "*?[") {
			require.Equal(t, pattern == path, matched, "a pattern without wildcards is the path itself")
		}
		if matched {
			require.Equal(t, strings.Count(pattern, "/") <= strings.Count(path, "/"), true)
		}
	})
}
