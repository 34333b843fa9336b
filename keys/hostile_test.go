package keys_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"example.org/rstuf/keys"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	p521DER, err := x509.MarshalPKCS8PrivateKey(p521)
	require.NoError(t, err)
	p521SEC1, err := x509.MarshalECPrivateKey(p521)
	require.NoError(t, err)
	ed := generate(t, keys.Ed25519, "")
	text, err := ed.MarshalPEM(nil)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	other := generate(t, keys.Ed25519, "").Public().Key().Value["public"]

	refused := map[string]struct {
		data []byte
		want error
		says string
	}{
		"empty":              {nil, keys.ErrNotKey, "empty"},
		"white space":        {[]byte(" \n"), keys.ErrNotKey, "empty"},
		"text":               {[]byte("hello"), keys.ErrNotKey, "neither PEM"},
		"cut PEM":            {text[:len(text)-9], keys.ErrNotKey, "cut short"},
		"PKCS#12 DER":        {[]byte("\x30\x0a\x02\x01\x03\x30\x05\x06\x03\x2a\x03\x04"), keys.ErrNotKey, "neither PKCS#8"},
		"cut DER":            {block.Bytes[:20], keys.ErrNotKey, "cut short"},
		"damaged PKCS#8":     {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes[:40]}), keys.ErrNotKey, "damaged"},
		"two keys":           {append(bytes.Clone(text), text...), keys.ErrNotKey, "more than one"},
		"P-521":              {p521DER, keys.ErrUnsupported, "P-521"},
		"P-521 SEC 1":        {p521SEC1, keys.ErrUnsupported, "P-521"},
		"secp256k1":          {fixture(t, "secp256k1.pem"), keys.ErrUnsupported, "curve 1.3.132.0.10"},
		"secp256k1 PKCS#8":   {fixture(t, "secp256k1-pkcs8.pem"), keys.ErrUnsupported, "curve 1.3.132.0.10"},
		"explicit curve":     {fixture(t, "explicit-curve.pem"), keys.ErrUnsupported, "does not name its curve"},
		"rsa 1024":           {fixture(t, "rsa-1024.pem"), keys.ErrUnsupported, "1024 bits is too weak"},
		"rsa 1024 PKCS#1":    {fixture(t, "rsa-1024-pkcs1.pem"), keys.ErrUnsupported, "1024 bits is too weak"},
		"dsa":                {fixture(t, "dsa.pem"), keys.ErrUnsupported, "use ed25519"},
		"ed448":              {fixture(t, "ed448.pem"), keys.ErrUnsupported, "1.3.101.113"},
		"x25519":             {fixture(t, "x25519.pem"), keys.ErrUnsupported, "1.3.101.110"},
		"aria":               {fixture(t, "aria.pem"), keys.ErrUnsupported, "cipher 1.2.410"},
		"openssh cipher":     {fixture(t, "openssh-chacha"), keys.ErrUnsupported, "chacha20-poly1305"},
		"openssh public":     {[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a@b"), keys.ErrNotPrivate, "OpenSSH public"},
		"json list":          {[]byte(`{"a":1}`), keys.ErrNotKey, "without keyval"},
		"json cut":           {[]byte(`{"keytype":`), keys.ErrNotKey, "cut short"},
		"json key type":      {[]byte(`{"keytype":"spam","scheme":"spam","keyval":{"public":"x","private":"` + strings.Repeat("ab", 32) + `"}}`), keys.ErrUnsupported, "spam"},
		"json halves":        {[]byte(`{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"` + other + `","private":"` + strings.Repeat("ab", 32) + `"}}`), keys.ErrNotKey, "halves"},
		"json odd seed":      {[]byte(`{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"` + other + `","private":"abc"}}`), keys.ErrNotKey, "64 hex digits"},
		"legacy parts":       {[]byte("aa@@@@1@@@@bb"), keys.ErrNotKey, "cut short"},
		"legacy hex":         {[]byte("zz@@@@1@@@@bb@@@@cc@@@@dd"), keys.ErrNotKey, "cut short"},
		"legacy iv":          {[]byte("aa@@@@1@@@@bb@@@@cc@@@@dd"), keys.ErrNotKey, "cut short"},
		"secretbox nonce":    {[]byte(`{"kdf":{"name":"scrypt","params":{"N":32768,"r":8,"p":1},"salt":""},"cipher":{"name":"nacl/secretbox","nonce":"AA=="},"ciphertext":"AA=="}`), keys.ErrNotKey, "damaged"},
		"secretbox kdf":      {secretbox("argon2", 32768, 8, 1), keys.ErrUnsupported, "argon2"},
		"secretbox low N":    {secretbox("scrypt", 16384, 8, 1), keys.ErrUnsupported, "want N=32768, 65536 or 131072"},
		"secretbox other p":  {secretbox("scrypt", 32768, 8, 2), keys.ErrUnsupported, "N=32768 r=8 p=2"},
		"secretbox N":        {secretbox("scrypt", 32767, 8, 1), keys.ErrNotKey, "power of two"},
		"certificate damage": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{1}}), keys.ErrNotKey, "CERTIFICATE REQUEST"},
		"unknown PBES1":      {fixture(t, "pbe-sha1-rc2.pem"), keys.ErrUnsupported, "openssl pkcs8 -topk8"},
	}
	for name, r := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := keys.Parse(r.data, password("pw"))
			assert.ErrorIs(t, err, r.want)
			assert.ErrorContains(t, err, r.says)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestParsePublicRefuses(t *testing.T) {
	withoutFIPS(t)
	t.Parallel()
	publicOf := func(raw any) []byte {
		der, err := x509.MarshalPKIXPublicKey(raw)
		require.NoError(t, err)
		return der
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	weak := publicOf(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537})
	huge := publicOf(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1<<16), E: 65537})
	secp256k1 := bytes.Replace(publicOf(generate(t, keys.ECDSAP256, "").Public().Crypto()),
		[]byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), []byte("\x06\x08\x2b\x81\x04\x00\x0a\x01\x01\x01"), 1)
	key := generate(t, keys.Ed25519, "")
	text, err := key.MarshalPEM(nil)
	require.NoError(t, err)
	public, err := key.Public().MarshalPEM()
	require.NoError(t, err)

	refused := map[string]struct {
		data []byte
		want error
		says string
	}{
		"empty":             {nil, keys.ErrNotKey, "empty"},
		"text":              {[]byte("hello"), keys.ErrNotKey, "neither PEM"},
		"cut PEM":           {public[:len(public)-9], keys.ErrNotKey, "cut short"},
		"private PEM":       {text, keys.ErrNotKey, "a private key, which does not belong here"},
		"private JSON":      {[]byte(`{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"aa","private":"bb"}}`), keys.ErrNotKey, "a private key"},
		"private unknown":   {[]byte(`{"keytype":"new","scheme":"new","keyval":{"private":"bb","bits":1}}`), keys.ErrNotKey, "a private key"},
		"JSON damage":       {[]byte(`{"keytype":1}`), keys.ErrNotKey, "keytype"},
		"P-521":             {publicOf(p521.Public()), keys.ErrUnsupported, "P-521"},
		"another curve":     {secp256k1, keys.ErrUnsupported, "curve 1.3.132.0.10"},
		"x25519":            {publicOf(x25519.PublicKey()), keys.ErrUnsupported, "use ed25519"},
		"weak rsa":          {weak, keys.ErrUnsupported, "1024 bits is too weak"},
		"huge rsa":          {huge, keys.ErrUnsupported, "too large"},
		"cut OpenSSH":       {[]byte("ssh-ed25519 AAAA"), keys.ErrNotKey, "cut short"},
		"not a key at all":  {[]byte("\x30\x03\x02\x01\x05"), keys.ErrNotKey, "neither a public key"},
		"P-521 certificate": {certificate(t, p521, "x"), keys.ErrUnsupported, "P-521"},
	}
	for name, r := range refused {
		_, err := keys.ParsePublic(r.data)
		assert.ErrorIs(t, err, r.want, name)
		assert.ErrorContains(t, err, r.says, name)
	}
}

