//go:build unix

package exec_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"example.org/rstuf/keys"
	signers "example.org/rstuf/keys/exec"
)

// Sign with a program that the configuration names. Here it is this test,
// which holds a key for the example.
func ExampleOpener() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	key, err := keys.Generate(keys.Ed25519, "")
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(dir, "key")
	if err := key.Save(file, keys.SaveOptions{Plain: true}); err != nil {
		log.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}

	programs := signers.Config{
		Signers: map[string][]string{"alice": {self, "signer", "good", file}},
		Stderr:  func(signer, line string) { fmt.Printf("%s: %q\n", signer, line) },
	}
	ctx := context.Background()
	signer, err := keys.OpenURI(ctx, "exec:alice", keys.URIConfig{
		Openers: map[string]keys.URIOpener{"exec": signers.Opener(programs)},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signer.Public().Same(key.Public()))
	// Output:
	// alice: "touch [31mit"
	// alice: "now"
	// true
}
