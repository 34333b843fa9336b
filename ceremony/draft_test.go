package ceremony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"time"

	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

func generate(t *testing.T, name string) *keys.Private {
	t.Helper()
	key, err := keys.Generate(keys.Ed25519, name)
	require.NoError(t, err)
	return key
}

func TestMainFlow(t *testing.T) {
	t.Parallel()
	alice, bob, online := generate(t, "alice"), generate(t, "bob"), generate(t, "online")
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys:  []keys.Public{alice.Public(), bob.Public()},
		Threshold: 2,
		OnlineKey: online.Public(),
		HashBins:  256,
	})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(t.Context(), alice))
	assert.False(t, draft.Status().Complete())
	require.NoError(t, draft.Sign(t.Context(), bob))
	assert.True(t, draft.Status().Complete())
	_, err = bootstrap.Check(draft.Payload(), time.Now())
	require.NoError(t, err)
}
