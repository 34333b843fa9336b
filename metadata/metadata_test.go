package metadata_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/metadata"
)

var vectors = flag.String("vectors", "testdata", "folder with test vectors, in its subfolder metadata")

// vectorFiles returns the JSON files of the vectors for which the filter
// returns true, by their content. There must be at least one.
func documents(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(*vectors, "metadata", "*.canonical"))
	require.NoError(t, err)
	require.NotEmpty(t, names, "no signed metadata with its canonical form in %s", *vectors)
	files := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(strings.TrimSuffix(name, ".canonical") + ".json")
		require.NoError(t, err)
		files[strings.TrimSuffix(name, ".canonical")] = data
	}
	return files
}

func body(t testing.TB, d *metadata.Document) metadata.Body {
	t.Helper()
	var b metadata.Body
	var err error
	switch d.Type() {
	case "root":
		b, err = d.Root()
	case "targets":
		b, err = d.Targets()
	case "snapshot":
		b, err = d.Snapshot()
	case "timestamp":
		b, err = d.Timestamp()
	}
	require.NoError(t, err)
	return b
}

func TestVectors(t *testing.T) {
	for name, data := range documents(t) {
		want, err := os.ReadFile(name + ".canonical")
		require.NoError(t, err)
		d, err := metadata.Parse(data)
		require.NoError(t, err, name)
		assert.Equal(t, string(want), string(d.Canonical()))
		assert.Equal(t, string(data), string(d.Bytes()))
		again, err := metadata.New(body(t, d))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(again.Canonical()))
		if d.Type() == "root" {
			r, err := d.Root()
			require.NoError(t, err)
			del, err := r.Delegation("root")
			require.NoError(t, err)
			v := del.Verify(d)
			assert.NoError(t, v.Err())
			text, _ := json.MarshalIndent(v, "", " ")
			t.Logf("%s", text)
		}
	}
	files, _ := filepath.Glob("testdata/repositories/*/*.json")
	require.NotEmpty(t, files)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		d, err := metadata.Parse(data)
		require.NoError(t, err, name)
		again, err := metadata.New(body(t, d))
		require.NoError(t, err, name)
		assert.Equal(t, string(d.Canonical()), string(again.Canonical()))
	}
}
