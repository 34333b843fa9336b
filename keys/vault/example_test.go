package vault_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/vault"
)

// Open the online key by its URI. The server here is a local double.
func ExampleOpener() {
	online, err := keys.Generate(keys.Ed25519, "")
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(double{logFatal{}, map[string]*keys.Private{"ed25519": online}})
	defer server.Close()

	cfg := vault.Config{
		Address:   server.URL,
		Mount:     "custom",
		Namespace: "team",
		Token:     func(context.Context) (string, error) { return token, nil }, // such as from a file that an agent renews
	}
	ctx := context.Background()
	signer, err := keys.OpenURI(ctx, "hv:ed25519/2", keys.URIConfig{
		Name:    "online",
		Openers: map[string]keys.URIOpener{"hv": vault.Opener(cfg)},
	})
	if err != nil {
		log.Fatal(err)
	}
	sig, err := signer.Sign(ctx, []byte("the signed part of a timestamp"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer.Public().ID() == online.Public().ID(), len(sig))
	// Output: true 64
}

type logFatal struct{}

func (logFatal) Errorf(format string, args ...any) { log.Fatalf(format, args...) }
