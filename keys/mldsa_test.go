package keys_test

import (
	"context"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"testing"

	"filippo.io/mldsa"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
)

// What is signed is the message's frame, and nothing else.
func TestMLDSAFrame(t *testing.T) {
	t.Parallel()
	for kind, scheme := range map[keys.Type]string{keys.MLDSA44: "ml-dsa-44/1", keys.MLDSA65: "ml-dsa-65/1", keys.MLDSA87: "ml-dsa-87/1"} {
		key := generate(t, kind, "")
		object := key.Public().Key()
		assert.Equal(t, "ml-dsa", object.KeyType)
		assert.Equal(t, scheme, object.Scheme)
		assert.True(t, key.Public().PostQuantum())
		message := []byte(`{"_type":"root"}`)
		sig, err := key.Sign(context.Background(), message)
		require.NoError(t, err)
		pub, ok := key.Public().Crypto().(*mldsa.PublicKey)
		require.True(t, ok)
		sum := sha512.Sum512(message)
		assert.NoError(t, mldsa.Verify(pub, append([]byte{'t', 'u', 'f', 1}, sum[:]...), sig, nil))
		assert.Error(t, mldsa.Verify(pub, message, sig, nil))
		assert.ErrorIs(t, key.Public().Verify(append(message, '\n'), sig), keys.ErrBadSignature)
		sig[7] ^= 1
		assert.ErrorIs(t, key.Public().Verify(message, sig), keys.ErrBadSignature)
		assert.ErrorIs(t, key.Public().Verify(message, nil), keys.ErrBadSignature)
	}
	assert.False(t, generate(t, keys.Ed25519, "").Public().PostQuantum())
	kind, err := keys.ParseType("ml-dsa")
	require.NoError(t, err)
	assert.Equal(t, keys.MLDSA65, kind)
}

// A private file is the seed, 54 bytes of DER (RFC 9881, section 6); the other
// forms of that RFC are refused with what to do.
func TestMLDSAFiles(t *testing.T) {
	t.Parallel()
	key := generate(t, keys.MLDSA65, "")
	text, err := key.MarshalPEM(nil)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	assert.Len(t, block.Bytes, 54)

	form := func(private []byte, oid ...int) []byte {
		der, err := asn1.Marshal(struct {
			Version    int
			Algorithm  pkix.AlgorithmIdentifier
			PrivateKey []byte
		}{0, pkix.AlgorithmIdentifier{Algorithm: oid}, private})
		require.NoError(t, err)
		return der
	}
	seed := append([]byte{0x80, 32}, make([]byte, 32)...)
	mldsa65 := []int{2, 16, 840, 1, 101, 3, 4, 3, 18}
	_, err = keys.Parse(form(seed, mldsa65...), nil)
	assert.NoError(t, err)
	for name, bad := range map[string]struct {
		der []byte
		is  error
	}{
		"expanded":     {form(append([]byte{0x04, 0x82, 0x0f, 0xc0}, make([]byte, 4032)...), mldsa65...), keys.ErrUnsupported},
		"both":         {form(append([]byte{0x30, 0x22, 0x04, 0x20}, make([]byte, 32)...), mldsa65...), keys.ErrUnsupported},
		"short seed":   {form(seed[:33], mldsa65...), keys.ErrNotKey},
		"long seed":    {form(append(seed, 0), mldsa65...), keys.ErrNotKey},
		"other length": {form(append([]byte{0x80, 31}, make([]byte, 32)...), mldsa65...), keys.ErrNotKey},
		"empty":        {form(nil, mldsa65...), keys.ErrUnsupported},
		"SLH-DSA":      {form(seed, 2, 16, 840, 1, 101, 3, 4, 3, 20), keys.ErrUnsupported},
	} {
		_, err := keys.Parse(bad.der, nil)
		assert.ErrorIs(t, err, bad.is, name)
	}
}

func TestMLDSAPublicValues(t *testing.T) {
	t.Parallel()
	good := generate(t, keys.MLDSA44, "").Public()
	other := generate(t, keys.MLDSA65, "").Public()
	ed := generate(t, keys.Ed25519, "").Public()
	edPEM, err := ed.MarshalPEM()
	require.NoError(t, err)
	block, _ := pem.Decode([]byte(good.Key().Public()))
	require.NotNil(t, block)
	short := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: block.Bytes[:len(block.Bytes)-1]}))
	for name, public := range map[string]string{
		"another level": other.Key().Public(), "another type": string(edPEM), "cut short": short, "no PEM": "00", "empty": "",
	} {
		k := good.Key()
		k.Value = map[string]string{"public": public}
		_, err := keys.FromKey(k)
		assert.Error(t, err, name)
	}
	back, err := keys.ParsePublic([]byte(good.Key().Public()))
	require.NoError(t, err)
	assert.True(t, back.Same(good))

	// Another version of the scheme is another scheme, which is carried along.
	k := good.Key()
	k.Scheme = "ml-dsa-44/2"
	next, err := keys.FromKey(k)
	require.NoError(t, err)
	assert.False(t, next.Verifiable())
	assert.False(t, next.PostQuantum())

	_, err = keys.FromCrypto(&mldsa.PublicKey{}, "")
	assert.Error(t, err)
	_, err = keys.FromCrypto((*mldsa.PublicKey)(nil), "")
	assert.Error(t, err)
}
