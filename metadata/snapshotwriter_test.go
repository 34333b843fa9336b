package metadata_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/metadata"
)

// foreignSnapshot is one as other tools write it, with lengths, hashes and
// fields that are not known here.
const foreignSnapshot = `{"signatures":[],"signed":{"version":7,"_type":"snapshot","a":1,"spec_version":"1.0","zz":{"meta":{"b.json":{"version":1}}},
"expires":"2030-01-01T00:00:00Z","meta":{
"targets.json":{"version":3,"length":10,"hashes":{"sha256":"ab"}},"a.json":{"version":2,"x":{"y":[1,{"version":9}]}},"a-b.json":{"version":1},
"bins-0.json":{"length":5,"version":4},"q\"q.json":{"version":5},"\u00fc.json":{"version":6},"root.json":{"version":1}}}}`

// byView makes the next snapshot in the general way.
func byView(t testing.TB, last *metadata.Document, version int64, changed map[string]int64) *metadata.Document {
	s := &metadata.Snapshot{Meta: map[string]metadata.MetaFile{}}
	if last != nil {
		var err error
		s, err = last.Snapshot()
		require.NoError(t, err)
	}
	s.Version, s.Expires, s.SpecVersion = version, expires, ""
	for role, v := range changed {
		s.Meta[role+".json"] = metadata.MetaFile{Version: v}
	}
	d, err := metadata.New(s)
	require.NoError(t, err)
	return d
}

// requireSame checks that two documents are one, and read back as they are.
func requireSame(t testing.TB, want, got *metadata.Document) {
	require.Equal(t, string(want.Bytes()), string(got.Bytes()))
	require.Equal(t, string(want.Canonical()), string(got.Canonical()))
	read, err := metadata.Parse(got.Bytes())
	require.NoError(t, err)
	require.Equal(t, string(read.Canonical()), string(got.Canonical()))
	require.Equal(t, []any{want.Type(), want.Version(), want.SpecVersion(), want.Expires()},
		[]any{got.Type(), got.Version(), got.SpecVersion(), got.Expires()})
}

func TestNextSnapshot(t *testing.T) {
	t.Parallel()
	foreign, err := metadata.Parse([]byte(foreignSnapshot))
	require.NoError(t, err)
	empty := byView(t, nil, 1, nil)
	for name, c := range map[string]struct {
		last    *metadata.Document
		changed map[string]int64
	}{
		"the first":               {nil, map[string]int64{"targets": 1, "a": 1, "a-b": 1, "ü": 1, `q"q`: 1}},
		"the first, of nothing":   {nil, nil},
		"onto nothing":            {empty, map[string]int64{"b": 1, "a": 2}},
		"nothing":                 {foreign, nil},
		"lengths and hashes go":   {foreign, map[string]int64{"targets": 4, "bins-0": 4}},
		"other fields go":         {foreign, map[string]int64{"a": 9}},
		"versions may skip":       {foreign, map[string]int64{"targets": 1_000_000_007, "a-b": 3}},
		"added at each place":     {foreign, map[string]int64{"0": 1, "a-c": 1, "aa": 1, "bins-1": 1, "zzz": 1, "üü": 1}},
		"added and replaced":      {foreign, map[string]int64{"a": 3, "b": 1, "ü": 7, "ß": 1}},
		"names that are escaped":  {foreign, map[string]int64{`q"q`: 6, `q"`: 1, "q#": 1, "q!": 1}},
		"names that hold a slash": {foreign, map[string]int64{"a/b": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			version := int64(1)
			if c.last != nil {
				version = c.last.Version() + 2
			}
			got, err := metadata.NextSnapshot(c.last, version, expires.Add(time.Millisecond), c.changed)
			require.NoError(t, err)
			requireSame(t, byView(t, c.last, version, c.changed), got)
			require.NoError(t, got.Sign(t.Context(), tuftest.Key(t, "alice")))
			// What is signed is patched again as it is.
			again, err := metadata.NextSnapshot(got, version+1, expires, map[string]int64{"targets": 2_000_000_000})
			require.NoError(t, err)
			requireSame(t, byView(t, got, version+1, map[string]int64{"targets": 2_000_000_000}), again)
		})
	}
}

