package digest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/digest"
)

func Example() {
	length, sums, err := digest.Sum(context.Background(), strings.NewReader("abc"), "sha256")
	fmt.Println(length, sums["sha256"], err)
	// Output: 3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad <nil>
}

// TestSum has the vectors of FIPS 180-2 and RFC 7693's algorithm, by b2sum.
func TestSum(t *testing.T) {
	_, sums, err := digest.Sum(t.Context(), strings.NewReader("abc"), digest.Algorithms...)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{
		"sha256":      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"sha512":      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"blake2b-256": "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
	}, sums)
	assert.False(t, digest.Known("md5"))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = digest.Sum(ctx, strings.NewReader("abc"), "sha256")
	require.ErrorIs(t, err, context.Canceled)
}

func TestOpenRegular(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	_, _, err := digest.OpenRegular(name)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(name, []byte("abc"), 0o600))
	file, size, err := digest.OpenRegular(name)
	require.NoError(t, err)
	defer file.Close()
	assert.EqualValues(t, 3, size)
	_, _, err = digest.OpenRegular(filepath.Dir(name))
	assert.ErrorContains(t, err, "not a regular file")
}
