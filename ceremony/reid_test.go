package ceremony_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// TestNewIDOfAKey gives carol's key, which the first root names by the id of
// carol.json, the id that follows from carol.pub. She signs once, and it counts
// for the old root and for the new one.
func TestNewIDOfAKey(t *testing.T) {
	t.Parallel()
	policy, err := ceremony.LoadPolicy("testdata/reid/p3.yml")
	require.NoError(t, err)
	policy.HashBins, policy.Now = 2, testNow
	load := func(name string) *keys.Private {
		key, err := keys.Load("testdata/reid/"+name, nil)
		require.NoError(t, err)
		return key.WithName(name)
	}
	bob, carol := load("bob"), load("carol")
	draft, err := ceremony.New(policy)
	require.NoError(t, err)
	require.NoError(t, draft.Sign(t.Context(), bob))
	require.NoError(t, draft.Sign(t.Context(), carol))
	assert.True(t, draft.Status().Complete(), draft.Status())
	trusted := draft.Document()

	next, err := ceremony.Next(t.Context(), trusted, ceremony.Change{
		RemoveRootKeys: []string{"carol"}, AddRootKeys: []keys.Public{carol.Public()}, Now: testNow,
	})
	require.NoError(t, err)
	require.Len(t, next.Review(testNow).Changes, 1, "nobody comes or goes")
	assert.Contains(t, next.Review(testNow).Changes[0].String(), "the same key by another id")
	ids := next.KeyIDs(carol.Public())
	require.Len(t, ids, 2)
	assert.Contains(t, ids, carol.Public().ID())
	require.NoError(t, next.Sign(t.Context(), bob))
	require.NoError(t, next.Sign(t.Context(), carol))
	assert.True(t, next.Status().Complete(), next.Status())
	_, _, err = metadata.VerifyNextRoot(trusted, next.Document())
	assert.NoError(t, err)

	// A single signature that was made elsewhere is enough too, by either id.
	for _, id := range ids {
		other, err := ceremony.Next(t.Context(), trusted, ceremony.Change{
			RemoveRootKeys: []string{"carol"}, AddRootKeys: []keys.Public{carol.Public()}, Now: testNow,
		})
		require.NoError(t, err)
		require.NoError(t, other.Sign(t.Context(), bob))
		for _, sig := range next.Document().Signatures() {
			if sig.KeyID == id {
				require.NoError(t, other.AddSignature(sig))
			}
		}
		assert.True(t, other.Status().Complete(), other.Status())
	}
}

// TestTodaysIDs moves the root keys of a first-generation repository to today's
// ids. The online key, which only moves to another place, keeps the id that it
// has.
func TestTodaysIDs(t *testing.T) {
	t.Parallel()
	alice, aliceID := legacyKey(t, "legacy-ed25519")
	bob, bobID := legacyKey(t, "legacy-ecdsa")
	online, onlineID := legacyKey(t, "legacy-rsa")
	draft := legacyDraft(t, alice.Public(), bob.Public(), online.Public())
	require.NoError(t, draft.Sign(t.Context(), alice))
	require.NoError(t, draft.Sign(t.Context(), bob))

	next, err := ceremony.Next(t.Context(), draft.Document(), ceremony.Change{
		RemoveRootKeys: []string{aliceID, bobID}, AddRootKeys: []keys.Public{alice.Public(), bob.Public()},
		OnlineURI: "fn:online", Now: testNow,
	})
	require.NoError(t, err)
	require.NoError(t, next.Sign(t.Context(), alice))
	assert.Equal(t, []metadata.KeyRef{{KeyID: bobID, Name: bob.Public().Name()}}, next.Status().RootBefore.Missing)
	require.NoError(t, next.Sign(t.Context(), bob))
	assert.True(t, next.Status().Complete(), next.Status())
	root, err := next.Document().Root()
	require.NoError(t, err)
	assert.Equal(t, []string{alice.Public().ID(), bob.Public().ID()}, root.Roles["root"].KeyIDs)
	assert.Equal(t, []string{onlineID}, root.Roles["timestamp"].KeyIDs)
	assert.Equal(t, "fn:online", root.Keys[onlineID].OnlineURI)
}

// TestOneKeyUnderTwoIDs: a root that names one key twice does not look like one
// with a key more.
func TestOneKeyUnderTwoIDs(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	root, err := trusted.Root()
	require.NoError(t, err)
	next := root.Next()
	role := next.Roles["root"]
	role.KeyIDs = append(role.KeyIDs, public("alice").LegacyID())
	next.Roles["root"] = role
	next.Keys[public("alice").LegacyID()] = public("alice").Key()
	document, err := metadata.New(next)
	require.NoError(t, err)
	file := encode(t, map[string]any{"rstuf_draft": 1, "role": "root", "trusted": trusted, "document": document})
	draft, err := ceremony.ReadDraft(strings.NewReader(file))
	require.NoError(t, err)
	review := draft.Review(testNow)
	assert.Contains(t, review.Contents, ceremony.Item{Field: "root threshold", Value: "2 of 3 keys"})
	assert.Contains(t, review.Warnings, "of 4 root key ids only 3 are those of different keys that can sign")
	require.NoError(t, draft.Pin(trusted))
	require.NoError(t, draft.Sign(t.Context(), exampleKey("alice")))
	assert.False(t, draft.Status().Complete(), "one key counts once")
}
