package metadata_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// people are the keys of a repository.
type people struct{ alice, bob, carol, online *keys.Private }

func newPeople(t testing.TB) people {
	return people{tuftest.Key(t, "alice"), tuftest.Key(t, "bob"), tuftest.Key(t, "carol"), tuftest.Key(t, "online")}
}

// root is the first root: alice and bob, both must sign.
func (p people) root(t testing.TB) *metadata.Root {
	t.Helper()
	root, err := metadata.NewRoot([]keys.Public{p.alice.Public(), p.bob.Public()}, 2, p.online.Public(), expires)
	require.NoError(t, err)
	return root
}

func TestNewRoot(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	d := tuftest.Document(t, p.root(t), p.alice, p.bob)
	require.NoError(t, metadata.CheckRoot(d, expires.Add(-time.Second)))
	require.NoError(t, metadata.VerifyRootChain([]*metadata.Document{d}))
	root, err := d.Root()
	require.NoError(t, err)
	online, err := metadata.OnlineKey(root)
	require.NoError(t, err)
	assert.Equal(t, p.online.Public().ID(), online.ID())
	assert.Equal(t, "online", online.Name())
	for _, role := range []string{"timestamp", "snapshot", "targets"} {
		d, err := root.Delegation(role)
		require.NoError(t, err)
		assert.Equal(t, []string{online.ID()}, d.KeyIDs)
		assert.Equal(t, 1, d.Threshold)
	}
	_, err = root.Delegation("bins-0")
	assert.Error(t, err)
}

func TestNewRootRefuses(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	alice, bob, online := p.alice.Public(), p.bob.Public(), p.online.Public()
	sigstore := keys.Sigstore("kim@example.com", "https://github.com/login/oauth", "kim")
	for name, c := range map[string]struct {
		roots     []keys.Public
		threshold int
		online    keys.Public
	}{
		"threshold 0":            {[]keys.Public{alice}, 0, online},
		"threshold above keys":   {[]keys.Public{alice, bob}, 3, online},
		"no keys":                {nil, 1, online},
		"a key twice":            {[]keys.Public{alice, alice.WithName("again")}, 1, online},
		"an empty key":           {[]keys.Public{{}}, 1, online},
		"no online key":          {[]keys.Public{alice}, 1, keys.Public{}},
		"online among root keys": {[]keys.Public{alice, bob}, 2, bob},
		"online by Sigstore":     {[]keys.Public{alice, bob}, 2, sigstore},
	} {
		_, err := metadata.NewRoot(c.roots, c.threshold, c.online, expires)
		assert.Error(t, err, name)
	}
	_, err := metadata.NewRoot([]keys.Public{alice, sigstore}, 2, online, expires)
	assert.NoError(t, err, "a Sigstore key may sign roots")
}

func TestCheckRoot(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	now := expires.AddDate(-1, 0, 0)
	for want, edit := range map[string]func(*metadata.Root){
		"metadata has expired": func(r *metadata.Root) { r.Expires = now },
		"roles.root: the threshold is 3, usable keys: 2": func(r *metadata.Root) {
			require.NoError(t, r.SetThreshold(3))
		},
		"consistent_snapshot: must be true": func(r *metadata.Root) { r.ConsistentSnapshot = false },
		"roles.targets: must have one key": func(r *metadata.Root) {
			r.Roles["targets"] = metadata.RoleKeys{KeyIDs: []string{p.online.Public().ID(), p.alice.Public().ID()}, Threshold: 1}
		},
		"roles.snapshot: timestamp, snapshot and targets must have the same online key": func(r *metadata.Root) {
			r.Roles["snapshot"] = metadata.RoleKeys{KeyIDs: []string{p.alice.Public().ID()}, Threshold: 1}
		},
		"must not be a root key": func(r *metadata.Root) {
			for _, role := range []string{"timestamp", "snapshot", "targets"} {
				r.Roles[role] = metadata.RoleKeys{KeyIDs: []string{p.alice.Public().ID()}, Threshold: 1}
			}
		},
		"the id does not fit the key": func(r *metadata.Root) {
			r.Keys[p.alice.Public().ID()] = p.carol.Public().Key()
		},
		`roles.root: there is no key with the id "feed"`: func(r *metadata.Root) {
			role := r.Roles["root"]
			role.KeyIDs = append(role.KeyIDs, "feed")
			r.Roles["root"] = role
		},
		`keys: the online key "`: func(r *metadata.Root) { delete(r.Keys, p.online.Public().ID()) },
		"note: the field is not known": func(r *metadata.Root) {
			r.Extra = map[string]json.RawMessage{"note": json.RawMessage("1"), "x-acme-note": json.RawMessage("1")}
		},
	} {
		root := p.root(t)
		edit(root)
		err := metadata.CheckRoot(tuftest.Document(t, root), now)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "\n")
	}
	root := p.root(t)
	root.ConsistentSnapshot = false
	root.Expires = now
	err := metadata.CheckRoot(tuftest.Document(t, root), now)
	assert.ErrorIs(t, err, metadata.ErrExpired)
	assert.ErrorContains(t, err, "consistent_snapshot", "all problems at once")
	assert.Error(t, metadata.CheckRoot(parse(t, signed()), now))
}

