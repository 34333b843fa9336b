package azure

import (
	"context"
	"testing"

	provider "github.com/sigstore/sigstore/pkg/signature/kms/azure"
	"github.com/stretchr/testify/assert"

	"example.org/rstuf/keys"
)

func TestReference(t *testing.T) {
	for uri, want := range map[string]string{
		"azurekms://v.vault.azure.net/keys/online/0123abcd": "azurekms://v.vault.azure.net/online/0123abcd",
		"azurekms://v.vault.azure.net/keys/online":          "azurekms://v.vault.azure.net/online",
		"azurekms://v.vault.azure.net/online/0123abcd":      "azurekms://v.vault.azure.net/online/0123abcd",
	} {
		assert.Equal(t, want, reference(uri))
		assert.NoError(t, provider.ValidReference(want))
	}
}

// The import registers the scheme; what is no reference gets no further.
func TestOpenRefuses(t *testing.T) {
	for _, uri := range []string{"azurekms:online", "azurekms://vault-only", "azurekms://v/a/b/c/d"} {
		_, err := keys.OpenURI(context.Background(), uri, keys.URIConfig{})
		assert.ErrorContains(t, err, "azurekms://[VAULT_NAME]", uri)
	}
}
