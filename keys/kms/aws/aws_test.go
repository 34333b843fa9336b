package aws

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
)

const keyID = "1234abcd-12ab-34cd-56ef-1234567890ab"

// double speaks as much of AWS KMS's JSON protocol as signing needs.
type double struct {
	t   *testing.T
	key *ecdsa.PrivateKey
}

func (d double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		assert.NoError(d.t, json.NewEncoder(w).Encode(body))
	}
	var request struct {
		KeyId, MessageType, SigningAlgorithm string
		Message                              []byte
	}
	assert.NoError(d.t, json.NewDecoder(r.Body).Decode(&request))
	assert.Contains(d.t, r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=id/")
	if request.KeyId != keyID {
		answer(http.StatusBadRequest, map[string]string{"__type": "NotFoundException", "message": "no such key"})
		return
	}
	switch strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.") {
	case "GetPublicKey":
		der, err := x509.MarshalPKIXPublicKey(d.key.Public())
		assert.NoError(d.t, err)
		answer(http.StatusOK, map[string]any{"KeyId": keyID, "PublicKey": der, "SigningAlgorithms": []string{"ECDSA_SHA_256"}})
	case "DescribeKey":
		answer(http.StatusOK, map[string]any{"KeyMetadata": map[string]any{"KeyId": keyID, "SigningAlgorithms": []string{"ECDSA_SHA_256"}}})
	case "Sign":
		assert.Equal(d.t, "DIGEST", request.MessageType)
		assert.Equal(d.t, "ECDSA_SHA_256", request.SigningAlgorithm)
		sig, err := ecdsa.SignASN1(rand.Reader, d.key, request.Message)
		assert.NoError(d.t, err)
		answer(http.StatusOK, map[string]any{"KeyId": keyID, "Signature": sig, "SigningAlgorithm": "ECDSA_SHA_256"})
	default:
		answer(http.StatusBadRequest, map[string]string{"__type": "UnknownOperationException"})
	}
}

func TestOpen(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	server := httptest.NewTLSServer(double{t, key})
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_REGION": "eu-central-1", "AWS_CA_BUNDLE": authority, "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"HTTPS_PROXY": "", "https_proxy": "",
	} {
		t.Setenv(name, value)
	}
	endpoint := strings.TrimPrefix(server.URL, "https://")

	ctx := context.Background()
	signer, err := keys.OpenURI(ctx, "awskms://"+endpoint+"/"+keyID, keys.URIConfig{Name: "online"})
	require.NoError(t, err)
	assert.Equal(t, "online", signer.Public().Name())
	want, err := keys.FromCrypto(key.Public(), "")
	require.NoError(t, err)
	assert.Equal(t, want.ID(), signer.Public().ID())
	sig, err := signer.Sign(ctx, []byte("message"))
	require.NoError(t, err)
	assert.NoError(t, want.Verify([]byte("message"), sig))

	_, err = keys.OpenURI(ctx, "awskms://"+endpoint+"/alias/other", keys.URIConfig{})
	assert.ErrorContains(t, err, "no such key")
	_, err = keys.OpenURI(ctx, "awskms:not a key id", keys.URIConfig{})
	assert.Error(t, err)
}

func TestReference(t *testing.T) {
	arn := "arn:aws:kms:us-east-2:111122223333:key/" + keyID
	for uri, want := range map[string]string{
		"awskms:" + keyID:       "awskms:///" + keyID,
		"awskms:" + arn:         "awskms:///" + arn,
		"awskms:alias/online":   "awskms:///alias/online",
		"awskms:///" + keyID:    "awskms:///" + keyID,
		"awskms://host/" + arn:  "awskms://host/" + arn,
		"awskms://h:1/alias/on": "awskms://h:1/alias/on",
	} {
		assert.Equal(t, want, reference(uri))
	}
}
