package dsse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"example.org/rstuf/keys"
	envelopes "example.org/rstuf/keys/dsse"
)

// A bot attests where an artifact came from, with the key that it signs
// metadata with; whoever knows its public key verifies that.
func Example() {
	ctx := context.Background()
	bot, err := keys.Generate(keys.Ed25519, "bot") // or keys.Load, keys.OpenURI
	if err != nil {
		log.Fatal(err)
	}
	statement, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []map[string]any{{"name": "project/tool.tar.gz", "digest": map[string]string{"sha256": "9f86d081884c7d65"}}},
		"predicateType": "https://slsa.dev/provenance/v1",
		"predicate":     map[string]any{"buildDefinition": map[string]any{"buildType": "https://example.com/build/v1"}},
	})
	if err != nil {
		log.Fatal(err)
	}

	signer, err := envelopes.NewSigner(bot)
	if err != nil {
		log.Fatal(err)
	}
	sign, err := dsse.NewEnvelopeSigner(signer)
	if err != nil {
		log.Fatal(err)
	}
	envelope, err := sign.SignPayload(ctx, "application/vnd.in-toto+json", statement)
	if err != nil {
		log.Fatal(err)
	}

	verify, err := envelopes.NewEnvelopeVerifier(1, bot.Public())
	if err != nil {
		log.Fatal(err)
	}
	_, payload, err := verify.VerifyAndDecode(ctx, envelope)
	fmt.Println("verified:", err == nil, string(payload) == string(statement))

	envelope.PayloadType = "text/plain"
	_, err = verify.Verify(ctx, envelope)
	fmt.Println("changed: ", err)
	// Output:
	// verified: true true
	// changed:  accepted signatures do not match threshold, Found: 0, Expected 1
}
