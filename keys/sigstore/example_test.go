package sigstore_test

import (
	"fmt"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/sigstore"
)

// A program pins a trusted root in a file, and says what is wrong with it before
// anything is verified.
func ExampleNewVerifier() {
	trustedRoot := []byte(`{}`) // os.ReadFile of the file that you pin
	verifier, err := sigstore.NewVerifier(trustedRoot)
	if err != nil {
		fmt.Println("no Sigstore signature counts: the trusted root is unusable")
		return
	}
	keys.RegisterSigstore(verifier.Verify)
	// Output: no Sigstore signature counts: the trusted root is unusable
}
