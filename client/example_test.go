package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

// deployment stands in for an RSTUF deployment in the examples.
func deployment() *httptest.Server { return httptest.NewServer(newFakeAPI()) }

// Add an artifact and wait until it is published.
func Example() {
	server := deployment() // yours is at https://rstuf.example.com
	defer server.Close()
	ctx := context.Background()

	api, err := client.New(server.URL, client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	task, err := api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{
		Path: "tools/v1/tool.tar.gz",
		Info: rstuf.ArtifactInfo{
			Length: 3,
			Hashes: map[string]string{"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	done, err := task.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.State, done.Result.Details.AddedArtifacts)
	// Output: SUCCESS [tools/v1/tool.tar.gz]
}

// Publish a folder. With a journal, the same call goes on after an
// interruption.
func ExamplePublisher() {
	server := deployment()
	defer server.Close()
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	folder := filepath.Join(dir, "release")
	if err := os.Mkdir(folder, 0o700); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"one.txt", "two.txt"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("content"), 0o600); err != nil {
			log.Fatal(err)
		}
	}

	ctx := context.Background()
	api, err := client.New(server.URL, client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	publisher := client.Publisher{Client: api, Journal: filepath.Join(dir, "journal")}
	report, err := publisher.PublishFiles(ctx, client.HashFolder(ctx, folder, client.HashOptions{Prefix: "v1"}))
	if err != nil {
		log.Fatal(err)
	}
	for _, problem := range report.Problems {
		fmt.Println(problem.Path, problem.Err)
	}
	fmt.Println(report.Added, "artifacts of", report.Bytes, "bytes")
	// Output: 2 artifacts of 14 bytes
}

// A gateway wants a token; a 401 makes the client ask for a new one.
func ExampleTokenSource() {
	fake := newFakeAPI()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer fresh" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer server.Close()

	tokens := []string{"stale", "fresh"}
	api, err := client.New(server.URL, client.Config{
		Token: func(context.Context) (string, error) {
			token := tokens[0]
			tokens = tokens[1:]
			return token, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	state, err := api.BootstrapState(context.Background())
	fmt.Println(state.Bootstrap, err)
	// Output: false <nil>
}
