package rstuftest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// Example publishes a file and downloads it again, verified from the first
// root on. In a test, New(t) does what Start and Close do here.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	repo, err := rstuftest.Start(ctx, filepath.Join(dir, "repository"))
	if err != nil {
		log.Fatal(err)
	}
	defer repo.Close()
	if err := repo.Add(ctx, "pkg/hello.txt", []byte("hello\n")); err != nil {
		log.Fatal(err)
	}

	reader, err := repository.New(repository.Config{
		MetadataURL: repo.MetadataURL, ArtifactsURL: repo.ArtifactsURL,
	}, repository.TrustRoot(repo.RootJSON))
	if err != nil {
		log.Fatal(err)
	}
	info, err := reader.Download(ctx, "pkg/hello.txt", filepath.Join(dir, "hello.txt"))
	if err != nil {
		log.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "hello.txt"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes: %s", info.Length, content)
	// Output: 6 bytes: hello
}
