package keys_test

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

var errAsked = errors.New("asked for a password")

// addFiles seeds a fuzz target with every file under testdata; none is a failure.
func addFiles(f *testing.F) {
	f.Helper()
	seeds := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "fuzz") || filepath.Ext(path) == ".json" {
			return err
		}
		data, err := os.ReadFile(path)
		seeds++
		f.Add(data)
		return err
	})
	require.NoError(f, err)
	require.NotZero(f, seeds)
}

// isTold checks that a refusal is one of the errors that callers tell apart,
// on one line.
func isTold(t *testing.T, err error) {
	t.Helper()
	told := false
	for _, want := range []error{keys.ErrPassword, keys.ErrPasswordNeeded, keys.ErrNotKey, keys.ErrNotPrivate, keys.ErrUnsupported} {
		told = told || errors.Is(err, want)
	}
	assert.True(t, told, "%v", err)
	assert.NotContains(t, err.Error(), "\n")
	assert.Less(t, len(err.Error()), 500)
}

func FuzzParse(f *testing.F) {
	addFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		// Deriving keys would take all the time: FuzzDecrypt does that cheaply.
		key, err := keys.Parse(data, func() ([]byte, error) { return nil, errAsked })
		assert.Equal(t, before, string(data), "the input stays as it was")
		if errors.Is(err, errAsked) {
			return
		}
		if err != nil {
			isTold(t, err)
			return
		}
		sig, err := key.Sign(context.Background(), []byte("m"))
		if err != nil { // halves that do not belong together show here at the latest
			assert.NotErrorIs(t, err, keys.ErrClosed)
			return
		}
		assert.NoError(t, key.Public().Verify([]byte("m"), sig))
		text, err := key.MarshalPEM(nil)
		require.NoError(t, err)
		back, err := keys.Parse(text, nil)
		require.NoError(t, err)
		assert.Equal(t, key.Public().ID(), back.Public().ID())
	})
}

// FuzzDecrypt feeds what stands behind the password: parameters, ciphertext
// and what comes out of it.
func FuzzDecrypt(f *testing.F) {
	plain, err := os.ReadFile(filepath.Join("testdata", "keys", "pkcs8-ed25519-plain"))
	require.NoError(f, err)
	block, _ := pem.Decode(plain)
	for _, oid := range []string{"1.2.840.113549.1.5.13", "1.2.840.113549.1.5.3", "1.2.840.113549.1.12.1.3"} {
		f.Add(oid, []byte("pw"), make([]byte, 16), block.Bytes)
	}
	f.Fuzz(func(t *testing.T, oid string, secret, iv, data []byte) {
		var params any = struct {
			Salt       []byte
			Iterations int
		}{iv, 1}
		var id asn1.ObjectIdentifier
		for _, part := range strings.Split(oid, ".") {
			n, err := strconv.ParseUint(part, 10, 31)
			if err != nil {
				return
			}
			id = append(id, int(n))
		}
		if id.String() == "1.2.840.113549.1.5.13" {
			kdf := algorithm(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, params)
			params = []pkix.AlgorithmIdentifier{kdf, algorithm(t, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, iv)}
		}
		paramsDER, err := asn1.Marshal(params)
		require.NoError(t, err)
		der, err := asn1.Marshal(struct {
			Algorithm pkix.AlgorithmIdentifier
			Data      []byte
		}{pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.RawValue{FullBytes: paramsDER}}, data})
		if err != nil {
			return
		}
		// Nothing in the file holds this, so an error that does quotes the password.
		const marker = "correct horse battery staple"
		if _, err := keys.Parse(der, func() ([]byte, error) { return append([]byte(marker), secret...), nil }); err != nil {
			isTold(t, err)
			assert.NotContains(t, err.Error(), marker)
		}
	})
}

func FuzzParsePublic(f *testing.F) {
	addFiles(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		pub, err := keys.ParsePublic(data)
		if err != nil {
			assert.NotContains(t, err.Error(), "\n")
			return
		}
		id, err := keys.KeyID(pub.Key())
		require.NoError(t, err)
		assert.Equal(t, pub.ID(), id)
		assert.NotEmpty(t, pub.LegacyID())
		assert.Error(t, pub.Verify([]byte("m"), data))
	})
}

func FuzzFromKey(f *testing.F) {
	f.Add([]byte(`{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"` + strings.Repeat("ab", 32) + `"}}`))
	f.Add([]byte(`{"keytype":"sigstore-oidc","scheme":"Fulcio","keyval":{"identity":"a","issuer":"b"},"x-a-b":1}`))
	index, err := os.ReadFile(filepath.Join("testdata", "keys", "keys.json"))
	require.NoError(f, err)
	var entries map[string]struct{ Key json.RawMessage }
	require.NoError(f, json.Unmarshal(index, &entries))
	for _, e := range entries {
		f.Add([]byte(e.Key))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var k rstuf.Key
		if json.Unmarshal(data, &k) != nil {
			return
		}
		pub, err := keys.FromKey(k)
		if err != nil {
			return
		}
		assert.Error(t, pub.Verify([]byte("m"), data))
		out, err := json.Marshal(pub)
		require.NoError(t, err)
		var back keys.Public
		require.NoError(t, json.Unmarshal(out, &back))
		assert.Equal(t, pub.ID(), back.ID())
	})
}
