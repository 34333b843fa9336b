package ceremony_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
)

// exampleKey is a key for examples: everybody knows it.
func exampleKey(name string) keys.Signer {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	key, err := keys.NewSigner(ed25519.NewKeyFromSeed(seed), name)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// Example makes a first root with two signers who never meet: the draft
// travels as a file.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "ceremony")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	alice, bob := exampleKey("alice"), exampleKey("bob")

	// On alice's machine.
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys:  []keys.Public{alice.Public(), bob.Public(), exampleKey("carol").Public()},
		Threshold: 2,
		OnlineKey: exampleKey("online").Public(),
		HashBins:  256,
		Now:       time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := draft.Sign(ctx, alice); err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "first-root.json")
	if err := draft.Save(file); err != nil {
		log.Fatal(err)
	}
	fmt.Println(draft.Status())

	// On bob's machine.
	draft, err = ceremony.LoadDraft(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(draft.Review(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
	if err := draft.Sign(ctx, bob); err != nil {
		log.Fatal(err)
	}
	fmt.Println(draft.Status())

	// Output:
	// incomplete: 1 of 2 signatures are there (alice (faa2b7f9ab41d333)), 1 more needed of bob (fb9de62535fb6645), carol (dcb4d2cc76e473f8)
	// root version 1, expires 2027-11-22T12:00:00Z
	// rests on nothing: it is the first root, and every key below must be right
	// contents:
	//   root threshold: 2 of 3 keys
	//   root key: alice, ed25519, key id faa2b7f9ab41d333bfff33d7fc7b22f40bd0ca2425812e8f1f154e5252a99990
	//   root key: bob, ed25519, key id fb9de62535fb6645e0aad20132e00168e96dd9a812ec81484837ee77ce063faa
	//   root key: carol, ed25519, key id dcb4d2cc76e473f84dccab3c6e9ae7d0731dc13f3cf2dc56ced84402d27032f0
	//   online key: online, ed25519, at fn:9c66095cb3e5da91635b7adf517ef26d1658e0ea097a4702b8adff3831cc9d40, key id 9c66095cb3e5da91635b7adf517ef26d1658e0ea097a4702b8adff3831cc9d40
	//   life of root: 365 days
	//   life of targets: 365 days
	//   life of snapshot: 1 day
	//   life of timestamp: 1 day
	//   hash bins: 256, with a life of 1 day
	// what that means:
	//   - Any 2 of the 3 holders of root keys (alice, bob, carol) together decide who may publish, and can replace every key.
	//   - 1 key may be lost. After that none of this can ever be changed again, and users must be moved to a new repository by hand.
	//   - Before 2027-11-22 (365 days) they have to meet again and sign the next root. If they do not, nobody can download any more until they do.
	//   - Day by day the service signs alone, with the key online, which the service finds at fn:9c66095cb3e5da91635b7adf517ef26d1658e0ea097a4702b8adff3831cc9d40. Whoever steals that key can publish what they like until the people above replace it.
	//   - Artifacts are spread over 256 hash bins. Nobody can change that number later.
	// fingerprint, the same for all who sign this:
	//   c609 7ff6 4a71 0ad2 4a33 ef63 186c 8d00
	//   4619 2c2d dbb3 20c1 1c4d 432e 2ee5 12a8
	// signatures: incomplete: 1 of 2 signatures are there (alice (faa2b7f9ab41d333)), 1 more needed of bob (fb9de62535fb6645), carol (dcb4d2cc76e473f8)
	// complete: signed by alice (faa2b7f9ab41d333), bob (fb9de62535fb6645)
}

// ExampleNext replaces carol's key by dave's.
func ExampleNext() {
	ctx := context.Background()
	alice, bob, carol, dave := exampleKey("alice"), exampleKey("bob"), exampleKey("carol"), exampleKey("dave")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys:  []keys.Public{alice.Public(), bob.Public(), carol.Public()},
		Threshold: 2,
		OnlineKey: exampleKey("online").Public(),
		Now:       now,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, signer := range []keys.Signer{alice, bob} {
		if err := draft.Sign(ctx, signer); err != nil {
			log.Fatal(err)
		}
	}

	next, err := ceremony.Next(ctx, draft.Document(), ceremony.Change{
		AddRootKeys:    []keys.Public{dave.Public()},
		RemoveRootKeys: []string{"carol"},
		LostKeys:       []string{"carol"},
		Now:            now,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range next.Review(now).Changes {
		fmt.Println(change)
	}
	if err := next.Sign(ctx, bob); err != nil {
		log.Fatal(err)
	}
	fmt.Println(next.Status())
	if err := next.Sign(ctx, alice); err != nil {
		log.Fatal(err)
	}
	fmt.Println(next.Status().Complete(), len(next.Update().Metadata))

	// Output:
	// - root key: carol, ed25519, key id dcb4d2cc76e473f84dccab3c6e9ae7d0731dc13f3cf2dc56ced84402d27032f0
	// + root key: dave, ed25519, key id 220cd282bdde65977ce661e8ffb962239fa18da9301f001edc584afe88a9afb4
	// incomplete: for the root before, 1 of 2 signatures are there (bob (fb9de62535fb6645)), 1 more needed of alice (faa2b7f9ab41d333), carol (dcb4d2cc76e473f8); for this root, 1 of 2 signatures are there (bob (fb9de62535fb6645)), 1 more needed of alice (faa2b7f9ab41d333), dave (220cd282bdde6597)
	// true 1
}
