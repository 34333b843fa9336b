package keys_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/keys"
)

// vectors is laid out as testdata: keys/, legacy-keys/ and openssl-keys/, each
// with its index in JSON.
var vectors = flag.String("vectors", "testdata", "folder of key vectors")

// readIndex reads a folder's index; an index without entries fails.
func readIndex[E any](t *testing.T, folder, index string) (dir string, entries map[string]E) {
	t.Helper()
	dir = filepath.Join(testdir.Find(t, *vectors), folder)
	data, err := os.ReadFile(filepath.Join(dir, index))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &entries))
	require.NotEmpty(t, entries, "%s has no entries", index)
	return dir, entries
}

// passwordOf gives the password of an index; asked counts how often.
func passwordOf(password *string, asked *int) keys.PasswordFunc {
	return func() ([]byte, error) {
		*asked++
		if password == nil {
			return []byte("not needed"), nil
		}
		return []byte(*password), nil
	}
}

// checkPassword checks that a password is asked for once if the file is
// encrypted and never if not, and that a wrong or missing one is refused.
func checkPassword(t *testing.T, path string, password *string) {
	t.Helper()
	_, err := keys.Load(path, nil)
	if password == nil {
		assert.NoError(t, err)
		return
	}
	assert.ErrorIs(t, err, keys.ErrPasswordNeeded)
	_, err = keys.Load(path, func() ([]byte, error) { return []byte(*password + "x"), nil })
	assert.ErrorIs(t, err, keys.ErrPassword)
}

// load loads a key, and checks that its password was asked for as it must be.
func load(t *testing.T, path string, password *string) *keys.Private {
	t.Helper()
	asked := 0
	key, err := keys.Load(path, passwordOf(password, &asked))
	forbidden(t, err)
	require.NoError(t, err)
	if password != nil {
		assert.Equal(t, 1, asked)
	} else {
		assert.Zero(t, asked)
	}
	assert.Equal(t, password != nil, key.Encrypted())
	checkPassword(t, path, password)
	return key
}

// checkSigns checks that a loaded key signs for the public key that the
// vectors give.
func checkSigns(t *testing.T, key *keys.Private, pub keys.Public) {
	t.Helper()
	message := []byte("any message")
	sig, err := key.Sign(context.Background(), message)
	require.NoError(t, err)
	assert.NoError(t, pub.Verify(message, sig))
	sig[len(sig)/2] ^= 1
	assert.ErrorIs(t, pub.Verify(message, sig), keys.ErrBadSignature)
}

func TestVectorsKeys(t *testing.T) {
	t.Parallel()
	type entry struct {
		KeyID       string
		Key         rstuf.Key
		Password    *string
		Message     string
		Signature   string
		Unsupported string `json:"unsupported_by_securesystemslib"`
	}
	dir, index := readIndex[entry](t, "keys", "keys.json")
	for name, e := range index {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, name)
			asked := 0
			key, err := keys.Load(path, passwordOf(e.Password, &asked))
			if e.Password != nil {
				assert.Equal(t, 1, asked)
			} else {
				assert.Zero(t, asked)
			}
			forbidden(t, err)
			public, publicErr := keys.LoadPublic(path + ".pub")
			if e.Unsupported != "" && err != nil {
				// What the peer refuses may be refused here too, and then the
				// public key as well.
				assert.ErrorIs(t, err, keys.ErrUnsupported)
				assert.ErrorIs(t, publicErr, keys.ErrUnsupported)
				return
			}
			require.NoError(t, err)
			require.NoError(t, publicErr)
			defer key.Close()
			assert.Equal(t, e.Password != nil, key.Encrypted())
			assert.Equal(t, public.ID(), key.Public().ID())
			checkPassword(t, path, e.Password)
			checkSigns(t, key, public)
			if e.Unsupported != "" {
				return
			}

			assert.Equal(t, e.KeyID, key.Public().ID())
			assert.Equal(t, e.Key, key.Public().Key())
			fromKey, err := keys.FromKey(e.Key)
			require.NoError(t, err)
			assert.Equal(t, e.KeyID, fromKey.ID())
			sig, err := hex.DecodeString(e.Signature)
			require.NoError(t, err)
			assert.NoError(t, fromKey.Verify([]byte(e.Message), sig))
			assert.ErrorIs(t, fromKey.Verify([]byte(e.Message+"x"), sig), keys.ErrBadSignature)
		})
	}
}

func TestVectorsLegacyKeys(t *testing.T) {
	t.Parallel()
	type entry struct {
		KeyID, KeyType, Scheme, Public string
		Password                       *string
	}
	dir, index := readIndex[entry](t, "legacy-keys", "legacy.json")
	for name, e := range index {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, name)
			key := load(t, path, e.Password)

			public, err := keys.LoadPublic(path + ".pub")
			require.NoError(t, err)
			assert.Equal(t, public.ID(), key.Public().ID())
			assert.Equal(t, e.KeyID, key.Public().LegacyID())
			assert.Equal(t, e.KeyID, public.LegacyID())
			assert.Equal(t, e.KeyType, public.Key().KeyType)
			assert.Equal(t, e.Scheme, public.Key().Scheme)
			given, err := keys.FromKey(rstuf.Key{KeyType: e.KeyType, Scheme: e.Scheme, Value: map[string]string{"public": e.Public}})
			require.NoError(t, err)
			assert.Equal(t, e.KeyID, given.LegacyID())
			checkSigns(t, key, given)
		})
	}
}

func TestVectorsOpenSSLKeys(t *testing.T) {
	t.Parallel()
	type entry struct {
		Password *string
		Public   string
	}
	dir, index := readIndex[entry](t, "openssl-keys", "openssl.json")
	for name, e := range index {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, name)
			key := load(t, path, e.Password)
			public, err := keys.LoadPublic(filepath.Join(dir, e.Public))
			require.NoError(t, err)
			assert.Equal(t, public.ID(), key.Public().ID())
			checkSigns(t, key, public)
		})
	}
}