func secretbox(kdf string, n, r, p int64) []byte {
	box := map[string]any{
		"kdf":        map[string]any{"name": kdf, "params": map[string]int64{"N": n, "r": r, "p": p}, "salt": make([]byte, 32)},
		"cipher":     map[string]any{"name": "nacl/secretbox", "nonce": make([]byte, 24)},
		"ciphertext": make([]byte, 64),
	}
	out, err := json.Marshal(box)
	if err != nil {
		panic(err)
	}
	return out
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "refused", name))
	require.NoError(t, err)
	return data
}

// encryptedInfo is an encrypted PKCS#8 key with the parameters given.
func encryptedInfo(t *testing.T, oid asn1.ObjectIdentifier, params any) []byte {
	t.Helper()
	out, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{algorithm(t, oid, params), make([]byte, 64)})
	require.NoError(t, err)
	return out
}

func algorithm(t *testing.T, oid asn1.ObjectIdentifier, params any) pkix.AlgorithmIdentifier {
	t.Helper()
	der, err := asn1.Marshal(params)
	require.NoError(t, err)
	return pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: asn1.RawValue{FullBytes: der}}
}

func pbes2(t *testing.T, kdf asn1.ObjectIdentifier, params any) []byte {
	aes256 := algorithm(t, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, make([]byte, 16))
	return encryptedInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, []pkix.AlgorithmIdentifier{algorithm(t, kdf, params), aes256})
}

func openssh(rounds uint32) []byte {
	options := ssh.Marshal(struct {
		Salt   string
		Rounds uint32
	}{"0123456789abcdef", rounds})
	return pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: append([]byte("openssh-key-v1\x00"), ssh.Marshal(struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public, Private      string
	}{"aes256-ctr", "bcrypt", string(options), 1, "", ""})...)})
}

