package ceremony_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

func TestNextRoot(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	old, err := trusted.Root()
	require.NoError(t, err)
	alice, bob, carol, online := public("alice").ID(), public("bob").ID(), public("carol").ID(), public("online").ID()
	for name, c := range map[string]struct {
		change  ceremony.Change
		check   func(*testing.T, *metadata.Root)
		signers []string
	}{
		"rotate a key": {
			ceremony.Change{AddRootKeys: []keys.Public{public("dave")}, RemoveRootKeys: []string{"carol"}},
			func(t *testing.T, next *metadata.Root) {
				assert.Equal(t, []string{alice, bob, public("dave").ID()}, next.Roles["root"].KeyIDs)
				assert.NotContains(t, next.Keys, carol)
				assert.Equal(t, "dave", next.Keys[public("dave").ID()].Name)
			},
			[]string{"alice", "bob"},
		},
		"rotate all keys but one": {
			ceremony.Change{AddRootKeys: []keys.Public{public("dave"), public("erin")}, RemoveRootKeys: []string{alice, "bob"}},
			func(t *testing.T, next *metadata.Root) {
				assert.Equal(t, []string{carol, public("dave").ID(), public("erin").ID()}, next.Roles["root"].KeyIDs)
			},
			[]string{"alice", "bob", "dave", "erin"},
		},
		"threshold": {
			ceremony.Change{Threshold: 3},
			func(t *testing.T, next *metadata.Root) { assert.Equal(t, 3, next.Roles["root"].Threshold) },
			[]string{"alice", "bob", "carol"},
		},
		"expiry": {
			ceremony.Change{Days: 30},
			func(t *testing.T, next *metadata.Root) { assert.Equal(t, testNow.AddDate(0, 0, 30), next.Expires) },
			[]string{"alice", "carol"},
		},
		"rename": {
			ceremony.Change{RenameKeys: map[string]string{"bob": "robert"}},
			func(t *testing.T, next *metadata.Root) {
				assert.Equal(t, "robert", next.Keys[bob].Name)
				assert.Equal(t, old.Roles, next.Roles)
			},
			[]string{"alice", "bob"},
		},
		"online key": {
			ceremony.Change{OnlineKey: exampleKey("online2")},
			func(t *testing.T, next *metadata.Root) {
				id := public("online2").ID()
				assert.NotContains(t, next.Keys, online)
				assert.Equal(t, "fn:"+id, next.Keys[id].OnlineURI)
				for _, role := range []string{"timestamp", "snapshot", "targets"} {
					assert.Equal(t, []string{id}, next.Roles[role].KeyIDs)
				}
			},
			[]string{"alice", "bob"},
		},
		"online key moves": {
			ceremony.Change{OnlineURI: "awskms:alias/online"},
			func(t *testing.T, next *metadata.Root) {
				assert.Equal(t, "awskms:alias/online", next.Keys[online].OnlineURI)
				assert.Equal(t, old.Roles, next.Roles)
			},
			[]string{"alice", "bob"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.change.Now = testNow
			draft, err := ceremony.Next(t.Context(), trusted, c.change)
			require.NoError(t, err)
			for _, signer := range c.signers {
				assert.False(t, draft.Status().Complete())
				draft = carry(t, draft)
				require.NoError(t, draft.Pin(trusted))
				sign(t, draft, signer)
			}
			assert.True(t, draft.Status().Complete(), draft.Status())
			update := draft.Update()
			require.NoError(t, update.Validate())
			sent, err := metadata.Parse(update.Metadata["root"])
			require.NoError(t, err)
			_, _, err = metadata.VerifyNextRoot(trusted, sent)
			require.NoError(t, err)
			require.NoError(t, metadata.CheckRoot(sent, testNow))
			next, err := sent.Root()
			require.NoError(t, err)
			assert.EqualValues(t, 2, next.Version)
			c.check(t, next)
			assert.Nil(t, draft.Payload(), "a next root is no bootstrap")
		})
	}
}

