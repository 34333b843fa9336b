package metadata_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/metadata"
)

var someHashes = map[string]string{"sha256": strings.Repeat("ab", 32), "blake2b-256": strings.Repeat("cd", 32)}

// Paths in the order of their bytes, with every kind of character.
var oddPaths = []string{"", "\x00\n", " ", `"`, "#", "a", `a"`, "a#", `a\`, `a\"`, "a]", "b/c", "<&>", "\u007f", "\u2028", "ü", "ﬁ", "😀"}

func TestTargetsWriter(t *testing.T) {
	t.Parallel()
	slices.Sort(oddPaths)
	header := metadata.Targets{
		Version: 7, SpecVersion: "1.0.29", Expires: expires,
		Delegations: &metadata.Delegations{Roles: []rstuf.DelegatedRole{}},
		Extra:       map[string]json.RawMessage{"x-acme": json.RawMessage(`{"targets":{"a":[1]}}`), "TARGETS": json.RawMessage("[]")},
	}
	whole := header
	whole.Targets = map[string]metadata.TargetFile{}
	w, err := metadata.NewTargetsWriter(&header)
	require.NoError(t, err)
	for i, path := range oddPaths {
		info := rstuf.ArtifactInfo{Length: int64(i), Hashes: someHashes}
		if i%3 == 0 {
			info.Custom = json.RawMessage(`{"z": 1, "a": "\u0001"}`)
		}
		form, err := metadata.TargetFile{ArtifactInfo: info}.AppendCanonical(nil)
		require.NoError(t, err)
		require.NoError(t, w.AddCanonical(path, form), "what was published once is kept")
		whole.Targets[path] = metadata.TargetFile{ArtifactInfo: info}
	}
	assert.Equal(t, len(oddPaths), w.Len())
	d := w.Document()
	want := tuftest.Document(t, &whole)
	assert.Equal(t, string(want.Canonical()), string(d.Canonical()))
	assert.Equal(t, string(want.Bytes()), string(d.Bytes()))
	require.True(t, json.Valid(d.Bytes()))
	assert.EqualValues(t, 7, d.Version())
	assert.Equal(t, "1.0.29", d.SpecVersion())
	assert.Equal(t, expires, d.Expires())

	key := tuftest.Key(t, "online")
	require.NoError(t, d.Sign(t.Context(), key))
	again := parse(t, string(d.Bytes()))
	by := delegation(1, key.Public())
	by.Role = "bins-0"
	assert.NoError(t, by.Verify(again).Err())
	targets, err := again.Targets()
	require.NoError(t, err)
	assert.Equal(t, slices.Sorted(maps.Keys(whole.Targets)), slices.Sorted(maps.Keys(targets.Targets)))
}

// go-tuf leaves a null out before it verifies a role, and then has other bytes.
func TestTargetsWriterOfNullCustom(t *testing.T) {
	t.Parallel()
	w, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 1, Expires: expires})
	require.NoError(t, err)
	require.NoError(t, w.Add("a", rstuf.ArtifactInfo{Length: 1, Hashes: someHashes, Custom: json.RawMessage(" null\n")}))
	assert.NotContains(t, string(w.Document().Bytes()), "custom")
}

