package sigstoretest_test

import (
	"context"
	"fmt"
	"log"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/sigstore"
	"example.org/rstuf/keys/sigstore/sigstoretest"
)

// Code that signs as an identity is given an instance in place of real services.
func Example() {
	instance := sigstoretest.New()
	defer instance.Close()
	bot := sigstoretest.Claims{Issuer: "https://accounts.example.com", Subject: "bot", Email: "bot@example.com"}

	verifier, err := sigstore.NewVerifier(instance.TrustedRoot)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := sigstore.NewSigner(keys.Sigstore(bot.Email, bot.Issuer, "bot"), verifier, sigstore.Config{
		Fulcio: instance.URL, Rekor: instance.URL,
		Token: func(context.Context, string) (string, error) { return instance.Token(bot), nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	bundle, err := signer.Sign(context.Background(), []byte("a document"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(verifier.Verify(bot.Email, bot.Issuer, []byte("a document"), bundle), instance.Entries())
	// Output: <nil> 1
}
