package metadata_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// delegation makes a delegation of the snapshot role to keys.
func delegation(threshold int, list ...keys.Public) metadata.Delegation {
	d := metadata.Delegation{Role: rstuf.RoleSnapshot, Keys: map[string]rstuf.Key{}, Threshold: threshold}
	for _, key := range list {
		d.Keys[key.ID()] = key.Key()
		d.KeyIDs = append(d.KeyIDs, key.ID())
	}
	return d
}

func ref(key keys.Public) metadata.KeyRef { return metadata.KeyRef{KeyID: key.ID(), Name: key.Name()} }

func TestVerify(t *testing.T) {
	t.Parallel()
	alice, bob, carol, stranger := tuftest.Key(t, "alice"), tuftest.Key(t, "bob"), tuftest.Key(t, ""), tuftest.Key(t, "stranger")
	d := parse(t, signed())
	by := delegation(2, alice.Public(), bob.Public(), carol.Public())
	require.NoError(t, d.Sign(t.Context(), stranger))
	require.NoError(t, d.Sign(t.Context(), bob))

	v := by.Verify(d)
	assert.Equal(t, metadata.Verification{
		Role: "snapshot", Threshold: 2,
		Signed:  []metadata.KeyRef{ref(bob.Public())},
		Missing: []metadata.KeyRef{ref(alice.Public()), ref(carol.Public())},
		Invalid: []metadata.InvalidSignature{},
	}, v)
	assert.False(t, v.OK())
	assert.Equal(t, 1, v.Needed())
	require.ErrorIs(t, v.Err(), metadata.ErrThreshold)
	assert.EqualError(t, v.Err(), "snapshot: not enough signatures: 1 of 2, 1 more needed; not signed by alice ("+alice.Public().ID()[:16]+"), "+carol.Public().ID()[:16])

	require.NoError(t, d.Sign(t.Context(), alice))
	require.NoError(t, d.Sign(t.Context(), carol))
	v = by.Verify(d)
	assert.True(t, v.OK())
	assert.Zero(t, v.Needed())
	assert.NoError(t, v.Err())
	assert.Len(t, v.Signed, 3)

	text, err := json.Marshal(metadata.Verification{Role: "root", Threshold: 1, Signed: []metadata.KeyRef{{KeyID: "a"}}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"role":"root","threshold":1,"signed":[{"keyid":"a"}],"missing":null,"invalid":null}`, string(text))
}

// Whatever is wrong with one signature is reported with its key and does not
// spoil the others.
func TestVerifyReportsWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	alice, bob, wrong := tuftest.Key(t, "alice"), tuftest.Key(t, "bob"), tuftest.Key(t, "wrong")
	sigstore := keys.Sigstore("kim@example.com", "https://github.com/login/oauth", "kim")
	unknown, err := keys.FromKey(rstuf.Key{KeyType: "acme", Scheme: "acme-1", Value: map[string]string{"public": "x"}, Name: "strange"})
	require.NoError(t, err)
	by := delegation(2, wrong.Public(), sigstore, unknown, alice.Public(), bob.Public())
	by.KeyIDs = append(by.KeyIDs, "absent", "malformed", "structured")
	by.Keys["malformed"] = rstuf.Key{KeyType: "ed25519", Scheme: "ed25519", Value: map[string]string{"public": "zz"}, Name: "mal"}
	by.Keys["structured"] = rstuf.Key{KeyType: "acme", Scheme: "acme-2", Extra: map[string]json.RawMessage{"keyval": json.RawMessage(`{"public":{}}`)}}

	d := parse(t, signed())
	require.NoError(t, d.Sign(t.Context(), alice))
	require.NoError(t, d.Sign(t.Context(), bob))
	list := `[{"keyid":"` + wrong.Public().ID() + `","sig":"` + strings.Repeat("00", 64) + `"},` +
		`{"keyid":"` + sigstore.ID() + `","sig":"","bundle":{"x":1.5}},{"keyid":"` + unknown.ID() + `","sig":"00"},` +
		`{"keyid":"absent","sig":"00"},{"keyid":"malformed","sig":"00"},{"keyid":"structured","sig":"00"},`
	d = parse(t, strings.Replace(string(d.Bytes()), "[", list, 1))

	v := by.Verify(d)
	assert.NoError(t, v.Err())
	assert.Equal(t, []metadata.KeyRef{ref(alice.Public()), ref(bob.Public())}, v.Signed)
	assert.Empty(t, v.Missing)
	reasons := map[string]string{}
	for _, k := range v.Invalid {
		reasons[k.KeyID] = k.Reason
	}
	require.Len(t, reasons, 6)
	assert.Contains(t, reasons[wrong.Public().ID()], keys.ErrBadSignature.Error())
	assert.Contains(t, reasons[sigstore.ID()], keys.ErrUnverifiable.Error())
	assert.Contains(t, reasons[unknown.ID()], "acme-1")
	assert.Equal(t, "there is no key with this id", reasons["absent"])
	assert.Contains(t, reasons["malformed"], "keyval.public")
	assert.Contains(t, reasons["structured"], "acme-2")

	by.Threshold = 3
	err = by.Verify(d).Err()
	require.ErrorIs(t, err, metadata.ErrThreshold)
	assert.Contains(t, err.Error(), "1 more needed; wrong ("+wrong.Public().ID()[:16]+") does not count: ")
}

// One key counts once, whatever ids and forms it comes in.
func TestVerifyCountsKeysOnce(t *testing.T) {
	t.Parallel()
	for _, typ := range []keys.Type{keys.Ed25519, keys.ECDSAP256} {
		key, err := keys.Generate(typ, "alice")
		require.NoError(t, err)
		twin := key.Public().Key()
		twin.Value["public"] = strings.ToUpper(twin.Value["public"])
		if typ != keys.Ed25519 {
			twin.Value["public"] = "\n" + key.Public().Key().Public()
		}
		other, err := keys.FromKey(twin)
		require.NoError(t, err)
		require.NotEqual(t, key.Public().ID(), other.ID())

		by := delegation(2, key.Public(), other)
		by.KeyIDs = append(by.KeyIDs, key.Public().ID())
		d := parse(t, signed())
		require.NoError(t, d.Sign(t.Context(), key))
		sig := d.Signatures()[0]
		sig.KeyID = other.ID()
		require.NoError(t, d.AddSignature(sig, other))

		v := by.Verify(d)
		assert.Len(t, v.Signed, 1)
		require.Len(t, v.Invalid, 1)
		assert.Equal(t, "the same key has signed under another key id", v.Invalid[0].Reason)
		assert.ErrorIs(t, v.Err(), metadata.ErrThreshold)
	}
}

func TestVerifyWrongRole(t *testing.T) {
	t.Parallel()
	key := tuftest.Key(t, "online")
	d := parse(t, signed())
	require.NoError(t, d.Sign(t.Context(), key))
	by := delegation(1, key.Public())
	require.NoError(t, by.Verify(d).Err())
	for _, role := range []string{"root", "timestamp", "targets", "bins-0"} {
		by.Role = role
		v := by.Verify(d)
		assert.False(t, v.OK())
		assert.ErrorContains(t, v.Err(), `the document is of type "snapshot"`)
		assert.NotErrorIs(t, v.Err(), metadata.ErrThreshold)
	}
	for _, threshold := range []int{0, -1} {
		v := metadata.Delegation{Role: "snapshot", Threshold: threshold}.Verify(d)
		assert.False(t, v.OK(), "a threshold of %d", threshold)
		assert.ErrorContains(t, v.Err(), "threshold")
	}
}

// A changed byte in the signed part is always noticed.
func TestVerifyTampered(t *testing.T) {
	t.Parallel()
	key := tuftest.Key(t, "online")
	d := parse(t, signed("meta", `{"targets.json":{"version":7}}`))
	require.NoError(t, d.Sign(t.Context(), key))
	by := delegation(1, key.Public())
	tampered := parse(t, strings.Replace(string(d.Bytes()), `{"version":7}`, `{"version":8}`, 1))
	assert.ErrorIs(t, by.Verify(tampered).Err(), metadata.ErrThreshold)
	added := parse(t, strings.Replace(string(d.Bytes()), `{"version":7}`, `{"version":7,"x":null}`, 1))
	assert.ErrorIs(t, by.Verify(added).Err(), metadata.ErrThreshold)
	// White space and order do not matter, for they are not in canonical form.
	moved := strings.Replace(string(d.Bytes()), `"_type":"snapshot",`, "", 1)
	moved = strings.Replace(moved, `"version":1}`, "\"version\" : 1,\n\"_type\":\"\\u0073napshot\" }", 1)
	assert.NoError(t, by.Verify(parse(t, moved)).Err())
}
