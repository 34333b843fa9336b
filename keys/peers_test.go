package keys_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf/keys"
)

// go-tuf, which clients written in Go verify with, takes every key type that
// is generated here, under the same id, but for ML-DSA, of which docs/clients.md
// and package health say so. (.ci/interop-keys asks Python.)
func TestGoTUFAcceptsEveryType(t *testing.T) {
	t.Parallel()
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			signer := generate(t, kind, "")
			object, err := json.Marshal(signer.Public())
			require.NoError(t, err)
			var key metadata.Key
			require.NoError(t, json.Unmarshal(object, &key))
			id, err := key.ID()
			require.NoError(t, err)
			assert.Equal(t, signer.Public().ID(), id)

			root := metadata.Root(time.Now().Add(time.Hour))
			require.NoError(t, root.Signed.AddKey(&key, metadata.TIMESTAMP))
			timestamp := metadata.Timestamp(time.Now().Add(time.Hour))
			signed, err := cjson.EncodeCanonical(timestamp.Signed)
			require.NoError(t, err)
			sig, err := signer.Sign(context.Background(), signed)
			require.NoError(t, err)
			timestamp.Signatures = []metadata.Signature{{KeyID: id, Signature: sig}}
			if signer.Public().PostQuantum() {
				assert.Error(t, root.VerifyDelegate(metadata.TIMESTAMP, timestamp), "go-tuf has learnt ML-DSA: say so where clients are listed")
				return
			}
			assert.NoError(t, root.VerifyDelegate(metadata.TIMESTAMP, timestamp))

			other, err := generate(t, keys.Ed25519, "").Sign(context.Background(), signed)
			require.NoError(t, err)
			timestamp.Signatures[0].Signature = other
			assert.Error(t, root.VerifyDelegate(metadata.TIMESTAMP, timestamp))
		})
	}
}
