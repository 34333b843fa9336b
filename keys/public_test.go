package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

func TestKeyIDCoversTypeSchemeAndValueOnly(t *testing.T) {
	t.Parallel()
	pub := generate(t, keys.Ed25519, "").Public()
	k := pub.Key()
	text := `{"keytype":"ed25519","keyval":{"public":"` + k.Public() + `"},"scheme":"ed25519"}`
	sum := sha256.Sum256([]byte(text))
	assert.Equal(t, hex.EncodeToString(sum[:]), pub.ID())

	named := pub.WithName("alice").WithOnlineURI("fn:alice")
	assert.Equal(t, pub.ID(), named.ID())
	assert.Equal(t, "alice", named.Key().Name)
	assert.Equal(t, "fn:alice", named.Key().OnlineURI)
	assert.Empty(t, pub.Name(), "the original is untouched")

	k.Extra = map[string]json.RawMessage{"x-acme-note": json.RawMessage(`"hi"`)}
	id, err := keys.KeyID(k)
	require.NoError(t, err)
	assert.Equal(t, pub.ID(), id)
	k.Scheme = "other"
	id, err = keys.KeyID(k)
	require.NoError(t, err)
	assert.NotEqual(t, pub.ID(), id)
	k.Value["public"] = "\xff"
	_, err = keys.KeyID(k)
	assert.Error(t, err)
}

// Sigstore and unknown keys are carried, and say that they can't be checked.
func TestUnverifiableKeys(t *testing.T) {
	t.Parallel()
	sigstore := keys.Sigstore("a@example.com", "https://issuer.example.com", "alice")
	unknown, err := keys.FromKey(rstuf.Key{KeyType: "ml-dsa", Scheme: "ml-dsa-44", Value: map[string]string{"public": "pq"}})
	require.NoError(t, err)
	otherScheme := generate(t, keys.RSA2048, "").Public().Key()
	otherScheme.Scheme = "rsassa-pss-sha512"
	pss512, err := keys.FromKey(otherScheme)
	require.NoError(t, err)

	assert.ErrorIs(t, sigstore.Verify([]byte("m"), nil), keys.ErrNoSigstore)
	assert.NotErrorIs(t, unknown.Verify([]byte("m"), nil), keys.ErrNoSigstore)
	for _, pub := range []keys.Public{sigstore, unknown, pss512, {}} {
		assert.False(t, pub.Verifiable())
		assert.ErrorIs(t, pub.Verify([]byte("m"), []byte("s")), keys.ErrUnverifiable)
		_, err := pub.MarshalPEM()
		assert.ErrorIs(t, err, keys.ErrUnsupported)
	}
	object, err := json.Marshal(sigstore)
	require.NoError(t, err)
	assert.NotContains(t, string(object), "public", "a Sigstore key has no public value, not even an empty one")
	assert.Empty(t, keys.Sigstore("", "https://issuer.example.com", "x").ID())
}

// RSTUF's id of a Sigstore key covers the name that its ceremony proposes, the
// identity. The id is that of the key in root-mixed-keys of the vectors.
func TestSigstoreKeyID(t *testing.T) {
	t.Parallel()
	const identity, issuer = "kim@example.com", "https://github.com/login/oauth"
	const want = "4d85eabb87603d9a54b29f2bab27d4d9f89ecfeb469e92e3f088b2535bded63a"
	for _, name := range []string{identity, "", "Kim of Example"} {
		pub := keys.Sigstore(identity, issuer, name)
		assert.Equal(t, want, pub.ID(), "the id stays when the key is renamed")
		assert.Equal(t, name, pub.Name())
		fromKey, err := keys.FromKey(pub.Key())
		require.NoError(t, err)
		assert.Equal(t, want, fromKey.ID())
	}
	assert.NotEqual(t, want, keys.Sigstore("kit@example.com", issuer, identity).ID())

	pub := keys.Sigstore(identity, issuer, "")
	plain := sha256.Sum256([]byte(`{"keytype":"sigstore-oidc","keyval":{"identity":"kim@example.com","issuer":"https://github.com/login/oauth"},"scheme":"Fulcio"}`))
	assert.True(t, pub.HasID(want))
	assert.True(t, pub.HasID(hex.EncodeToString(plain[:])), "securesystemslib's default")
	assert.False(t, pub.HasID(""))
	assert.False(t, pub.HasID(keys.Sigstore("kit@example.com", issuer, "").ID()))
	ed := generate(t, keys.Ed25519, "").Public()
	assert.True(t, ed.HasID(ed.ID()))
	assert.True(t, ed.HasID(ed.LegacyID()))
	assert.False(t, keys.Public{}.HasID(""))
}

// A keyval of a kind that is not known may hold anything; the id covers it.
func TestKeyIDOfAnyKeyval(t *testing.T) {
	t.Parallel()
	k := rstuf.Key{KeyType: "new", Scheme: "newer", Extra: map[string]json.RawMessage{"keyval": json.RawMessage(`{"b": [1, 2], "a": {"c": true}}`)}}
	pub, err := keys.FromKey(k)
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(`{"keytype":"new","keyval":{"a":{"c":true},"b":[1,2]},"scheme":"newer"}`))
	assert.Equal(t, hex.EncodeToString(sum[:]), pub.ID())
	k.Extra["keyval"] = json.RawMessage(`{"a": 1.5}`)
	_, err = keys.FromKey(k)
	assert.Error(t, err, "no canonical form")
}

