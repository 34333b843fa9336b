package metadata_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/metadata"
)

func TestHashBins(t *testing.T) {
	t.Parallel()
	for count, width := range map[int]int{2: 1, 16: 1, 32: 2, 256: 2, 512: 3, 16384: 4} {
		bins, err := metadata.NewHashBins(count)
		require.NoError(t, err)
		names := slices.Collect(bins.Names())
		require.Len(t, names, count)
		assert.True(t, slices.IsSorted(names))
		for _, name := range names {
			assert.Len(t, name, len("bins-")+width)
		}
		for path := range 100 {
			path := string(rune('a' + path))
			assert.Equal(t, names[bins.Index(path)], bins.Bin(path))
		}
	}
	bins, err := metadata.NewHashBins(4)
	require.NoError(t, err)
	for name := range bins.Names() {
		assert.Equal(t, "bins-0", name)
		break
	}
}

func TestNewHashBinsRefuses(t *testing.T) {
	t.Parallel()
	for _, count := range []int{-4, 0, 1, 3, 255, 257, 16383, 32768, 1 << 30} {
		_, err := metadata.NewHashBins(count)
		assert.ErrorContains(t, err, "power of two from 2 to 16384", "%d", count)
	}
}

func TestSuccinctRoles(t *testing.T) {
	t.Parallel()
	online := tuftest.Key(t, "online").Public()
	bins, err := metadata.NewHashBins(256)
	require.NoError(t, err)
	targets := &metadata.Targets{Version: 1, Expires: expires, Delegations: &metadata.Delegations{
		Keys:     map[string]rstuf.Key{online.ID(): online.Key()},
		Succinct: bins.SuccinctRoles(online.ID()),
	}}
	targets, err = tuftest.Document(t, targets).Targets()
	require.NoError(t, err)

	read, err := targets.Delegations.Succinct.Bins()
	require.NoError(t, err)
	assert.Equal(t, bins, read)
	roles := slices.Collect(targets.Delegations.RolesFor("a/b"))
	require.Len(t, roles, 1)
	assert.Equal(t, bins.Bin("a/b"), roles[0].Name)

	d, err := targets.Delegation("bins-0f")
	require.NoError(t, err)
	assert.Equal(t, []string{online.ID()}, d.KeyIDs)
	assert.Equal(t, 1, d.Threshold)
	for _, name := range []string{"", "bins", "bins-", "bins-f", "bins-0F", "bins-00f", "bins-100", "bins-0g", "bins--1", "bins-+1", "binsx0f", "xins-0f", "targets"} {
		_, err := targets.Delegation(name)
		assert.Error(t, err, "%q", name)
	}

	wide := metadata.SuccinctRoles{BitLength: 30, NamePrefix: "b"}
	many, err := wide.Bins()
	require.NoError(t, err)
	assert.Equal(t, 1<<30, many.Count())
	assert.Equal(t, "b-3fffffff", many.Name(many.Count()-1))
}

func TestRolesFor(t *testing.T) {
	t.Parallel()
	role := func(name string, terminating bool, paths ...string) rstuf.DelegatedRole {
		return rstuf.DelegatedRole{Name: name, Paths: paths, Terminating: terminating, Threshold: 1}
	}
	d := &metadata.Delegations{Roles: []rstuf.DelegatedRole{
		role("a", false, "x/*"), role("b", false, "y/*", "*/1"), role("c", true, "x/?"), role("d", true, "*/*"),
		{Name: "e", PathHashPrefixes: []string{""}},
	}}
	names := func(path string) (list []string) {
		for r := range d.RolesFor(path) {
			list = append(list, r.Name)
		}
		return list
	}
	assert.Equal(t, []string{"a", "b", "c"}, names("x/1"), "a terminating role is the last")
	assert.Equal(t, []string{"a", "d"}, names("x/10"))
	assert.Equal(t, []string{"b", "d"}, names("y/z"))
	assert.Equal(t, []string{"e"}, names("z"))
	for r := range d.RolesFor("x/1") {
		assert.Equal(t, "a", r.Name)
		break
	}
	assert.Empty(t, slices.Collect((&metadata.Delegations{}).RolesFor("x")))
}

