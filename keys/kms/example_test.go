package kms_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/sigstore/sigstore/pkg/signature"

	"example.org/rstuf/keys/kms"
)

// Any sigstore signer will do; this one is in memory.
func ExampleNewSigner() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	inMemory, err := signature.LoadSigner(private, crypto.SHA256)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	signer, err := kms.NewSigner(ctx, inMemory, "online")
	if err != nil {
		log.Fatal(err)
	}
	sig, err := signer.Sign(ctx, []byte("the signed part of a timestamp"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer.Public().Name(), signer.Public().Verify([]byte("the signed part of a timestamp"), sig))
	// Output: online <nil>
}
