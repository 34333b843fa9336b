// Package azure opens azurekms: key URIs with Azure Key Vault. Import it for
// its side effect and use [keys.OpenURI].
//
// Credentials are those of Azure's default chain: environment, workload
// identity, managed identity, command line. RSTUF's form of the URI,
// azurekms://<vault>.vault.azure.net/keys/<name>/<version>, and sigstore's,
// without "keys", are understood. Keys must be EC P-256 or P-384; see package
// kms for why not RSA. The caller needs to get keys and sign with them.
package azure

import (
	"context"
	"strings"

	provider "github.com/sigstore/sigstore/pkg/signature/kms/azure"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/kms"
)

func init() { keys.RegisterURI("azurekms", Open) }

// Open is the [keys.URIOpener] of azurekms.
func Open(ctx context.Context, uri string, cfg keys.URIConfig) (keys.Signer, error) {
	// The client keeps this context for its whole life.
	client, err := provider.LoadSignerVerifier(context.WithoutCancel(ctx), reference(uri))
	if err != nil {
		return nil, err
	}
	return kms.NewSigner(ctx, client, cfg.Name)
}

// reference turns RSTUF's form of the URI into sigstore's: the vault's own key
// identifiers have "keys" between vault and name.
func reference(uri string) string {
	vault, key, found := strings.Cut(strings.TrimPrefix(uri, "azurekms://"), "/keys/")
	if !found {
		return uri
	}
	return "azurekms://" + vault + "/" + key
}
