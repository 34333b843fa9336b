package metadata_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// TestCheckDelegations: the settings of a payload are not signed, so that keys
// could have been exchanged under their ids.
func TestCheckDelegations(t *testing.T) {
	t.Parallel()
	dan, erin, online := tuftest.Key(t, "dan").Public(), tuftest.Key(t, "erin").Public(), tuftest.Key(t, "online").Public()
	root := rootOf(t, online)
	role := func(threshold int, ids ...string) []rstuf.DelegatedRole {
		return []rstuf.DelegatedRole{{Name: "dev", Paths: []string{"*"}, Threshold: threshold, KeyIDs: ids}}
	}
	for name, c := range map[string]struct {
		keys  map[string]rstuf.Key
		roles []rstuf.DelegatedRole
		want  string
	}{
		"fine":           {map[string]rstuf.Key{dan.ID(): dan.Key(), erin.ID(): erin.Key()}, role(2, dan.ID(), erin.ID()), ""},
		"online":         {nil, role(1), ""},
		"exchanged":      {map[string]rstuf.Key{dan.ID(): erin.Key()}, role(1, dan.ID()), "the id does not fit the key"},
		"missing":        {map[string]rstuf.Key{dan.ID(): dan.Key()}, role(1, dan.ID(), erin.ID()), "the key is not known"},
		"twice":          {map[string]rstuf.Key{dan.ID(): dan.Key(), dan.LegacyID(): dan.Key()}, role(2, dan.ID(), dan.LegacyID()), "a threshold of 2 and 1 usable keys"},
		"the online key": {map[string]rstuf.Key{online.ID(): online.Key()}, role(1, online.ID()), "is the online key"},
		"its other id":   {map[string]rstuf.Key{online.LegacyID(): online.Key()}, role(1, online.LegacyID()), "is the online key"},
	} {
		err := metadata.CheckDelegations(&rstuf.Delegations{Keys: c.keys, Roles: c.roles}, nil, root)
		if c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.want, name)
		}
	}
	known := map[string]rstuf.Key{dan.ID(): dan.Key(), "other": erin.Key()}
	assert.NoError(t, metadata.CheckDelegations(&rstuf.Delegations{Roles: role(2, dan.ID(), "other")}, known, root), "known keys, under the ids that they have")
	both := append(role(1, "nobody"), role(3, dan.ID())...)
	err := metadata.CheckDelegations(&rstuf.Delegations{Roles: both}, known, root)
	assert.ErrorContains(t, err, "a threshold of 3", "an unknown key hides nothing else")
	assert.NotErrorIs(t, err, metadata.ErrUnknownKey)
}

func TestPutPathsOrPrefixes(t *testing.T) {
	t.Parallel()
	root := rootOf(t, tuftest.Key(t, "online").Public())
	d := &metadata.Delegations{}
	role := rstuf.DelegatedRole{Name: "dev", Threshold: 1, Paths: []string{"*"}, PathHashPrefixes: []string{"0"}}
	assert.ErrorContains(t, d.Put(role, nil, root), "only one of the two")
	assert.Empty(t, d.Roles)
	role.PathHashPrefixes = []string{}
	require.NoError(t, d.Put(role, nil, root))
	tuftest.Document(t, &metadata.Targets{Version: 1, Expires: expires, Delegations: d})
}

// TestManyRoles: many roles, each with its key, are no reason to take long.
func TestManyRoles(t *testing.T) {
	t.Parallel()
	root := rootOf(t, tuftest.Key(t, "online").Public())
	d := &metadata.Delegations{}
	start := time.Now()
	for i := range 2000 {
		key, err := keys.FromKey(rstuf.Key{KeyType: "new", Scheme: "new", Value: map[string]string{"public": fmt.Sprint(i)}})
		require.NoError(t, err)
		role := rstuf.DelegatedRole{Name: fmt.Sprint("r", i), Threshold: 1, Paths: []string{"*"}, KeyIDs: []string{key.ID()}}
		require.NoError(t, d.Put(role, map[string]rstuf.Key{key.ID(): key.Key()}, root))
	}
	assert.Less(t, time.Since(start), 30*time.Second)
	for i := range 2000 {
		require.NoError(t, d.Remove(fmt.Sprint("r", i)))
	}
	assert.Empty(t, d.Keys)
}

