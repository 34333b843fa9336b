package ceremony_test

import (
	"crypto/fips140"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/bootstrap"
	"example.org/rstuf/bootstrap/firstgen"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// legacyKey is a key that the first releases of RSTUF generated, with the id
// that they gave it.
func legacyKey(t *testing.T, name string) (key *keys.Private, id string) {
	t.Helper()
	var all map[string]struct {
		KeyID    string
		Password *string
	}
	readJSON(t, "../keys/testdata/legacy-keys/legacy.json", &all)
	require.Contains(t, all, name)
	key, err := keys.Load(filepath.Join("../keys/testdata/legacy-keys", name), func() ([]byte, error) {
		return []byte(*all[name].Password), nil
	})
	if fips140.Enforced() && errors.Is(err, keys.ErrUnsupported) {
		t.Skip(err) // its encryption is forbidden
	}
	require.NoError(t, err)
	return key.WithName(name), all[name].KeyID
}

// legacyDraft is the first root of a first-generation repository.
func legacyDraft(t *testing.T, alice, bob, online keys.Public) *ceremony.Draft {
	t.Helper()
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{alice, bob}, Threshold: 2, OnlineKey: online,
		HashBins: 8, TargetsBaseURL: "http://example.com/files", FirstGeneration: true, Now: testNow,
	})
	require.NoError(t, err)
	return draft
}

// TestFirstGeneration makes the first form of the payload from keys of that
// time: settings with the base URL, key objects with "name", key ids of then.
func TestFirstGeneration(t *testing.T) {
	t.Parallel()
	alice, aliceID := legacyKey(t, "legacy-ed25519")
	bob, bobID := legacyKey(t, "legacy-ecdsa")
	online, onlineID := legacyKey(t, "legacy-rsa")
	draft := legacyDraft(t, alice.Public(), bob.Public(), online.Public())
	require.NoError(t, draft.Sign(t.Context(), alice))
	draft = carry(t, draft)
	require.NoError(t, draft.Sign(t.Context(), bob))
	assert.True(t, draft.Status().Complete(), draft.Status())

	payload := draft.FirstGenerationPayload()
	require.NoError(t, payload.Validate())
	assert.Equal(t, firstgen.Settings{
		Expiration: map[string]int{"root": 365, "targets": 365, "snapshot": 1, "timestamp": 1, "bins": 1},
		Services:   firstgen.Services{NumberOfDelegatedBins: 8, TargetsBaseURL: "http://example.com/files/", TargetsOnlineKey: true},
	}, payload.Settings)
	document, err := metadata.Parse(payload.Metadata["root"])
	require.NoError(t, err)
	root, err := document.Root()
	require.NoError(t, err)
	assert.Equal(t, []string{aliceID, bobID}, root.Roles["root"].KeyIDs)
	assert.Equal(t, []string{onlineID}, root.Roles["snapshot"].KeyIDs)
	assert.JSONEq(t, `{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"`+alice.Public().Key().Public()+`"},"name":"legacy-ed25519"}`, encode(t, root.Keys[aliceID]))
	require.NoError(t, metadata.CheckRoot(document, testNow))

	// bootstrap reads it, says what it is, and gives today's form.
	path := filepath.Join(t.TempDir(), "payload.json")
	require.NoError(t, bootstrap.WriteFile(path, payload))
	file, err := bootstrap.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, file.FirstGeneration)
	assert.Equal(t, "http://example.com/files/", file.TargetsBaseURL)
	signed, err := bootstrap.Check(file.Payload, testNow)
	require.NoError(t, err)
	assert.True(t, signed.OK())
	assert.JSONEq(t, encode(t, draft.Payload()), encode(t, file.Payload))
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(written), "targets_base_url"))
	assert.NotContains(t, string(written), "x-rstuf")

	// The next root of such a repository keeps the ids of the keys that stay.
	next, err := ceremony.Next(t.Context(), draft.Document(), ceremony.Change{
		AddRootKeys: []keys.Public{public("carol")}, RenameKeys: map[string]string{"legacy-ecdsa": "bob"}, Now: testNow,
	})
	require.NoError(t, err)
	require.NoError(t, next.Sign(t.Context(), alice))
	require.NoError(t, next.Sign(t.Context(), bob))
	assert.True(t, next.Status().Complete(), next.Status())
	root, err = next.Document().Root()
	require.NoError(t, err)
	assert.Equal(t, []string{aliceID, bobID, public("carol").ID()}, root.Roles["root"].KeyIDs)
}

// TestFirstGenerationOneKey: the first releases took a single root key.
func TestFirstGenerationOneKey(t *testing.T) {
	t.Parallel()
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{public("alice")}, Threshold: 1, AllowThresholdOneUnsafe: true, OnlineKey: public("online"),
		TargetsBaseURL: "http://example.com/", FirstGeneration: true, Now: testNow,
	})
	require.NoError(t, err)
	sign(t, draft, "alice")
	assert.True(t, draft.Status().Complete())
	assert.NoError(t, draft.FirstGenerationPayload().Validate())
}