func TestVerifyNextRoot(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	first := tuftest.Document(t, p.root(t), p.alice, p.bob)
	change := p.root(t).Next()
	require.NoError(t, change.RemoveKey(p.bob.Public().ID()))
	require.NoError(t, change.AddKey(p.carol.Public()))

	next := tuftest.Document(t, change, p.alice, p.carol)
	old, new, err := metadata.VerifyNextRoot(first, next)
	require.ErrorIs(t, err, metadata.ErrThreshold)
	assert.ErrorContains(t, err, "by the keys of version 1: root: not enough signatures: 1 of 2, 1 more needed; not signed by bob")
	assert.Equal(t, 1, old.Needed())
	assert.True(t, new.OK())

	require.NoError(t, next.Sign(t.Context(), p.bob))
	old, new, err = metadata.VerifyNextRoot(first, next)
	require.NoError(t, err)
	assert.True(t, old.OK())
	assert.True(t, new.OK())
	require.NoError(t, metadata.VerifyRootChain([]*metadata.Document{first, next}))

	_, new, err = metadata.VerifyNextRoot(first, tuftest.Document(t, change, p.alice, p.bob))
	require.ErrorIs(t, err, metadata.ErrThreshold)
	assert.ErrorContains(t, err, "by its own keys")
	assert.Equal(t, []metadata.KeyRef{ref(p.carol.Public())}, new.Missing)

	skipped := change.Next()
	_, _, err = metadata.VerifyNextRoot(first, tuftest.Document(t, skipped, p.alice, p.bob, p.carol))
	assert.EqualError(t, err, "root version 3 does not follow version 1: it must be 2")
	_, _, err = metadata.VerifyNextRoot(first, first)
	assert.ErrorContains(t, err, "does not follow")
	_, _, err = metadata.VerifyNextRoot(first, parse(t, signed()))
	assert.ErrorContains(t, err, `the document is of type "snapshot"`)

	third := tuftest.Document(t, change.Next(), p.carol, p.alice)
	require.NoError(t, metadata.VerifyRootChain([]*metadata.Document{first, next, third}))
	require.NoError(t, metadata.VerifyRootChain([]*metadata.Document{next, third}), "from any trusted root on")
	assert.Error(t, metadata.VerifyRootChain([]*metadata.Document{first, third}))
	assert.Error(t, metadata.VerifyRootChain(nil))
	assert.ErrorIs(t, metadata.VerifyRootChain([]*metadata.Document{tuftest.Document(t, p.root(t), p.alice)}), metadata.ErrThreshold)
}

