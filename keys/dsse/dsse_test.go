package dsse_test

import (
	"context"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	envelopes "example.org/rstuf/keys/dsse"
)

const payloadType = "application/vnd.in-toto+json"

func envelope(t *testing.T, signers ...dsse.Signer) *dsse.Envelope {
	t.Helper()
	sign, err := dsse.NewEnvelopeSigner(signers...)
	require.NoError(t, err)
	e, err := sign.SignPayload(context.Background(), payloadType, []byte(`{"a":1}`))
	require.NoError(t, err)
	return e
}

func generate(t *testing.T, kind keys.Type) (*keys.Private, dsse.SignerVerifier) {
	t.Helper()
	key, err := keys.Generate(kind, string(kind))
	require.NoError(t, err)
	signer, err := envelopes.NewSigner(key)
	require.NoError(t, err)
	return key, signer
}

// go-securesystemslib's own verifiers read what ours sign and the other way
// round, under the same key ids.
func TestPeer(t *testing.T) {
	for kind, peer := range map[keys.Type]func(*signerverifier.SSLibKey) (dsse.SignerVerifier, error){
		keys.Ed25519: func(k *signerverifier.SSLibKey) (dsse.SignerVerifier, error) {
			return signerverifier.NewED25519SignerVerifierFromSSLibKey(k)
		},
		keys.ECDSAP256: func(k *signerverifier.SSLibKey) (dsse.SignerVerifier, error) {
			return signerverifier.NewECDSASignerVerifierFromSSLibKey(k)
		},
		keys.ECDSAP384: func(k *signerverifier.SSLibKey) (dsse.SignerVerifier, error) {
			return signerverifier.NewECDSASignerVerifierFromSSLibKey(k)
		},
		keys.RSA2048: func(k *signerverifier.SSLibKey) (dsse.SignerVerifier, error) {
			return signerverifier.NewRSAPSSSignerVerifierFromSSLibKey(k)
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			key, ours := generate(t, kind)
			pem, err := key.MarshalPEM(nil)
			require.NoError(t, err)
			sslib, err := signerverifier.LoadKey(pem)
			require.NoError(t, err)
			sslib.KeyID = key.Public().ID()
			theirs, err := peer(sslib)
			require.NoError(t, err)

			for _, signer := range []dsse.SignerVerifier{ours, theirs} {
				e := envelope(t, signer)
				for _, v := range []dsse.Verifier{ours, theirs} {
					verify, err := dsse.NewEnvelopeVerifier(v)
					require.NoError(t, err)
					accepted, err := verify.Verify(context.Background(), e)
					if assert.NoError(t, err) {
						assert.Equal(t, key.Public().ID(), accepted[0].KeyID)
						assert.Equal(t, key.Public().Crypto(), accepted[0].Public)
					}
				}
			}
		})
	}
}

func TestThreshold(t *testing.T) {
	ctx := context.Background()
	alice, aliceSigns := generate(t, keys.Ed25519)
	bob, bobSigns := generate(t, keys.ECDSAP256)
	_, strangerSigns := generate(t, keys.Ed25519)
	verify, err := envelopes.NewEnvelopeVerifier(2, alice.Public(), bob.Public())
	require.NoError(t, err)
	for name, test := range map[string]struct {
		e    *dsse.Envelope
		good bool
	}{
		"both":           {envelope(t, aliceSigns, bobSigns), true},
		"and a stranger": {envelope(t, strangerSigns, bobSigns, aliceSigns), true},
		"one":            {envelope(t, aliceSigns), false},
		"one twice":      {envelope(t, aliceSigns, aliceSigns), false},
		"a stranger":     {envelope(t, aliceSigns, strangerSigns), false},
	} {
		_, err := verify.Verify(ctx, test.e)
		assert.Equal(t, test.good, err == nil, "%s: %v", name, err)
	}

	for name, bad := range map[string]struct {
		threshold int
		pubs      []keys.Public
	}{
		"no threshold":        {0, []keys.Public{alice.Public()}},
		"more than keys":      {2, []keys.Public{alice.Public()}},
		"one key twice":       {2, []keys.Public{alice.Public(), alice.Public().WithName("bob")}},
		"an empty key":        {1, []keys.Public{{}}},
		"a key unknown here":  {1, []keys.Public{keys.Sigstore("a@example.com", "https://example.com", "")}},
		"one that none knows": {1, []keys.Public{alice.Public(), keys.Sigstore("a@example.com", "https://example.com", "")}},
	} {
		_, err := envelopes.NewEnvelopeVerifier(bad.threshold, bad.pubs...)
		assert.Error(t, err, name)
	}
}

// A signer that signs something else gives no envelope.
func TestBadSigners(t *testing.T) {
	alice, _ := generate(t, keys.Ed25519)
	liar, err := envelopes.NewSigner(lying{alice})
	require.NoError(t, err)
	sign, err := dsse.NewEnvelopeSigner(liar)
	require.NoError(t, err)
	_, err = sign.SignPayload(context.Background(), payloadType, []byte("x"))
	assert.ErrorIs(t, err, keys.ErrBadSignature)

	_, err = envelopes.NewSigner(nil)
	assert.Error(t, err)
	_, err = envelopes.NewVerifier(keys.Sigstore("a@example.com", "https://example.com", ""))
	assert.ErrorIs(t, err, keys.ErrUnverifiable)
}

type lying struct{ *keys.Private }

func (l lying) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return l.Private.Sign(ctx, append([]byte("not "), message...))
}
