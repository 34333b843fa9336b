package gotuf_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	tuf "github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf/gotuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
)

// Example reads a root as go-tuf's type, and makes a document of that again.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	repo, err := rstuftest.Start(context.Background(), filepath.Join(dir, "repository"))
	if err != nil {
		log.Fatal(err)
	}
	defer repo.Close()
	doc, err := metadata.Parse(repo.RootJSON)
	if err != nil {
		log.Fatal(err)
	}
	root, err := gotuf.Metadata[tuf.RootType](doc)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(root.Signed.Version, root.Signed.Roles["root"].Threshold, root.VerifyDelegate("root", root))
	back, err := gotuf.Document(root)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(metadata.VerifyRootChain([]*metadata.Document{back}))
	// Output:
	// 1 2 <nil>
	// <nil>
}