func TestNextSnapshotRefuses(t *testing.T) {
	t.Parallel()
	foreign, err := metadata.Parse([]byte(foreignSnapshot))
	require.NoError(t, err)
	parse := func(meta string) *metadata.Document {
		d, err := metadata.Parse([]byte(`{"signatures":[],"signed":{"_type":"snapshot","spec_version":"1.0.0","version":1,"expires":"2030-01-01T00:00:00Z"` + meta + `}}`))
		require.NoError(t, err)
		return d
	}
	timestamp, err := metadata.NewTimestamp(1, expires, 1)
	require.NoError(t, err)
	for _, c := range []struct {
		last    *metadata.Document
		version int64
		expires time.Time
		changed map[string]int64
		want    string
	}{
		{foreign, 7, expires, nil, "version 7 must be above 7"},
		{nil, 0, expires, nil, "version 0 must be above 0"},
		{&metadata.Document{}, 1, expires, nil, "there is no document"},
		{timestamp, 2, expires, nil, `the last one is of type "timestamp", not "snapshot"`},
		{nil, 1, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), nil, "it cannot expire in the year 10000"},
		{foreign, 8, expires, map[string]int64{"targets": 2}, "meta.targets.json: version 2 must not be below 3"},
		{foreign, 8, expires, map[string]int64{"b": 0}, `role "b": version 0 is below 1`},
		{foreign, 8, expires, map[string]int64{"../b": 1}, `role "../b"`},
		{foreign, 8, expires, map[string]int64{"b\xff": 1}, "is not valid UTF-8"},
		{foreign, 8, expires, map[string]int64{"snapshot": 1}, "not among the roles that a snapshot lists"},
		{foreign, 8, expires, map[string]int64{"root": 2}, "not among the roles that a snapshot lists"},
		{parse(""), 2, expires, nil, "meta: the field is missing"},
		{parse(`,"meta":[]`), 2, expires, nil, "meta: must be an object"},
		{parse(`,"meta":{"a.json":{"version":"1"}}`), 2, expires, map[string]int64{"a": 2}, "meta.a.json"},
		{parse(`,"meta":{"a.json":7}`), 2, expires, map[string]int64{"a": 2}, "meta.a.json"},
	} {
		_, err := metadata.NextSnapshot(c.last, c.version, c.expires, c.changed)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestNewTimestamp(t *testing.T) {
	t.Parallel()
	d, err := metadata.NewTimestamp(5, expires, 9)
	require.NoError(t, err)
	view, err := d.Timestamp()
	require.NoError(t, err)
	assert.Equal(t, map[string]metadata.MetaFile{"snapshot.json": {Version: 9}}, view.Meta)
	assert.Equal(t, int64(5), view.Version)
	_, err = metadata.NewTimestamp(0, expires, 9)
	assert.Error(t, err)
}

// FuzzNextSnapshot patches any snapshot that can be read, and compares with the
// general way.
func FuzzNextSnapshot(f *testing.F) {
	f.Add([]byte(foreignSnapshot), "a", "zzz", int64(9))
	f.Add([]byte(`{"signatures":[],"signed":{"_type":"snapshot","spec_version":"1.0.0","version":1,"expires":"2030-01-01T00:00:00Z","meta":{}}}`), "a-b", "a", int64(1))
	f.Add([]byte(`{"signed":{"_type":"snapshot","spec_version":"1.0.0","version":1,"expires":"2030-01-01T00:00:00Z","meta":{"a.json":{"version":1}},"\u0001":"\u0002\\"},"signatures":[]}`), `"`, "", int64(2))
	f.Fuzz(func(t *testing.T, file []byte, one, other string, version int64) {
		last, err := metadata.Parse(file)
		if err != nil {
			return
		}
		changed := map[string]int64{one: version, other: version}
		got, err := metadata.NextSnapshot(last, last.Version()+1, expires, changed)
		if err != nil {
			return
		}
		if _, err := last.Snapshot(); err != nil {
			return // an entry that is wrong stays
		}
		requireSame(t, byView(t, last, last.Version()+1, changed), got)
	})
}

// The next snapshot of 16,384 hash bins: 0.4 ms, and 25 ms in the general way.
func BenchmarkNextSnapshot16384Bins(b *testing.B) {
	changed := map[string]int64{"targets": 1}
	for i := range 16384 {
		changed[fmt.Sprintf("bins-%04x", i)] = 1
	}
	last, err := metadata.NextSnapshot(nil, 1, expires, changed)
	require.NoError(b, err)
	one := map[string]int64{"bins-1abc": 2}
	b.Run("patch", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := metadata.NextSnapshot(last, 2, expires, one); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			byView(b, last, 2, one)
		}
	})
}

// ExampleNextSnapshot lists a role that was signed anew.
func ExampleNextSnapshot() {
	ends := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	first, err := metadata.NextSnapshot(nil, 1, ends, map[string]int64{"targets": 1, "project": 1})
	if err != nil {
		panic(err)
	}
	next, err := metadata.NextSnapshot(first, 2, ends, map[string]int64{"project": 2})
	if err != nil {
		panic(err)
	}
	snapshot, err := next.Snapshot()
	if err != nil {
		panic(err)
	}
	fmt.Println(snapshot.Meta["project.json"].Version)
	// Output: 2
}
