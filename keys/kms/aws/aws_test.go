package aws

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/kmstest"
	"example.org/rstuf/keys"
)

func TestOpen(t *testing.T) {
	kms := kmstest.StartAWS(t, t.TempDir())
	for name, value := range kms.Env {
		t.Setenv(name, value)
	}
	ctx := context.Background()
	signer, err := keys.OpenURI(ctx, kms.URI, keys.URIConfig{Name: "online"})
	require.NoError(t, err)
	assert.Equal(t, "online", signer.Public().Name())
	want, err := keys.FromCrypto(kms.Key.Public(), "")
	require.NoError(t, err)
	assert.Equal(t, want.ID(), signer.Public().ID())
	sig, err := signer.Sign(ctx, []byte("message"))
	require.NoError(t, err)
	assert.NoError(t, want.Verify([]byte("message"), sig))

	kms.Refused.Store(true)
	_, err = signer.Sign(ctx, []byte("message"))
	assert.ErrorContains(t, err, "is not authorized to perform: kms:Sign")
	assert.NotContains(t, err.Error(), "\n")

	_, err = keys.OpenURI(ctx, strings.TrimSuffix(kms.URI, kmstest.KeyID)+"alias/other", keys.URIConfig{})
	assert.ErrorContains(t, err, "no such key")
	_, err = keys.OpenURI(ctx, "awskms:not a key id", keys.URIConfig{})
	assert.Error(t, err)
}

func TestReference(t *testing.T) {
	arn := "arn:aws:kms:us-east-2:111122223333:key/" + kmstest.KeyID
	for uri, want := range map[string]string{
		"awskms:" + kmstest.KeyID:    "awskms:///" + kmstest.KeyID,
		"awskms:" + arn:              "awskms:///" + arn,
		"awskms:alias/online":        "awskms:///alias/online",
		"awskms:///" + kmstest.KeyID: "awskms:///" + kmstest.KeyID,
		"awskms://host/" + arn:       "awskms://host/" + arn,
		"awskms://h:1/alias/on":      "awskms://h:1/alias/on",
	} {
		assert.Equal(t, want, reference(uri))
	}
}
