package ceremony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/metadata"
)

// roots are versions 1 to n of a root, each with another expiry and signed by
// alice and bob.
func roots(t *testing.T, n int) []*metadata.Document {
	t.Helper()
	list := []*metadata.Document{newDraft(t, nil, "alice", "bob").Document()}
	for len(list) < n {
		draft, err := ceremony.Next(t.Context(), list[len(list)-1], ceremony.Change{Days: 400 + len(list), Now: testNow})
		require.NoError(t, err)
		sign(t, draft, "alice", "bob")
		list = append(list, draft.Document())
	}
	return list
}

// TestPinRoot: a next root from elsewhere is signed only after the root that it
// rests on was found to be the pinned one.
func TestPinRoot(t *testing.T) {
	t.Parallel()
	chain := roots(t, 3)
	other := newDraft(t, func(p *ceremony.Policy) { p.RootKeys[0], p.RootKeys[1] = public("mallory"), public("trent") }, "mallory", "trent").Document()
	made, err := ceremony.Next(t.Context(), chain[2], ceremony.Change{Days: 500, Now: testNow})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		pinned []*metadata.Document
		fine   bool
	}{
		"nothing":        {nil, false},
		"the root":       {chain[2:3], true},
		"the chain":      {chain, true},
		"part of it":     {chain[1:], true},
		"too old":        {chain[:2], false},
		"a gap":          {[]*metadata.Document{chain[0], chain[2]}, false},
		"another root":   {[]*metadata.Document{other}, false},
		"another, chain": {[]*metadata.Document{other, chain[1], chain[2]}, false},
		"unsigned":       {[]*metadata.Document{newDraft(t, nil).Document(), chain[1], chain[2]}, false},
	} {
		draft := carry(t, made)
		assert.ErrorIs(t, draft.Sign(t.Context(), exampleKey("alice")), ceremony.ErrNotPinned, name)
		assert.False(t, draft.Review(testNow).Pinned)
		err := draft.Pin(c.pinned...)
		assert.Equal(t, c.fine, err == nil, "%s: %v", name, err)
		assert.Equal(t, c.fine, draft.Review(testNow).Pinned, name)
		assert.Equal(t, c.fine, draft.Sign(t.Context(), exampleKey("alice")) == nil, name)
	}
	// Out of date: a newer root is pinned than the one that the draft is for.
	stale, err := ceremony.Next(t.Context(), chain[1], ceremony.Change{Days: 500, Now: testNow})
	require.NoError(t, err)
	stale = carry(t, stale)
	err = stale.Pin(chain...)
	assert.ErrorIs(t, err, ceremony.ErrNotPinned)
	assert.ErrorContains(t, err, "out of date")
}

// TestForgedBase: a draft with a forged root before it agrees with itself, and
// still no one who pinned the right root signs it.
func TestForgedBase(t *testing.T) {
	t.Parallel()
	real := roots(t, 1)[0]
	forged := newDraft(t, func(p *ceremony.Policy) { p.RootKeys[2] = public("mallory") }, "alice", "mallory").Document()
	made, err := ceremony.Next(t.Context(), forged, ceremony.Change{Days: 500, Now: testNow})
	require.NoError(t, err)
	draft := carry(t, made)
	err = draft.Pin(real)
	assert.ErrorIs(t, err, ceremony.ErrNotPinned)
	assert.ErrorContains(t, err, "not the pinned one")
	assert.ErrorIs(t, draft.Sign(t.Context(), exampleKey("alice")), ceremony.ErrNotPinned)
	draft.TrustServerRootUnsafe()
	assert.NoError(t, draft.Sign(t.Context(), exampleKey("alice")))
	review := draft.Review(testNow)
	assert.False(t, review.Pinned)
	assert.Contains(t, review.Warnings, "UNSAFE: you chose to trust what came with the draft, without a pinned root")
}

// TestPinFirstRoot: a first root that a deployment holds is compared with the
// one that was agreed on.
func TestPinFirstRoot(t *testing.T) {
	t.Parallel()
	agreed := newDraft(t, nil, "alice")
	api := newDeployment(t, pendingRoot(agreed.Document(), nil))
	draft := onlyPending(t, api)
	assert.ErrorIs(t, draft.Sign(t.Context(), exampleKey("bob")), ceremony.ErrNotPinned)
	assert.ErrorIs(t, draft.Pin(newDraft(t, func(p *ceremony.Policy) { p.Threshold = 3 }).Document()), ceremony.ErrNotPinned)
	require.NoError(t, draft.Pin(agreed.Document()))
	sign(t, draft, "bob")
	assert.True(t, draft.Status().Complete())
}

// TestPinRefusesDrafts: a signer who has a root is not made to sign the first
// root of something else.
func TestPinRefusesDrafts(t *testing.T) {
	t.Parallel()
	draft := carry(t, newDraft(t, func(p *ceremony.Policy) { p.RootKeys[2] = public("mallory") }))
	assert.ErrorIs(t, draft.Pin(roots(t, 1)...), ceremony.ErrNotPinned)
	assert.ErrorIs(t, draft.Sign(t.Context(), exampleKey("alice")), ceremony.ErrNotPinned)
	assert.Contains(t, draft.Review(testNow).Warnings[0], "nobody has compared")
}

// TestPinDelegatedRole: the targets that came along must be signed as the
// pinned root says.
func TestPinDelegatedRole(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	api := newDeployment(t, r.pending("sign.get"))
	draft := onlyPending(t, api)
	err := draft.Pin(roots(t, 1)...)
	assert.ErrorIs(t, err, ceremony.ErrNotPinned)
	assert.ErrorIs(t, err, metadata.ErrThreshold)
	assert.ErrorIs(t, draft.Sign(t.Context(), r.keys["dev1"]), ceremony.ErrNotPinned)
	require.NoError(t, draft.Pin(r.published("1.root.json")))
	assert.ErrorIs(t, draft.Sign(t.Context(), r.keys["alice"]), ceremony.ErrNotSigner)
	assert.NoError(t, draft.Sign(t.Context(), r.keys["dev1"]))
}
