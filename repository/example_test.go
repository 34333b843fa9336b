package repository_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// Download an artifact, trusting the root that came with the program. With the
// cache, a server can't later pass off an older state as the newest.
func Example() {
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
	if err := repo.Add(ctx, "tools/v1/tool", []byte("content")); err != nil {
		log.Fatal(err)
	}

	reader, err := repository.New(repository.Config{
		MetadataURL:  repo.MetadataURL,  // https://repository.example.com/metadata/
		ArtifactsURL: repo.ArtifactsURL, // https://repository.example.com/artifacts/
		Cache:        filepath.Join(dir, "cache"),
	}, repository.TrustRoot(repo.RootJSON))
	if err != nil {
		log.Fatal(err)
	}
	info, err := reader.Download(ctx, "tools/v1/tool", filepath.Join(dir, "tool"))
	if err != nil {
		log.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "tool"))
	fmt.Println(info.Length, string(content), err)
	// Output: 7 content <nil>
}

// A mirror is a folder that a web server can offer, or a medium that is carried
// to where there is no network.
func ExampleReader_Mirror() {
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
	if err := repo.Add(ctx, "tools/v1/tool", []byte("content")); err != nil {
		log.Fatal(err)
	}
	reader, err := repository.New(repository.Config{
		MetadataURL: repo.MetadataURL, ArtifactsURL: repo.ArtifactsURL,
	}, repository.TrustRoot(repo.RootJSON))
	if err != nil {
		log.Fatal(err)
	}
	report, err := reader.Mirror(ctx, repository.MirrorConfig{
		Metadata:  filepath.Join(dir, "usb", "metadata"),
		Artifacts: filepath.Join(dir, "usb", "artifacts"),
	})
	fmt.Println(report.Artifacts, "artifacts of", report.Bytes, "bytes", err)
	// Output: 1 artifacts of 7 bytes <nil>
}