// A file may not choose how long we work on it: the refusal comes before the
// password is asked for, let alone used.
func TestAbsurdWorkIsRefused(t *testing.T) {
	t.Parallel()
	pbkdf2 := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	scrypt := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	type iterated struct {
		Salt       []byte
		Iterations int64
	}
	type scryptParams struct {
		Salt    []byte
		N, R, P int64
	}
	salt := []byte("salt")
	absurd := map[string][]byte{
		"pbkdf2":        pbes2(t, pbkdf2, iterated{salt, 5_000_001}),
		"pbkdf2 max":    pbes2(t, pbkdf2, iterated{salt, 1<<63 - 1}),
		"scrypt N":      pbes2(t, scrypt, scryptParams{salt, 1 << 30, 8, 1}),
		"scrypt r":      pbes2(t, scrypt, scryptParams{salt, 1 << 14, 1 << 40, 1}),
		"scrypt p":      pbes2(t, scrypt, scryptParams{salt, 1 << 14, 8, 1 << 40}),
		"scrypt r*p":    pbes2(t, scrypt, scryptParams{salt, 2, 1, 1 << 22}), // little work, 512 MiB
		"pbes1 md5":     encryptedInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 3}, iterated{salt, 5_000_001}),
		"pkcs12 3des":   encryptedInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}, iterated{salt, 5_000_001}),
		"legacy":        []byte("aa@@@@2000000000@@@@bb@@@@" + strings.Repeat("00", 16) + "@@@@dd"),
		"secretbox N":   secretbox("scrypt", 1<<30, 8, 1),
		"secretbox r":   secretbox("scrypt", 2, 1<<40, 1),
		"secretbox p":   secretbox("scrypt", 1<<15, 8, 1<<40),
		"secretbox all": secretbox("scrypt", 1<<62, 1<<62, 1<<62),
		"openssh":       openssh(501),
		"openssh max":   openssh(1<<32 - 1),
	}
	for name, data := range absurd {
		_, err := keys.Parse(data, func() ([]byte, error) {
			t.Errorf("%s: the password was asked for", name)
			return nil, errors.New("asked")
		})
		assert.ErrorIs(t, err, keys.ErrUnsupported, name)
		assert.ErrorContains(t, err, "asks for", name)
	}
	senseless := [][]byte{
		pbes2(t, pbkdf2, iterated{salt, 0}), pbes2(t, pbkdf2, iterated{salt, -1}),
		pbes2(t, scrypt, scryptParams{salt, 0, 0, 0}), pbes2(t, scrypt, scryptParams{salt, 1000, 8, 1}),
		encryptedInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 3}, iterated{salt, 0}),
	}
	for _, data := range senseless {
		_, err := keys.Parse(data, password("pw"))
		assert.ErrorIs(t, err, keys.ErrNotKey)
	}
}

// Files of every format with bytes changed or cut off inside the encoding:
// each is read as some key or refused with an error that can be told apart.
func TestCorruptFiles(t *testing.T) {
	t.Parallel()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	tried := 0
	for _, folder := range []string{"keys", "openssl-keys", "legacy-keys"} {
		paths, err := filepath.Glob(filepath.Join("testdata", folder, "*"))
		require.NoError(t, err)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			for range 12 {
				corrupt := corrupted(random, data)
				if corrupt == nil {
					break // not a private key
				}
				tried++
				if _, err := keys.Parse(corrupt, password("hunter2")); err != nil {
					isTold(t, err)
				}
			}
		}
	}
	assert.Greater(t, tried, 300)
}

// corrupted changes, swaps or cuts bytes of a private key, below the PEM if it
// has one.
func corrupted(random *mathrand.Rand, data []byte) []byte {
	block, _ := pem.Decode(data)
	if block == nil {
		if bytes.HasPrefix(data, []byte("{")) {
			return nil
		}
		block = &pem.Block{Bytes: bytes.Clone(data)}
	} else if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil
	}
	for range 1 + random.IntN(3) {
		// The beginning holds the structure, so it is hit more often.
		at := random.IntN(1 + random.IntN(len(block.Bytes)))
		switch random.IntN(4) {
		case 0:
			block.Bytes[at] = byte(random.Uint32())
		case 1:
			block.Bytes[at] ^= 1 << random.IntN(8)
		case 2:
			block.Bytes[at] = []byte{0, 1, 0x30, 0x7f, 0x80, 0x84, 0xff}[random.IntN(7)]
		default:
			block.Bytes = block.Bytes[:max(1, len(block.Bytes)-random.IntN(20))]
		}
	}
	if block.Type == "" {
		return block.Bytes
	}
	return pem.EncodeToMemory(block)
}

// The callback's own failure comes through.
func TestPasswordCallbackFails(t *testing.T) {
	t.Parallel()
	text, err := generate(t, keys.Ed25519, "").MarshalPEM([]byte("pw"))
	require.NoError(t, err)
	refused := errors.New("the user pressed escape")
	_, err = keys.Parse(text, func() ([]byte, error) { return nil, refused })
	assert.ErrorIs(t, err, refused)
}

func TestLoadRefusesLargeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "big")
	require.NoError(t, os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(make([]byte, 1<<20))), 0o600))
	_, err := keys.Load(path, nil)
	assert.ErrorContains(t, err, "larger than")
	_, err = keys.LoadPublic(path)
	assert.ErrorContains(t, err, "larger than")
	_, err = keys.Load(path+"x", nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
}
