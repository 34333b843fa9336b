package metadata_test

import (
	"context"
	"fmt"
	"time"

	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// A root that two people sign, one after the other.
func Example() {
	ctx := context.Background()
	alice, _ := keys.Generate(keys.Ed25519, "alice")
	bob, _ := keys.Generate(keys.Ed25519, "bob")
	online, _ := keys.Generate(keys.Ed25519, "online")

	root, err := metadata.NewRoot(
		[]keys.Public{alice.Public(), bob.Public()}, 2,
		online.Public(),
		time.Now().AddDate(1, 0, 0),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := metadata.New(root)
	if err != nil {
		fmt.Println(err)
		return
	}
	delegation, _ := root.Delegation(doc.Type())
	for _, signer := range []keys.Signer{alice, bob} {
		if err := doc.Sign(ctx, signer); err != nil {
			fmt.Println(err)
			return
		}
		result := delegation.Verify(doc)
		fmt.Printf("%s signed, %d more needed\n", signer.Public().Name(), result.Needed())
	}
	fmt.Println(metadata.Filename(doc.Type(), doc.Version()))
	// Output:
	// alice signed, 1 more needed
	// bob signed, 0 more needed
	// 1.root.json
}

// The next root: a key goes, another comes.
func ExampleRoot_Next() {
	ctx := context.Background()
	alice, _ := keys.Generate(keys.Ed25519, "alice")
	bob, _ := keys.Generate(keys.Ed25519, "bob")
	carol, _ := keys.Generate(keys.Ed25519, "carol")
	online, _ := keys.Generate(keys.Ed25519, "online")
	trusted, _ := metadata.NewRoot([]keys.Public{alice.Public(), bob.Public()}, 1, online.Public(), time.Now().AddDate(1, 0, 0))
	first, _ := metadata.New(trusted)
	_ = first.Sign(ctx, alice)

	next := trusted.Next()
	_ = next.RemoveKey(alice.Public().ID())
	_ = next.AddKey(carol.Public())
	if err := metadata.CheckNextRoot(trusted, next); err != nil {
		fmt.Println(err)
		return
	}
	second, _ := metadata.New(next)
	_ = second.Sign(ctx, carol)
	old, own, err := metadata.VerifyNextRoot(first, second)
	fmt.Println(old.OK(), own.OK(), err != nil)

	_ = second.Sign(ctx, bob)
	_, _, err = metadata.VerifyNextRoot(first, second)
	fmt.Println(err)
	// Output:
	// false true true
	// <nil>
}

func ExampleHashBins() {
	bins, err := metadata.NewHashBins(16384)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bins.BitLength(), bins.Name(0), bins.Name(bins.Count()-1))
	fmt.Println(bins.Bin("packages/rstuf-1.0.tar.gz"))
	// Output:
	// 14 bins-0000 bins-3fff
	// bins-10a8
}
