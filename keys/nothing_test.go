package keys_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// unset is a crypto.Signer without a key.
type unset struct{ crypto.Signer }

func (unset) Public() crypto.PublicKey { return nil }

// What is nothing is an error or empty, and nothing panics.
func TestNothing(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	sign := func(context.Context, []byte) ([]byte, error) { return nil, nil }
	var public keys.Public
	var private keys.Private
	for name, do := range map[string]func() error{
		"FromKey":            func() error { _, err := keys.FromKey(rstuf.Key{}); return err },
		"Parse":              func() error { _, err := keys.Parse(nil, nil); return err },
		"ParsePublic":        func() error { _, err := keys.ParsePublic(nil); return err },
		"Generate":           func() error { _, err := keys.Generate("", ""); return err },
		"Verify":             func() error { return public.Verify(nil, nil) },
		"MarshalJSON":        func() error { _, err := json.Marshal(public); return err },
		"MarshalPEM":         func() error { _, err := public.MarshalPEM(); return err },
		"private MarshalPEM": func() error { _, err := private.MarshalPEM(nil); return err },
		"Save":               func() error { return private.Save(t.TempDir()+"/key", keys.SaveOptions{}) },
		"Sign":               func() error { _, err := private.Sign(ctx, nil); return err },
		"NewSigner":          func() error { _, err := keys.NewSigner(nil, ""); return err },
		"without a key":      func() error { _, err := keys.NewSigner(unset{}, ""); return err },
		"without a function": func() error { _, err := keys.NewSignerFunc(public, nil).Sign(ctx, nil); return err },
		"function, no key":   func() error { _, err := keys.NewSignerFunc(public, sign).Sign(ctx, nil); return err },
		"OpenURI":            func() error { _, err := keys.OpenURI(ctx, "", keys.URIConfig{}); return err },
		"no ed25519":         func() error { _, err := keys.FromCrypto(ed25519.PublicKey(nil), ""); return err },
		"no rsa":             func() error { _, err := keys.FromCrypto((*rsa.PublicKey)(nil), ""); return err },
		"empty rsa":          func() error { _, err := keys.FromCrypto(&rsa.PublicKey{}, ""); return err },
		"no ecdsa":           func() error { _, err := keys.FromCrypto((*ecdsa.PublicKey)(nil), ""); return err },
		"empty ecdsa":        func() error { _, err := keys.FromCrypto(&ecdsa.PublicKey{}, ""); return err },
		"nothing at all":     func() error { _, err := keys.FromCrypto(nil, ""); return err },
	} {
		assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
	}
	assert.NotPanics(t, func() {
		assert.Empty(t, public.ID())
		assert.Empty(t, public.LegacyID())
		assert.Empty(t, public.Identity())
		assert.False(t, public.HasID(""))
		assert.False(t, public.Same(keys.Public{}), "nothing is no key twice")
		assert.False(t, public.Verifiable())
		assert.Equal(t, "no key", public.String())
		assert.Nil(t, keys.Checked(nil))
		assert.NoError(t, private.Close())
		assert.NotEmpty(t, fmt.Sprint(private))
	})
}

// The identity of a key is what it signs with, however it is written.
func TestIdentity(t *testing.T) {
	t.Parallel()
	key, err := keys.Generate(keys.ECDSAP256, "alice")
	require.NoError(t, err)
	pem := key.Public()
	point, err := pem.Crypto().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	spaced, named := pem.Key(), pem.WithName("other")
	spaced.Value["public"] = "\n" + strings.TrimSpace(pem.Key().Public())
	for name, object := range map[string]rstuf.Key{
		"white space": spaced,
		"older type":  {KeyType: keys.SchemeECDSAP256, Scheme: keys.SchemeECDSAP256, Value: map[string]string{"public": pem.Key().Public()}},
		"a point":     {KeyType: "ecdsa", Scheme: keys.SchemeECDSAP256, Value: map[string]string{"public": hex.EncodeToString(point)}},
		"a name":      named.Key(),
	} {
		other, err := keys.FromKey(object)
		require.NoError(t, err, name)
		assert.True(t, other.Same(pem), name)
		sig, err := key.Sign(t.Context(), []byte("x"))
		require.NoError(t, err)
		assert.NoError(t, other.Verify([]byte("x"), sig), name)
	}

	me := keys.Sigstore("me@example.com", "https://issuer", "me")
	assert.True(t, me.Same(keys.Sigstore("me@example.com", "https://issuer", "myself")))
	assert.False(t, me.Same(keys.Sigstore("me@example.com", "https://other", "me")))
	assert.False(t, me.Same(keys.Sigstore("you@example.com", "https://issuer", "me")))
	scheme := me.Key()
	scheme.Scheme = "other"
	other, err := keys.FromKey(scheme)
	require.NoError(t, err)
	assert.False(t, me.Same(other))

	unknown, err := keys.FromKey(rstuf.Key{KeyType: "new", Scheme: "new", Value: map[string]string{"public": "1"}})
	require.NoError(t, err)
	assert.Equal(t, unknown.ID(), unknown.Identity())
}

// A point in hex that is none is an error, as a damaged PEM is.
func TestPoints(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), nil)
	require.NoError(t, err)
	long, err := p384.PublicKey.Bytes()
	require.NoError(t, err)
	parse := func(scheme, public string) error {
		_, err := keys.FromKey(rstuf.Key{KeyType: "ecdsa", Scheme: scheme, Value: map[string]string{"public": public}})
		return err
	}
	assert.NoError(t, parse(keys.SchemeECDSAP384, hex.EncodeToString(long)))
	assert.Error(t, parse(keys.SchemeECDSAP256, hex.EncodeToString(long)), "of another curve")
	assert.Error(t, parse(keys.SchemeECDSAP256, "04"+strings.Repeat("11", 64)), "not on the curve")
	assert.Error(t, parse(keys.SchemeECDSAP256, "00"), "infinity")
	assert.Error(t, parse(keys.SchemeECDSAP256, ""))
}
