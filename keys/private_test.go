package keys_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
)

var allTypes = []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048, keys.RSA3072, keys.RSA4096, keys.MLDSA44, keys.MLDSA65, keys.MLDSA87}

func generate(t testing.TB, kind keys.Type, name string) *keys.Private {
	t.Helper()
	key, err := keys.Generate(kind, name)
	require.NoError(t, err)
	return key
}

func password(s string) keys.PasswordFunc {
	return func() ([]byte, error) { return []byte(s), nil }
}

func TestGenerateSignSaveLoad(t *testing.T) {
	t.Parallel()
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			key := generate(t, kind, "alice")
			assert.Equal(t, "alice", key.Public().Name())
			assert.Len(t, key.Public().ID(), 64)
			assert.False(t, key.Encrypted())
			checkSigns(t, key, key.Public())

			for _, secret := range [][]byte{nil, []byte("correct horse")} {
				text, err := key.MarshalPEM(secret)
				require.NoError(t, err)
				back, err := keys.Parse(text, password("correct horse"))
				require.NoError(t, err)
				assert.Equal(t, secret != nil, back.Encrypted())
				assert.Equal(t, key.Public().ID(), back.Public().ID())
				checkSigns(t, back, key.Public())
			}
		})
	}
}

func TestGenerateRefusesUnknownType(t *testing.T) {
	t.Parallel()
	for _, kind := range []keys.Type{"", "dsa", "rsa-1024", "ed448"} {
		_, err := keys.Generate(kind, "")
		assert.ErrorIs(t, err, keys.ErrUnsupported, kind)
	}
	for name, want := range map[string]keys.Type{"ecdsa": keys.ECDSAP256, "rsa": keys.RSA3072, "ed25519": keys.Ed25519} {
		got, err := keys.ParseType(name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestMarshalPEMRefusesEmptyPassword(t *testing.T) {
	t.Parallel()
	_, err := generate(t, keys.Ed25519, "").MarshalPEM([]byte{})
	assert.ErrorContains(t, err, "password is empty")
}

// Whatever way a key is printed, its secret does not show.
func TestPrivateIsRedacted(t *testing.T) {
	t.Parallel()
	public, raw, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	text, err := keys.Parse([]byte(fmt.Sprintf(`{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"%x","private":"%x"}}`,
		public, raw.Seed())), nil)
	require.NoError(t, err)
	key := text.WithName("alice")

	var logged bytes.Buffer
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil),
	} {
		slog.New(handler).Info("key", "pointer", key, "value", *key, "any", slog.AnyValue(struct{ K any }{key}))
	}
	asJSON, err := json.Marshal(map[string]any{"pointer": key, "value": *key})
	require.NoError(t, err)
	outputs := []string{logged.String(), string(asJSON), key.String(), key.GoString()}
	type holder struct {
		Exported *keys.Private
		hidden   *keys.Private
		value    keys.Private
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%c"} {
		outputs = append(outputs, fmt.Sprintf(verb, key), fmt.Sprintf(verb, *key), fmt.Sprintf(verb, holder{key, key, *key}))
	}
	secret := raw.Seed()
	for _, out := range outputs {
		for _, form := range []string{
			hex.EncodeToString(secret), fmt.Sprintf("%X", secret), string(secret), fmt.Sprint(secret),
			fmt.Sprint([]byte(secret))[1:40], fmt.Sprintf("%q", string(secret)), fmt.Sprintf("%#v", secret),
		} {
			assert.NotContains(t, out, form)
		}
	}
	assert.Contains(t, key.String(), "alice")
	assert.Contains(t, string(asJSON), "redacted")
}

func TestCloseEndsTheKeyAndItsCopies(t *testing.T) {
	t.Parallel()
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.RSA2048} {
		key := generate(t, kind, "alice")
		renamed := key.WithName("bob")
		assert.Equal(t, key.Public().ID(), renamed.Public().ID())
		checkSigns(t, renamed, key.Public())
		require.NoError(t, key.Close())
		require.NoError(t, key.Close())
		for _, closed := range []*keys.Private{key, renamed, {}} {
			_, err := closed.Sign(context.Background(), []byte("m"))
			assert.ErrorIs(t, err, keys.ErrClosed)
			_, err = closed.MarshalPEM(nil)
			assert.ErrorIs(t, err, keys.ErrClosed)
		}
	}
}

func TestSignAndCloseConcurrently(t *testing.T) {
	t.Parallel()
	key := generate(t, keys.ECDSAP256, "")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			sig, err := key.Sign(context.Background(), []byte("m"))
			if err == nil {
				err = key.Public().Verify([]byte("m"), sig)
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, keys.ErrClosed)
		})
	}
	wg.Go(func() { assert.NoError(t, key.Close()) })
	wg.Wait()
}

func TestSignStopsForItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := generate(t, keys.Ed25519, "").Sign(ctx, []byte("m"))
	assert.ErrorIs(t, err, context.Canceled)
}

func TestNewSignerOfCryptoSigner(t *testing.T) {
	t.Parallel()
	raw, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	signer, err := keys.NewSigner(raw, "hsm")
	require.NoError(t, err)
	assert.Equal(t, "hsm", signer.Public().Name())
	sig, err := signer.Sign(context.Background(), []byte("m"))
	require.NoError(t, err)
	assert.NoError(t, signer.Public().Verify([]byte("m"), sig))

	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	_, err = keys.NewSigner(p521, "hsm")
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	_, err = keys.NewSigner(nil, "hsm")
	assert.Error(t, err)
}

// A signer that returns another key's signature, garbage or nothing is found out.
func TestSignerOutputIsVerified(t *testing.T) {
	t.Parallel()
	other := generate(t, keys.Ed25519, "other")
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.RSA2048} {
		pub := generate(t, kind, "claimed").Public()
		for _, sign := range []func(context.Context, []byte) ([]byte, error){
			other.Sign,
			func(context.Context, []byte) ([]byte, error) { return nil, nil },
			func(context.Context, []byte) ([]byte, error) { return make([]byte, 64), nil },
		} {
			sig, err := keys.NewSignerFunc(pub, sign).Sign(context.Background(), []byte("m"))
			assert.ErrorIs(t, err, keys.ErrBadSignature)
			assert.Nil(t, sig)
		}
	}
	_, err := keys.NewSignerFunc(keys.Sigstore("a@example.com", "https://example.com", ""), other.Sign).Sign(context.Background(), []byte("m"))
	assert.ErrorIs(t, err, keys.ErrUnverifiable)
}
