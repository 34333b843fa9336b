// Package vault signs with keys in the transit engine of HashiCorp Vault or
// OpenBao, which RSTUF names hv:<name>/<version>. The key never leaves the
// server; each signature is one HTTP request.
//
// Start with [Open], or give [Opener] to [keys.OpenURI]:
//
//	signer, err := keys.OpenURI(ctx, "hv:online/1", keys.URIConfig{
//		Openers: map[string]keys.URIOpener{"hv": vault.Opener(cfg)},
//	})
//
// The engine's key types ed25519, ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072
// and rsa-4096 can be used. The token needs "read" on <mount>/keys/<name> and
// "update" on <mount>/sign/<name> and below it.
//
// The package's own tests speak to a double of the HTTP API; a test in
// keys/vault/enginetest runs it against Vault's real transit engine behind a
// small HTTP front. It has not been run against a whole Vault server.
package vault
