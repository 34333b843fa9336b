package keys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/rstuf/internal/race"
	"example.org/rstuf/keys"
)

// plainKey gives a key both ways: as the package's and as Go's.
func plainKey(t testing.TB, kind keys.Type) (*keys.Private, crypto.PrivateKey, []byte) {
	t.Helper()
	key := generate(t, kind, "")
	text, err := key.MarshalPEM(nil)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	raw, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	return key, raw, block.Bytes
}

// checkOpens checks that the data holds the key, and under which password.
func checkOpens(t *testing.T, data []byte, secret string, want *keys.Private) {
	t.Helper()
	if secret == "" {
		got, err := keys.Parse(data, nil)
		require.NoError(t, err)
		assert.False(t, got.Encrypted())
		checkSigns(t, got, want.Public())
		return
	}
	got, err := keys.Parse(data, password(secret))
	forbidden(t, err)
	require.NoError(t, err)
	assert.True(t, got.Encrypted())
	checkSigns(t, got, want.Public())
	_, err = keys.Parse(data, password("not "+secret))
	assert.ErrorIs(t, err, keys.ErrPassword)
	_, err = keys.Parse(data, nil)
	assert.ErrorIs(t, err, keys.ErrPasswordNeeded)
}

func TestParseOpenSSH(t *testing.T) {
	t.Parallel()
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048} {
		key, raw, _ := plainKey(t, kind)
		block, err := ssh.MarshalPrivateKey(raw, "comment")
		require.NoError(t, err)
		checkOpens(t, pem.EncodeToMemory(block), "", key)
	}
	key, raw, _ := plainKey(t, keys.Ed25519)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(raw, "comment", []byte("pw"))
	require.NoError(t, err)
	checkOpens(t, pem.EncodeToMemory(block), "pw", key)
}

func TestParseTraditionalPEM(t *testing.T) {
	withoutFIPS(t)
	t.Parallel()
	key, raw, _ := plainKey(t, keys.ECDSAP256)
	der, err := x509.MarshalECPrivateKey(raw.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	for _, cipher := range []x509.PEMCipher{x509.PEMCipherDES, x509.PEMCipher3DES, x509.PEMCipherAES128, x509.PEMCipherAES192, x509.PEMCipherAES256} {
		block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte("pw"), cipher) //lint:ignore SA1019 what the test is about
		require.NoError(t, err)
		checkOpens(t, pem.EncodeToMemory(block), "pw", key)
	}
	params := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	text := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	checkOpens(t, append(params, text...), "", key)
	checkOpens(t, append([]byte("\xef\xbb\xbf\r\n"), bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))...), "", key)
	checkOpens(t, der, "", key)
}

// One wrong password in 256 leaves padding that looks right.
func TestWrongPasswordIsAlwaysToldApart(t *testing.T) {
	withoutFIPS(t)
	t.Parallel()
	_, raw, _ := plainKey(t, keys.ECDSAP256)
	der, err := x509.MarshalECPrivateKey(raw.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	block, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", der, []byte("pw"), x509.PEMCipherAES256) //lint:ignore SA1019 what the test is about
	require.NoError(t, err)
	text := pem.EncodeToMemory(block)
	for range 1500 {
		_, err := keys.Parse(text, password(rand.Text()))
		require.ErrorIs(t, err, keys.ErrPassword)
	}
}

func TestParseSecretbox(t *testing.T) {
	t.Parallel()
	key, _, der := plainKey(t, keys.ECDSAP256)
	text, err := key.MarshalPEM(nil)
	require.NoError(t, err)
	object := key.Public().Key()
	object.Value["private"] = string(text)
	asJSON, err := json.Marshal(object)
	require.NoError(t, err)
	opens := func(content []byte, level encrypted.KDFParameterStrength) {
		box, err := encrypted.EncryptWithCustomKDFParameters(content, []byte("pw"), level)
		require.NoError(t, err)
		got, err := keys.Parse(box, password("pw"))
		require.NoError(t, err)
		assert.Equal(t, key.Public().ID(), got.Public().ID())
	}
	levels := []encrypted.KDFParameterStrength{encrypted.Legacy, encrypted.Standard, encrypted.OWASP}
	if race.Enabled { // each takes seconds
		levels = levels[:1]
	}
	for _, level := range levels {
		opens(text, level)
	}
	opens(asJSON, encrypted.Legacy)
	box, err := encrypted.EncryptWithCustomKDFParameters(der, []byte("pw"), encrypted.Legacy)
	require.NoError(t, err)
	checkOpens(t, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED COSIGN PRIVATE KEY", Bytes: box}), "pw", key)
}

// What sigstore's own library generates, which is what cosign does.
func TestParseSigstoreKeyPair(t *testing.T) {
	t.Parallel()
	private, public, err := cryptoutils.GeneratePEMEncodedECDSAKeyPair(elliptic.P256(), func(bool) ([]byte, error) { return []byte("pw"), nil })
	require.NoError(t, err)
	key, err := keys.Parse(private, password("pw"))
	require.NoError(t, err)
	pub, err := keys.ParsePublic(public)
	require.NoError(t, err)
	checkSigns(t, key, pub)
}

func certificate(t *testing.T, raw crypto.PrivateKey, name string) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, raw.(crypto.Signer).Public(), raw)
	require.NoError(t, err)
	return der
}

func TestParsePublicForms(t *testing.T) {
	t.Parallel()
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.ECDSAP384, keys.RSA2048} {
		key, raw, private := plainKey(t, kind)
		want := key.Public()
		spki, err := x509.MarshalPKIXPublicKey(want.Crypto())
		require.NoError(t, err)
		cert := certificate(t, raw, "Alice of Example")
		object, err := json.Marshal(want.WithName("alice"))
		require.NoError(t, err)
		text, err := want.MarshalPEM()
		require.NoError(t, err)
		sshKey, err := ssh.NewPublicKey(want.Crypto())
		require.NoError(t, err)
		line := append(bytes.TrimSpace(ssh.MarshalAuthorizedKey(sshKey)), " alice@laptop\n"...)
		for name, form := range map[string][]byte{
			"": spki, "Alice of Example": cert, "alice": object, "alice@laptop": line,
		} {
			got, err := keys.ParsePublic(form)
			require.NoError(t, err)
			assert.Equal(t, want.ID(), got.ID())
			assert.Equal(t, name, got.Name())
		}
		for _, form := range [][]byte{text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})} {
			got, err := keys.ParsePublic(form)
			require.NoError(t, err)
			assert.Equal(t, want.ID(), got.ID())
		}

		// What is not private is named where a private key belongs, and the
		// other way round.
		for _, form := range [][]byte{spki, cert, object, text, line, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})} {
			_, err := keys.Parse(form, password("pw"))
			assert.ErrorIs(t, err, keys.ErrNotPrivate)
		}
		_, err = keys.ParsePublic(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
		assert.ErrorIs(t, err, keys.ErrNotKey)
		assert.ErrorContains(t, err, "private key")
	}
}
