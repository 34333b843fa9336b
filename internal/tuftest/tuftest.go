// Package tuftest makes keys and signed documents for tests.
package tuftest

import (
	"testing"

	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Key makes an Ed25519 key with a name.
func Key(t testing.TB, name string) *keys.Private {
	t.Helper()
	key, err := keys.Generate(keys.Ed25519, name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Document makes a document of a body and signs it.
func Document(t testing.TB, body metadata.Body, signers ...*keys.Private) *metadata.Document {
	t.Helper()
	doc, err := metadata.New(body)
	for _, signer := range signers {
		if err == nil {
			err = doc.Sign(t.Context(), signer)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}
