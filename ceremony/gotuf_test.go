package ceremony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// TestGoTUFTrusts: another implementation's client follows the roots of our
// ceremonies, with every type of key, and does not before they are complete.
func TestGoTUFTrusts(t *testing.T) {
	t.Parallel()
	var signers []*keys.Private
	var public []keys.Public
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048} {
		key, err := keys.Generate(kind, "root-"+string(kind))
		require.NoError(t, err)
		signers, public = append(signers, key), append(public, key.Public())
	}
	online, err := keys.Generate(keys.ECDSAP256, "online")
	require.NoError(t, err)
	draft, err := ceremony.New(ceremony.Policy{RootKeys: public, Threshold: 4, OnlineKey: online.Public()})
	require.NoError(t, err)
	for _, signer := range signers {
		_, err := trustedmetadata.New(draft.Document().Bytes())
		assert.Error(t, err, "the threshold is not reached")
		draft = carry(t, draft)
		require.NoError(t, draft.Sign(t.Context(), signer))
	}
	trusted, err := trustedmetadata.New(draft.Document().Bytes())
	require.NoError(t, err)

	added, err := keys.Generate(keys.Ed25519, "added")
	require.NoError(t, err)
	online2, err := keys.Generate(keys.Ed25519, "online2")
	require.NoError(t, err)
	next, err := ceremony.Next(t.Context(), draft.Document(), ceremony.Change{
		AddRootKeys: []keys.Public{added.Public()}, RemoveRootKeys: []string{"root-rsa-2048"}, OnlineKey: online2,
	})
	require.NoError(t, err)
	for _, signer := range append(signers, added) {
		_, err := trusted.UpdateRoot(next.Document().Bytes())
		assert.Error(t, err, "one of the thresholds is not reached")
		require.NoError(t, next.Sign(t.Context(), signer))
	}
	_, err = trusted.UpdateRoot(next.Document().Bytes())
	require.NoError(t, err)
	assert.True(t, next.Status().Complete())
}
