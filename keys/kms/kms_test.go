package kms_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"testing"

	"filippo.io/mldsa"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms/fake"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/kms"
)

func TestNewSigner(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)

	fakeKMS, err := fake.LoadSignerVerifier(ctx, crypto.SHA256)
	require.NoError(t, err)
	pss, err := signature.LoadRSAPSSSigner(rsaKey, crypto.SHA256, nil)
	require.NoError(t, err)
	ecdsa384, err := signature.LoadECDSASigner(p384, crypto.SHA256) // the key's scheme decides, not this
	require.NoError(t, err)
	ed25519Signer, err := signature.LoadED25519Signer(ed)
	require.NoError(t, err)
	for name, s := range map[string]signature.Signer{
		"kms": fakeKMS, "rsa pss": pss, "P-384": ecdsa384, "ed25519": ed25519Signer,
	} {
		signer, err := kms.NewSigner(ctx, s, name)
		require.NoError(t, err, name)
		assert.Equal(t, name, signer.Public().Name())
		sig, err := signer.Sign(ctx, []byte("message"))
		require.NoError(t, err, name)
		assert.NoError(t, signer.Public().Verify([]byte("message"), sig))
	}
}

func TestNewSignerRefuses(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	pkcs1, err := signature.LoadRSAPKCS1v15Signer(rsaKey, crypto.SHA256)
	require.NoError(t, err)
	signer, err := kms.NewSigner(ctx, pkcs1, "")
	require.NoError(t, err)
	_, err = signer.Sign(ctx, []byte("message"))
	assert.ErrorIs(t, err, keys.ErrBadSignature, "PKCS#1 v1.5 is not PSS")

	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	unfit, err := signature.LoadECDSASigner(p521, crypto.SHA512)
	require.NoError(t, err)
	_, err = kms.NewSigner(ctx, unfit, "")
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	pq, err := mldsa.GenerateKey(mldsa.MLDSA65())
	require.NoError(t, err)
	_, err = kms.NewSigner(ctx, mldsaSigner{pq}, "")
	assert.ErrorIs(t, err, keys.ErrUnsupported)
	_, err = kms.NewSigner(ctx, nil, "")
	assert.Error(t, err)
}

// mldsaSigner is a key service that has an ML-DSA key.
type mldsaSigner struct{ *mldsa.PrivateKey }

func (s mldsaSigner) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return s.PrivateKey.PublicKey(), nil
}

func (mldsaSigner) SignMessage(io.Reader, ...signature.SignOption) ([]byte, error) {
	return nil, errors.New("it was asked to sign")
}