// TestOnePersonIsOneKey: a Sigstore identity in two key objects does not reach
// a threshold of two.
func TestOnePersonIsOneKey(t *testing.T) {
	t.Parallel()
	person := func(note string) keys.Public {
		key, err := keys.FromKey(rstuf.Key{KeyType: keys.KeyTypeSigstore, Scheme: keys.SchemeFulcio, Value: map[string]string{
			"identity": "dan@example.com", "issuer": "https://accounts.example.com", "note": note,
		}})
		require.NoError(t, err)
		return key
	}
	require.NotEqual(t, person("a").ID(), person("b").ID())
	_, err := metadata.NewRoot([]keys.Public{person("a"), person("b")}, 2, tuftest.Key(t, "online").Public(), expires)
	assert.ErrorContains(t, err, "it is already a key of the role root")
}

// TestSignatureWithoutRoom: a signature that would make a file too large to be
// read again is refused.
func TestSignatureWithoutRoom(t *testing.T) {
	t.Parallel()
	note := func(n int) *metadata.Document {
		return tuftest.Document(t, &metadata.Snapshot{Version: 1, Expires: expires, Extra: map[string]json.RawMessage{
			"x-acme-note": json.RawMessage(`"` + strings.Repeat("a", n) + `"`),
		}})
	}
	d := note(metadata.MaxSize - len(note(0).Bytes()))
	assert.ErrorContains(t, d.Sign(t.Context(), tuftest.Key(t, "alice")), "too large")
	assert.Empty(t, d.Signatures())
	assert.Len(t, d.Bytes(), metadata.MaxSize)
}

// TestSignerWithoutKey: such a signature could not be read again.
func TestSignerWithoutKey(t *testing.T) {
	t.Parallel()
	d := parse(t, snapshotJSON)
	signer := keys.NewSignerFunc(keys.Public{}, func(context.Context, []byte) ([]byte, error) { return []byte{1}, nil })
	assert.Error(t, d.Sign(t.Context(), signer))
	assert.Equal(t, snapshotJSON, string(d.Bytes()))
}

// TestKeyRefCannotBeForged: a name must not look like several keys.
func TestKeyRefCannotBeForged(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123456789abcdef", 4)
	for ref, want := range map[metadata.KeyRef]string{
		{KeyID: id, Name: "alice"}: "alice (0123456789abcdef)",
		{KeyID: id}:                "0123456789abcdef",
		{KeyID: id, Name: "alice (0123456789abcdef), bob"}:    `"alice (0123456789abcdef), bob" (0123456789abcdef)`,
		{KeyID: "\x1b[31m", Name: "a\nb"}:                     `"a\nb" ("\x1b[31m")`,
		{KeyID: "ä", Name: "é"}:                               "é (ä)",
		{KeyID: strings.Repeat("x", 15) + "ä", Name: "split"}: `split ("xxxxxxxxxxxxxxx\xc3")`,
	} {
		assert.Equal(t, want, ref.String())
	}
}

// TestErrorsListSome: a document with thousands of faults gives an error that
// people can still read.
func TestErrorsListSome(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	root := p.root(t)
	root.Extra = map[string]json.RawMessage{}
	role := root.Roles[rstuf.RoleRoot]
	for i := range 5000 {
		root.Extra[fmt.Sprint("bad", i)] = json.RawMessage("1")
		role.KeyIDs = append(role.KeyIDs, fmt.Sprint("key", i))
	}
	role.Threshold = 3
	root.Roles[rstuf.RoleRoot] = role
	d := tuftest.Document(t, root)
	err := metadata.CheckRoot(d, expires.AddDate(0, 0, -1))
	assert.ErrorContains(t, err, "more")
	assert.Less(t, len(err.Error()), 10_000)
	delegation, err := root.Delegation(rstuf.RoleRoot)
	require.NoError(t, err)
	err = delegation.Verify(d).Err()
	assert.ErrorIs(t, err, metadata.ErrThreshold)
	assert.ErrorContains(t, err, "; and 4952 more")
	assert.Less(t, len(err.Error()), 10_000)
}

// TestConcurrentReads: a document that nobody signs any more may be read by
// many at once.
func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	d := tuftest.Document(t, p.root(t), p.alice, p.bob)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			root, err := d.Root()
			assert.NoError(t, err)
			delegation, err := root.Delegation(rstuf.RoleRoot)
			assert.NoError(t, err)
			assert.True(t, delegation.Verify(d).OK())
			assert.Len(t, d.Signatures(), 2)
			_, err = metadata.Parse(d.Bytes())
			assert.NoError(t, err)
		})
	}
	all.Wait()
}

// rootOf is a first root with this online key.
func rootOf(t *testing.T, online keys.Public) *metadata.Root {
	t.Helper()
	root, err := metadata.NewRoot([]keys.Public{tuftest.Key(t, "alice").Public()}, 1, online, expires)
	require.NoError(t, err)
	return root
}