func TestPublicJSON(t *testing.T) {
	t.Parallel()
	in := `{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"` + strings.Repeat("ab", 32) + `"},"x-rstuf-key-name":"alice","x-acme":{"n":12345678901234567890}}`
	var pub keys.Public
	require.NoError(t, json.Unmarshal([]byte(in), &pub))
	assert.Equal(t, "alice", pub.Name())
	out, err := json.Marshal(pub)
	require.NoError(t, err)
	assert.JSONEq(t, in, string(out))
	assert.Contains(t, string(out), "12345678901234567890")
	assert.Error(t, json.Unmarshal([]byte(`{"keytype":"ed25519"}`), &pub))
	assert.Equal(t, "alice", pub.Name(), "a failed decode leaves the key as it was")
}

// What Key returns is the caller's; the key itself does not change with it.
func TestKeyIsACopy(t *testing.T) {
	t.Parallel()
	pub := generate(t, keys.Ed25519, "").Public()
	given := pub.Key()
	given.Value["public"] = "changed"
	assert.NotEqual(t, "changed", pub.Key().Public())

	mine := pub.Key()
	fromMine, err := keys.FromKey(mine)
	require.NoError(t, err)
	mine.Value["public"] = "changed"
	assert.NotEqual(t, "changed", fromMine.Key().Public())
}

func TestFromKeyRefuses(t *testing.T) {
	t.Parallel()
	p256 := generate(t, keys.ECDSAP256, "").Public().Key().Public()
	p384 := generate(t, keys.ECDSAP384, "").Public().Key().Public()
	rsa2048 := generate(t, keys.RSA2048, "").Public().Key().Public()
	key := func(keyType, scheme, public string) rstuf.Key {
		return rstuf.Key{KeyType: keyType, Scheme: scheme, Value: map[string]string{"public": public}}
	}
	for name, k := range map[string]rstuf.Key{
		"empty":              {},
		"no scheme":          key("ed25519", "", strings.Repeat("ab", 32)),
		"no keyval":          {KeyType: "ed25519", Scheme: "ed25519"},
		"short ed25519":      key("ed25519", "ed25519", "abcd"),
		"ed25519 not hex":    key("ed25519", "ed25519", strings.Repeat("zz", 32)),
		"ed25519 as PEM":     key("ed25519", "ed25519", p256),
		"ecdsa as hex":       key("ecdsa", "ecdsa-sha2-nistp256", strings.Repeat("ab", 32)),
		"P-384 as P-256":     key("ecdsa", "ecdsa-sha2-nistp256", p384),
		"P-256 as P-384":     key("ecdsa", "ecdsa-sha2-nistp384", p256),
		"rsa as ecdsa":       key("ecdsa", "ecdsa-sha2-nistp256", rsa2048),
		"ecdsa as rsa":       key("rsa", "rsassa-pss-sha256", p256),
		"rsa damaged":        key("rsa", "rsassa-pss-sha256", rsa2048[:200]),
		"sigstore, no one":   {KeyType: "sigstore-oidc", Scheme: "Fulcio", Value: map[string]string{"issuer": "x"}},
		"not UTF-8":          key("ed25519", "ed25519", "\xff"),
		"private PEM inside": key("rsa", "rsassa-pss-sha256", string(fixture(t, "rsa-1024.pem"))),
	} {
		_, err := keys.FromKey(k)
		assert.Error(t, err, name)
	}

	// The specification's older name of the key type means the same.
	_, err := keys.FromKey(key("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", p256))
	assert.NoError(t, err)
}

func TestFromCryptoRefuses(t *testing.T) {
	t.Parallel()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	for name, pub := range map[string]any{
		"nil": nil, "P-224": p224.Public(), "string": "key", "short ed25519": ed25519.PublicKey{1},
		"nil rsa": (*rsa.PublicKey)(nil), "empty rsa": &rsa.PublicKey{}, "nil ecdsa": (*ecdsa.PublicKey)(nil),
		"empty ecdsa": &ecdsa.PublicKey{}, "no point": &ecdsa.PublicKey{Curve: elliptic.P256()},
	} {
		_, err := keys.FromCrypto(pub, "")
		assert.Error(t, err, name)
	}
}

// RSA signatures with any salt length verify, as python-tuf's do.
func TestVerifyAnySaltLength(t *testing.T) {
	t.Parallel()
	raw, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	pub, err := keys.FromCrypto(raw.Public(), "")
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("m"))
	for _, salt := range []int{rsa.PSSSaltLengthEqualsHash, rsa.PSSSaltLengthAuto, 20} {
		sig, err := raw.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256})
		require.NoError(t, err)
		assert.NoError(t, pub.Verify([]byte("m"), sig))
	}
	pkcs1, err := raw.Sign(rand.Reader, digest[:], crypto.SHA256)
	require.NoError(t, err)
	assert.ErrorIs(t, pub.Verify([]byte("m"), pkcs1), keys.ErrBadSignature)
}

func TestPublicString(t *testing.T) {
	t.Parallel()
	pub := generate(t, keys.Ed25519, "alice").Public()
	assert.Equal(t, "alice ("+pub.ID()[:16]+")", pub.String())
	assert.Equal(t, pub.ID()[:16], pub.WithName("").String())
	assert.Equal(t, "no key", keys.Public{}.String())
	assert.Equal(t, `"\x1b[2Jalice\n" (`+pub.ID()[:16]+")", pub.WithName("\x1b[2Jalice\n").String())
	assert.Less(t, len(pub.WithName(strings.Repeat("a", 1<<20)).String()), 100)
	assert.Equal(t, "Ünï côdé ("+pub.ID()[:16]+")", pub.WithName("Ünï côdé").String())
}
