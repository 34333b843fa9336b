package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Closing overwrites the secret numbers where they stand in memory.
func TestCloseOverwritesTheSecret(t *testing.T) {
	t.Parallel()
	for _, kind := range []Type{Ed25519, ECDSAP256, ECDSAP384, RSA2048} {
		key, err := Generate(kind, "")
		require.NoError(t, err)
		inside := key.secret.key()
		require.NotContains(t, zeros(inside), true, kind)
		require.NoError(t, key.Close())
		assert.NotContains(t, zeros(inside), false, kind)
	}
}

// zeros says of each of a key's secret numbers whether it is all zeros in
// memory.
func zeros(key crypto.Signer) []bool {
	var numbers []*big.Int
	switch k := key.(type) {
	case ed25519.PrivateKey:
		return []bool{bytes.Count(k, []byte{0}) == len(k)}
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 the test looks at what is to be overwritten
		numbers = []*big.Int{k.D}
	case *rsa.PrivateKey:
		numbers = append(k.Primes, k.D, k.Precomputed.Dp, k.Precomputed.Dq, k.Precomputed.Qinv)
	}
	var out []bool
	for _, n := range numbers {
		out = append(out, !slices.ContainsFunc(n.Bits(), func(w big.Word) bool { return w != 0 }))
	}
	return out
}
