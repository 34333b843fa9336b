package keys_test

import (
	"crypto/fips140"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/race"
	"example.org/rstuf/keys"
)

// withoutFIPS skips what FIPS 140-only mode forbids.
func withoutFIPS(t testing.TB) {
	t.Helper()
	if fips140.Enforced() {
		t.Skip("FIPS 140-only mode forbids this")
	}
}

// forbidden skips the rest if a file may not be opened in FIPS 140-only mode.
func forbidden(t testing.TB, err error) {
	t.Helper()
	if fips140.Enforced() && errors.Is(err, keys.ErrUnsupported) && strings.Contains(err.Error(), "FIPS 140-only mode forbids how this file is encrypted") {
		t.Skip(err)
	}
}

// TestFIPS: with GODEBUG=fips140=only, where .ci/run runs it too, keys of every
// type are made, saved with a password, loaded, and sign; and a file that only
// MD5 opens is refused.
func TestFIPS(t *testing.T) {
	t.Parallel()
	kinds := []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048, keys.MLDSA65}
	if race.Enabled { // each password takes seconds
		kinds = kinds[:1]
	}
	for _, kind := range kinds {
		key, err := keys.Generate(kind, "alice")
		require.NoError(t, err, kind)
		text, err := key.MarshalPEM([]byte("hunter2"))
		require.NoError(t, err, kind)
		again, err := keys.Parse(text, password("hunter2"))
		require.NoError(t, err, kind)
		sig, err := again.Sign(t.Context(), []byte("message"))
		require.NoError(t, err, kind)
		assert.NoError(t, key.Public().Verify([]byte("message"), sig), kind)
	}
	if fips140.Enforced() {
		_, err := keys.Parse([]byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END EC PRIVATE KEY-----\n"), password("hunter2"))
		require.ErrorIs(t, err, keys.ErrUnsupported)
		assert.ErrorContains(t, err, "FIPS 140-only mode forbids")
	}
}