func TestTargetsWriterRefuses(t *testing.T) {
	t.Parallel()
	info := rstuf.ArtifactInfo{Length: 1, Hashes: someHashes}
	_, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 1, Expires: expires, Targets: map[string]metadata.TargetFile{"a": {}}})
	assert.Error(t, err)
	_, err = metadata.NewTargetsWriter(&metadata.Targets{Expires: expires})
	assert.ErrorContains(t, err, "version")

	w, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 1, Expires: expires})
	require.NoError(t, err)
	require.NoError(t, w.Add("b", info))
	for want, c := range map[string]rstuf.Artifact{
		`artifact "a": its path must come after "b"`:                                {Path: "a", Info: info},
		`artifact "b": its path must come after "b"`:                                {Path: "b", Info: info},
		`artifact "c\xff": path: a path must be valid UTF-8`:                        {Path: "c\xff", Info: info},
		`artifact "../c": path: a path can't hold .. between slashes`:               {Path: "../c", Info: info},
		`artifact "c": info.hashes: at least one hash is required`:                  {Path: "c", Info: rstuf.ArtifactInfo{Length: 1}},
		`artifact "c": info.length: a length can't be negative`:                     {Path: "c", Info: rstuf.ArtifactInfo{Length: -1, Hashes: someHashes}},
		`artifact "c": info.hashes.sha256: a digest must be lower-case hex`:         {Path: "c", Info: rstuf.ArtifactInfo{Hashes: map[string]string{"sha256": "zz"}}},
		`artifact "c": info.custom: custom must be a JSON object`:                   {Path: "c", Info: rstuf.ArtifactInfo{Hashes: someHashes, Custom: json.RawMessage("1.5")}},
		`artifact "c": info.custom: line 1, column 6: the number 1.5 is not an int`: {Path: "c", Info: rstuf.ArtifactInfo{Hashes: someHashes, Custom: json.RawMessage(`{"a":1.5}`)}},
	} {
		assert.ErrorContains(t, w.Add(c.Path, c.Info), want)
	}
	require.NoError(t, w.Add("c", info))
	targets, err := w.Document().Targets()
	require.NoError(t, err)
	assert.Len(t, targets.Targets, 2)

	big, err := metadata.NewTargetsWriter(&metadata.Targets{Version: 1, Expires: expires})
	require.NoError(t, err)
	for i := 0; err == nil; i++ {
		info.Custom = json.RawMessage(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`)
		err = big.Add(fmt.Sprintf("%03d", i), info)
	}
	assert.ErrorContains(t, err, "spread its artifacts over more roles")
	_, err = metadata.Parse(big.Document().Bytes())
	assert.NoError(t, err, "what the writer gives can be read")
}

// Everything that TargetFiles yields makes the same document again, and so do
// the vectors with their unknown fields.
func TestTargetFilesMerge(t *testing.T) {
	t.Parallel()
	checked := 0
	documents := map[string]*metadata.Document{}
	for name, data := range readVectors(t).documents {
		documents[name] = parse(t, string(data))
	}
	for name, repository := range readPublished(t) {
		for file, d := range repository {
			documents[name+"/"+file] = d
		}
	}
	for name, d := range documents {
		files, err := d.TargetFiles()
		if d.Type() != rstuf.RoleTargets {
			assert.Error(t, err)
			continue
		}
		require.NoError(t, err, name)
		targets, err := d.Targets()
		require.NoError(t, err, name)
		header := *targets
		header.Targets = nil
		w, err := metadata.NewTargetsWriter(&header)
		require.NoError(t, err)
		for path, info := range files {
			want, err := targets.Targets[path].AppendCanonical(nil)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(info))
			require.NoError(t, w.AddCanonical(path, info))
			checked++
		}
		assert.Equal(t, len(targets.Targets), w.Len())
		assert.Equal(t, string(d.Canonical()), string(w.Document().Canonical()))
		for range files {
			break
		}
	}
	assert.NotZero(t, checked, "no artifacts in any document")

	_, err := parse(t, signed("_type", `"targets"`, "meta", "")).TargetFiles()
	assert.ErrorContains(t, err, "targets: must be an object")
	_, err = parse(t, signed("_type", `"targets"`, "meta", "", "targets", "[]")).TargetFiles()
	assert.ErrorContains(t, err, "targets: must be an object")
}

func TestFilename(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		role    string
		version int64
	}{
		"1.root.json":        {"root", 1},
		"timestamp.json":     {"timestamp", 12},
		"12.bins-0f.json":    {"bins-0f", 12},
		"1.a%2Fb.json":       {"a/b", 1},
		"1...%2F..%2Fx.json": {"../../x", 1},
		"1.a%5Cb%20%2B.json": {`a\b +`, 1},
		"3.%C3%BC~_-.json":   {"ü~_-", 3},
	} {
		assert.Equal(t, want, metadata.Filename(c.role, c.version))
	}
}

// TestForeignRoleNames: names that nothing here would publish are read, since
// Filename keeps them in a folder.
func TestForeignRoleNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"..", "/etc/x", "../../etc/x", "a//b", `..\\x`, "?#%", " "} {
		doc := parse(t, signed("_type", `"targets"`, "meta", "", "targets", "{}",
			"delegations", `{"keys":{},"roles":[{"name":"`+name+`","keyids":[],"threshold":1,"terminating":true,"paths":["*"]}]}`))
		targets, err := doc.Targets()
		require.NoError(t, err, name)
		assert.NotContains(t, metadata.Filename(targets.Delegations.Roles[0].Name, 1), "/")
		_, err = parse(t, signed("meta", `{"`+name+`.json":{"version":1}}`)).Snapshot()
		require.NoError(t, err, name)
	}
}

// TestPlainFiles: what most artifacts are has a short way, which reads the same.
func TestPlainFiles(t *testing.T) {
	t.Parallel()
	read := func(file string) (metadata.TargetFile, error) {
		doc, err := metadata.Parse([]byte(`{"signatures":[],"signed":{"_type":"targets","expires":"2030-01-01T00:00:00Z","spec_version":"1.0.31","targets":{"a":` + file + `},"version":1}}`))
		if err != nil {
			return metadata.TargetFile{}, err
		}
		targets, err := doc.Targets()
		if err != nil {
			return metadata.TargetFile{}, err
		}
		return targets.Targets["a"], nil
	}
	for _, file := range []string{
		`{"hashes":{"sha256":"00ff"},"length":5}`, `{"hashes":{"blake2b-256":"00"},"length":0}`, `{"hashes":{"sha256":"00"},"length":9223372036854775807}`,
		`{"hashes":{"sha256":""},"length":5}`, `{"hashes":{"":"00"},"length":5}`, `{"hashes":{"A\"B":"00"},"length":5}`, `{"hashes":{"sha256":"0\\u0030"},"length":5}`,
		`{"hashes":{"sha256":"00","sha512":"01"},"length":5}`, `{"hashes":{"sha256":"00"},"length":5,"x":1}`, `{"hashes":{"sha256":"00"},"length":{"a":1}}`,
		`{"hashes":{"sha256":"00"},"length":-1}`, `{"hashes":{"sha256":"00"},"length":9223372036854775808}`, `{"hashes":{"sha256":"00"},"length":"5"}`, `{"hashes":{},"length":5}`,
	} {
		short, shortErr := read(file)
		long, longErr := read(" " + strings.Replace(file, ":", ": ", 1))
		assert.Equal(t, longErr == nil, shortErr == nil, "%s: %v, %v", file, longErr, shortErr)
		assert.Equal(t, long.ArtifactInfo, short.ArtifactInfo, file)
		assert.Equal(t, len(long.Extra), len(short.Extra), file)
	}
}
