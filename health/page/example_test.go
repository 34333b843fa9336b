package page_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"example.org/rstuf/health"
	"example.org/rstuf/health/page"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// Write a page about a repository, for a web server or an attachment.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	repo, err := rstuftest.Start(ctx, filepath.Join(dir, "service")) // stands in for a deployment
	if err != nil {
		log.Fatal(err)
	}
	defer repo.Close()
	reader, err := repository.New(repository.Config{
		MetadataURL:        repo.MetadataURL, // https://repository.example.com/metadata/
		AllowExpiredUnsafe: true,             // to see what has expired as well
	}, repository.TrustRoot(repo.RootJSON))
	if err != nil {
		log.Fatal(err)
	}
	report := health.Examine(ctx, health.Config{Reader: reader})
	var html strings.Builder
	if err := page.Write(&html, report, page.Options{Title: "Example", Trust: "the root that came with the program"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Contains(html.String(), "It works, and something should be done"))
	// Output: true
}