func TestRootEdits(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	alice, carol := p.alice.Public(), p.carol.Public()
	root := p.root(t)
	before := string(tuftest.Document(t, root).Canonical())

	next := root.Next()
	assert.EqualValues(t, 2, next.Version)
	require.NoError(t, next.RemoveKey(alice.ID()))
	assert.NotContains(t, next.Keys, alice.ID(), "a key goes with its last use")
	require.NoError(t, next.AddKey(carol))
	require.NoError(t, next.SetThreshold(1))
	require.NoError(t, next.RenameKey(carol.ID(), "Carol C."))
	replacement := tuftest.Key(t, "online 2").Public().WithOnlineURI("fn:x")
	require.NoError(t, next.SetOnlineKey(replacement))
	assert.NotContains(t, next.Keys, p.online.Public().ID())
	assert.Equal(t, "Carol C.", next.Keys[carol.ID()].Name)
	online, err := metadata.OnlineKey(next)
	require.NoError(t, err)
	assert.Equal(t, replacement.Key(), online.Key())
	require.NoError(t, metadata.CheckNextRoot(root, next))
	assert.Equal(t, before, string(tuftest.Document(t, root).Canonical()), "the trusted root stays as it was")

	same := string(tuftest.Document(t, next).Canonical())
	pq, err := keys.Generate(keys.MLDSA44, "online")
	require.NoError(t, err)
	for name, err := range map[string]error{
		"add a root key again":  next.AddKey(carol.WithName("x")),
		"add the online key":    next.AddKey(replacement),
		"add nothing":           next.AddKey(keys.Public{}),
		"remove an unknown key": next.RemoveKey("feed"),
		"remove the online key": next.RemoveKey(replacement.ID()),
		"rename an unknown key": next.RenameKey("feed", "x"),
		"threshold 0":           next.SetThreshold(0),
		"a root key online":     next.SetOnlineKey(carol),
		"no key online":         next.SetOnlineKey(keys.Public{}),
		"a Sigstore key online": next.SetOnlineKey(keys.Sigstore("a", "b", "c")),
		"an ML-DSA key online":  next.SetOnlineKey(pq.Public()),
	} {
		assert.Error(t, err, name)
	}
	assert.Equal(t, same, string(tuftest.Document(t, next).Canonical()), "an edit that fails changes nothing")

	// First-generation roots have the name in another field.
	key := next.Keys[carol.ID()]
	key.Name, key.Extra = "", map[string]json.RawMessage{"name": json.RawMessage(`"old"`)}
	next.Keys[carol.ID()] = key
	require.NoError(t, next.RenameKey(carol.ID(), "new"))
	assert.Equal(t, "new", next.Keys[carol.ID()].DisplayName())
	assert.NotContains(t, string(tuftest.Document(t, next).Bytes()), `"old"`)
}

func TestCheckNextRoot(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	trusted := p.root(t)
	alice, bob := p.alice.Public().ID(), p.bob.Public().ID()

	assert.EqualError(t, metadata.CheckNextRoot(trusted, trusted.Next()), "root version 2: it changes nothing")

	renewed := trusted.Next()
	renewed.Expires = expires.AddDate(1, 0, 0)
	assert.NoError(t, metadata.CheckNextRoot(trusted, renewed))
	assert.EqualError(t, metadata.CheckNextRoot(trusted, renewed, bob),
		"root version 2: the old root's threshold is 2, keys that can still sign: 1; the new root's threshold is 2, keys that can still sign: 1")
	assert.ErrorContains(t, metadata.CheckNextRoot(trusted, renewed.Next()), "version: must be 2")

	low := trusted.Next()
	require.NoError(t, low.RemoveKey(bob))
	assert.EqualError(t, metadata.CheckNextRoot(trusted, low), "root version 2: roles.root: the threshold is 2, usable keys: 1")

	// With three keys and a threshold of two, one lost key can be replaced.
	spare := trusted.Next()
	require.NoError(t, spare.AddKey(p.carol.Public()))
	require.NoError(t, metadata.CheckNextRoot(trusted, spare))
	replaced := spare.Next()
	require.NoError(t, replaced.RemoveKey(alice))
	assert.NoError(t, metadata.CheckNextRoot(spare, replaced, alice))
	assert.ErrorContains(t, metadata.CheckNextRoot(spare, replaced, alice, bob), "the old root's threshold is 2, keys that can still sign: 1")

	broken := trusted.Next()
	broken.ConsistentSnapshot = false
	broken.Extra = map[string]json.RawMessage{"x-a-b": json.RawMessage("{")}
	err := metadata.CheckNextRoot(trusted, broken)
	assert.ErrorContains(t, err, "consistent_snapshot")
	assert.ErrorContains(t, err, "x-a-b")
}

// A key object with anything in it goes through a typed copy unchanged.
func TestRootKeepsKeys(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	text := string(tuftest.Document(t, p.root(t)).Bytes())
	odd := `"keys":{"0":{"keytype":"acme","scheme":"a","keyval":{"public":{"n":[1]}},"KEYTYPE":"x","x-rstuf-key-name":"","x-rstuf-online-key-uri":7},` +
		`"1":{"keytype":"acme","scheme":"a","keyval":["x"],"name":"old"},`
	d := parse(t, strings.Replace(text, `"keys":{`, odd, 1))
	root, err := d.Root()
	require.NoError(t, err)
	assert.Equal(t, "acme", root.Keys["0"].KeyType)
	assert.Equal(t, "old", root.Keys["1"].DisplayName())
	assert.Equal(t, string(d.Canonical()), string(tuftest.Document(t, root).Canonical()))
	delegation, err := root.Delegation(rstuf.RoleRoot)
	require.NoError(t, err)
	require.NoError(t, d.Sign(t.Context(), p.alice))
	require.NoError(t, d.Sign(t.Context(), p.bob))
	assert.NoError(t, delegation.Verify(d).Err())
}