func TestBadChanges(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	for name, c := range map[string]struct {
		change ceremony.Change
		want   []string
	}{
		"nothing":            {ceremony.Change{}, []string{"it changes nothing"}},
		"same threshold":     {ceremony.Change{Threshold: 2}, []string{"it changes nothing"}},
		"threshold one":      {ceremony.Change{Threshold: 1}, []string{"a single key decide alone"}},
		"threshold too high": {ceremony.Change{Threshold: 4}, []string{"4 signatures are wanted of 3 root keys"}},
		"too few keys left":  {ceremony.Change{RemoveRootKeys: []string{"alice", "bob"}}, []string{"the threshold is 2"}},
		"unknown keys": {ceremony.Change{RemoveRootKeys: []string{"zoe"}, RenameKeys: map[string]string{"yan": "x"}, LostKeys: []string{"xi"}}, []string{
			`no root key with the id or name "zoe"`, `"yan"`, `"xi"`,
		}},
		"known key":          {ceremony.Change{AddRootKeys: []keys.Public{public("bob")}}, []string{"already a key of the role root"}},
		"online key as root": {ceremony.Change{AddRootKeys: []keys.Public{public("online")}}, []string{"already a key of the role"}},
		"root key as online": {ceremony.Change{OnlineKey: exampleKey("alice")}, []string{"is a root key"}},
		"same name":          {ceremony.Change{AddRootKeys: []keys.Public{public("dave").WithName("bob")}}, []string{`two root keys would have the name "bob"`}},
		"no name":            {ceremony.Change{AddRootKeys: []keys.Public{public("dave").WithName("")}}, []string{"it has no name"}},
		"empty key":          {ceremony.Change{AddRootKeys: []keys.Public{{}}}, []string{"the key is missing"}},
		"online key twice":   {ceremony.Change{OnlineKey: exampleKey("o"), UntestedOnlineKeyUnsafe: public("p")}, []string{"given twice"}},
		"bad URI":            {ceremony.Change{OnlineURI: "somewhere"}, []string{"is not a key URI"}},
		"days":               {ceremony.Change{Days: -1}, []string{"-1 days, but it must be"}},
		"too late":           {ceremony.Change{Threshold: 3, Now: testNow.AddDate(2, 0, 0)}, []string{"give it a new life"}},
		"lost keys":          {ceremony.Change{Days: 500, LostKeys: []string{"alice", "carol"}}, []string{"can still sign"}},
		"several at once":    {ceremony.Change{Threshold: -2, Days: -1, RemoveRootKeys: []string{"zoe"}}, []string{"-2", "-1 days", "zoe"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.change.Now.IsZero() {
				c.change.Now = testNow
			}
			_, err := ceremony.Next(t.Context(), trusted, c.change)
			require.Error(t, err)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := ceremony.Next(t.Context(), newDraft(t, nil, "alice").Document(), ceremony.Change{Days: 1, Now: testNow})
	assert.ErrorIs(t, err, metadata.ErrThreshold, "a root without its own signatures is not trusted")
	_, err = ceremony.Next(t.Context(), record(t, "custom-delegations").published("1.targets.json"), ceremony.Change{Days: 1})
	assert.Error(t, err)
}

// TestOnlineKeyIsTested: an online key that can't sign is found out before
// anybody signs a root that names it.
func TestOnlineKeyIsTested(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	broken := errors.New("the token is locked")
	signer := keys.NewSignerFunc(public("online2"), func(context.Context, []byte) ([]byte, error) { return nil, broken })
	_, err := ceremony.Next(t.Context(), trusted, ceremony.Change{OnlineKey: signer, Now: testNow})
	assert.ErrorIs(t, err, broken)
	wrong := otherSigner{exampleKey("mallory"), public("online2")}
	_, err = ceremony.Next(t.Context(), trusted, ceremony.Change{OnlineKey: wrong, Now: testNow})
	assert.ErrorIs(t, err, keys.ErrBadSignature)
	_, err = ceremony.Next(t.Context(), trusted, ceremony.Change{UntestedOnlineKeyUnsafe: public("online2"), Now: testNow})
	assert.NoError(t, err)
}

// otherSigner signs with another key than it says.
type otherSigner struct {
	keys.Signer
	public keys.Public
}

func (s otherSigner) Public() keys.Public { return s.public }

// TestNextKeepsUnknownFields: what others wrote into a root stays there.
func TestNextKeepsUnknownFields(t *testing.T) {
	t.Parallel()
	first := newDraft(t, nil).Document()
	root, err := first.Root()
	require.NoError(t, err)
	root.Extra = map[string]json.RawMessage{"x-acme-note": json.RawMessage(`{"a":123456789012345678901234567890}`)}
	document, err := metadata.New(root)
	require.NoError(t, err)
	for _, name := range []string{"alice", "bob"} {
		require.NoError(t, document.Sign(t.Context(), exampleKey(name)))
	}
	draft, err := ceremony.Next(t.Context(), document, ceremony.Change{Days: 500, Now: testNow})
	require.NoError(t, err)
	next, err := draft.Document().Root()
	require.NoError(t, err)
	assert.Equal(t, root.Extra, next.Extra)
	assert.Equal(t, rstuf.RoleRoot, draft.Role())
	assert.Equal(t, document.Canonical(), draft.Trusted().Canonical())
}