func TestDelegationsPutAndRemove(t *testing.T) {
	t.Parallel()
	dev1, dev2, online := tuftest.Key(t, "dev1").Public(), tuftest.Key(t, "dev2").Public(), tuftest.Key(t, "online").Public()
	root := rootOf(t, online)
	known := map[string]rstuf.Key{dev1.ID(): dev1.Key(), dev2.ID(): dev2.Key()}
	dev := rstuf.DelegatedRole{Name: "dev", KeyIDs: []string{dev1.ID(), dev2.ID()}, Threshold: 2, Paths: []string{"dev/*"}, Terminating: true, ExpirePolicy: 30}
	pub := rstuf.DelegatedRole{Name: "pub", Threshold: 1, Paths: []string{"pub/*"}, Terminating: true, ExpirePolicy: 30}

	d := &metadata.Delegations{}
	require.NoError(t, d.Put(dev, known, root))
	require.NoError(t, d.Put(pub, known, root))
	assert.Len(t, d.Keys, 3)
	assert.Equal(t, []string{online.ID()}, d.Roles[1].KeyIDs)
	assert.True(t, pub.Online(), "the caller's role stays as it was")
	targets := &metadata.Targets{Version: 1, Expires: expires, Delegations: d}
	again, err := tuftest.Document(t, targets).Targets()
	require.NoError(t, err)
	assert.Equal(t, d, again.Delegations)

	before := string(tuftest.Document(t, targets).Canonical())
	for want, role := range map[string]rstuf.DelegatedRole{
		`the role name "../x" is not allowed: use letters, digits, - and _`: {Name: "../x", Threshold: 1, Paths: []string{"*"}},
		`the role name "root" is not allowed: use letters, digits, - and _`: {Name: "root", Threshold: 1, Paths: []string{"*"}},
		`the role x has no paths`:                                      {Name: "x", Threshold: 1},
		`the role x: a threshold of 2, but the online key signs alone`: {Name: "x", Threshold: 2, Paths: []string{"*"}},
		`the role x: a threshold of 0 and 1 usable keys`:               {Name: "x", KeyIDs: []string{dev1.ID()}, Paths: []string{"*"}},
		`the role x: key feed: the key is not known: send it along`:    {Name: "x", KeyIDs: []string{dev1.ID(), "feed"}, Threshold: 1, Paths: []string{"*"}},
	} {
		assert.EqualError(t, d.Put(role, known, root), want)
	}
	assert.Error(t, d.Remove("x"))
	assert.Equal(t, before, string(tuftest.Document(t, targets).Canonical()))

	dev.KeyIDs, dev.Threshold = []string{dev2.ID()}, 1
	require.NoError(t, d.Put(dev, nil, root), "in place of the one before, with a key that is known")
	assert.Equal(t, dev2.Key(), d.Keys[dev2.ID()])
	assert.Equal(t, "dev", d.Roles[0].Name)
	assert.NotContains(t, d.Keys, dev1.ID(), "a key goes with its last use")
	require.NoError(t, d.Remove("pub"))
	assert.NotContains(t, d.Keys, online.ID())
	require.NoError(t, d.Remove("dev"))
	assert.Contains(t, string(tuftest.Document(t, targets).Canonical()), `"delegations":{"keys":{},"roles":[]}`)

	bins, err := metadata.NewHashBins(2)
	require.NoError(t, err)
	assert.Error(t, (&metadata.Delegations{Succinct: bins.SuccinctRoles("a")}).Put(pub, nil, root))
}

// What is out of the ordinary in a delegated role survives a typed copy.
func TestDelegationsKeepFields(t *testing.T) {
	t.Parallel()
	text := signed("_type", `"targets"`, "meta", "", "targets", "{}", "delegations", `{"keys":{},"x-d":1,"roles":[`+
		`{"name":"a","keyids":[],"threshold":1,"terminating":false,"paths":[],"x-rstuf-expire-policy":0,"NAME":"b"},`+
		`{"name":"a/b","keyids":[],"threshold":1,"terminating":true,"path_hash_prefixes":["0a"],"x-rstuf-expire-policy":"x"}]}`)
	d := parse(t, text)
	targets, err := d.Targets()
	require.NoError(t, err)
	assert.Equal(t, json.RawMessage(`"b"`), targets.Delegations.Roles[0].Extra["NAME"])
	assert.Equal(t, string(d.Canonical()), string(tuftest.Document(t, targets).Canonical()))
}
