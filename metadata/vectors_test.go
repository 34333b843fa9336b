package metadata_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tuf "github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// vectors is laid out as testdata: what a file in its folder metadata is for
// follows from what the file holds.
var vectors = flag.String("vectors", "testdata", "folder of test vectors")

// A vectorCorpus is the folder's files by kind.
type vectorCorpus struct {
	documents map[string][]byte // by path
	canonical []canonicalVector
	bins      []binsVector
	keys      map[string]rstuf.Key // by key id, also those of roots
}

type canonicalVector struct {
	Value     json.RawMessage `json:"value"`
	Canonical *string         `json:"canonical"`
}

type binsVector struct {
	BitLength int               `json:"bit_length"`
	Count     int               `json:"count"`
	First     string            `json:"first"`
	Last      string            `json:"last"`
	Targets   map[string]string `json:"targets"`
}

func readVectors(t testing.TB) vectorCorpus {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(testdir.Find(t, *vectors), "metadata", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, names, "no vectors in %s", *vectors)
	corpus := vectorCorpus{documents: map[string][]byte{}, keys: map[string]rstuf.Key{}}
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		var list []json.RawMessage
		if json.Unmarshal(data, &list) == nil {
			for _, entry := range list {
				corpus.addEntry(t, name, entry)
			}
			continue
		}
		var fields map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &fields), name)
		if _, ok := fields["signed"]; ok {
			corpus.documents[name] = data
			continue
		}
		for _, field := range fields {
			var entry struct {
				KeyID string    `json:"keyid"`
				Key   rstuf.Key `json:"key"`
			}
			require.NoError(t, json.Unmarshal(field, &entry), name)
			corpus.keys[entry.KeyID] = entry.Key
		}
	}
	return corpus
}

func (c *vectorCorpus) addEntry(t testing.TB, name string, entry json.RawMessage) {
	var form canonicalVector
	require.NoError(t, json.Unmarshal(entry, &form), name)
	if form.Canonical != nil {
		c.canonical = append(c.canonical, form)
		return
	}
	var bins binsVector
	require.NoError(t, json.Unmarshal(entry, &bins), name)
	require.NotEmpty(t, bins.Targets, "%s: neither canonical JSON nor hash bins", name)
	c.bins = append(c.bins, bins)
}

// body is the document's typed copy.
func body(t testing.TB, d *metadata.Document) metadata.Body {
	t.Helper()
	var b metadata.Body
	var err error
	switch d.Type() {
	case rstuf.RoleRoot:
		b, err = d.Root()
	case rstuf.RoleTargets:
		b, err = d.Targets()
	case rstuf.RoleSnapshot:
		b, err = d.Snapshot()
	default:
		b, err = d.Timestamp()
	}
	require.NoError(t, err)
	return b
}

func TestVectorCanonicalJSON(t *testing.T) {
	t.Parallel()
	corpus := readVectors(t)
	require.NotEmpty(t, corpus.canonical, "no values with canonical JSON in %s", *vectors)
	for _, v := range corpus.canonical {
		form, err := canonical.Transform(v.Value)
		if assert.NoError(t, err, "%s", v.Value) {
			assert.Equal(t, *v.Canonical, string(form))
		}
		again, err := canonical.Transform(canonical.JSON(form))
		if assert.NoError(t, err) {
			assert.Equal(t, *v.Canonical, string(again), "canonical form made JSON again")
		}
		// As a field that nobody knows the value travels through a document.
		d, err := metadata.New(&metadata.Snapshot{
			Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{},
			Extra: map[string]json.RawMessage{"x-acme-value": v.Value},
		})
		require.NoError(t, err)
		assert.Contains(t, string(d.Canonical()), `"x-acme-value":`+*v.Canonical+`}`)
		again2, err := metadata.New(body(t, d))
		require.NoError(t, err)
		assert.Equal(t, string(d.Canonical()), string(again2.Canonical()))
	}
}

func TestVectorHashBins(t *testing.T) {
	t.Parallel()
	corpus := readVectors(t)
	require.NotEmpty(t, corpus.bins, "no hash bins in %s", *vectors)
	cases := 0
	for _, v := range corpus.bins {
		bins, err := metadata.NewHashBins(v.Count)
		require.NoError(t, err)
		assert.Equal(t, v.BitLength, bins.BitLength())
		assert.Equal(t, v.Count, bins.Count())
		assert.Equal(t, v.First, bins.Name(0))
		assert.Equal(t, v.Last, bins.Name(v.Count-1))
		peer := tuf.SuccinctRoles{BitLength: v.BitLength, NamePrefix: rstuf.RoleBins}
		for path, want := range v.Targets {
			assert.Equal(t, want, bins.Bin(path), "%q", path)
			assert.Equal(t, want, bins.Name(bins.Index(path)))
			assert.Equal(t, want, peer.GetRolesForTarget(path)[0].Name, "go-tuf disagrees about %q", path)
			cases++
		}
	}
	t.Logf("%d cases", cases)
}

func TestVectorDocuments(t *testing.T) {
	t.Parallel()
	corpus := readVectors(t)
	require.NotEmpty(t, corpus.documents, "no signed metadata in %s", *vectors)
	documents := map[string]*metadata.Document{}
	forms := 0
	for name, data := range corpus.documents {
		d, err := metadata.Parse(data)
		require.NoError(t, err, name)
		documents[name] = d
		assert.Equal(t, string(data), string(d.Bytes()), name)
		want, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".canonical")
		if err == nil {
			forms++
			assert.Equal(t, string(want), string(d.Canonical()), name)
		}
		again, err := metadata.New(body(t, d))
		require.NoError(t, err, name)
		assert.Equal(t, string(d.Canonical()), string(again.Canonical()), "%s: a typed copy made a document again", name)
		if d.Type() == rstuf.RoleRoot {
			root, err := d.Root()
			require.NoError(t, err)
			for id, key := range root.Keys {
				corpus.keys[id] = key
			}
			delegation, err := root.Delegation(rstuf.RoleRoot)
			require.NoError(t, err)
			assert.NoError(t, delegation.Verify(d).Err(), name)
		}
	}
	require.NotZero(t, forms, "no canonical form beside any document in %s", *vectors)
	checkSignatures(t, documents, corpus.keys)
}

// checkSignatures verifies every signature, takes each off, and puts it back.
func checkSignatures(t *testing.T, documents map[string]*metadata.Document, known map[string]rstuf.Key) {
	for name, d := range documents {
		bare, err := metadata.New(body(t, d))
		require.NoError(t, err)
		for _, sig := range d.Signatures() {
			object, ok := known[sig.KeyID]
			require.True(t, ok, "%s: nothing in the folder has the key %s", name, sig.KeyID)
			key, err := keys.FromKey(object)
			require.NoError(t, err)
			if key.Verifiable() {
				assert.NoError(t, bare.AddSignature(sig, key), name)
			}
		}
		assert.Subset(t, d.Signatures(), bare.Signatures())
		parsed, err := metadata.Parse(bare.Bytes())
		require.NoError(t, err)
		assert.Equal(t, bare.Signatures(), parsed.Signatures())
		assert.True(t, bytes.Equal(d.Canonical(), parsed.Canonical()))
	}
}
