// Embed holds a ceremony, bootstraps a service and publishes a file, all in one
// program: the example of the README.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

func main() {
	ctx := context.Background()
	alice := must(keys.Generate(keys.Ed25519, "alice"))
	bob := must(keys.Generate(keys.Ed25519, "bob"))
	online := must(keys.Generate(keys.Ed25519, "online"))

	draft := must(ceremony.New(ceremony.Policy{
		RootKeys:  []keys.Public{alice.Public(), bob.Public()},
		Threshold: 2,
		OnlineKey: online.Public(),
	}))
	check(draft.Sign(ctx, alice)) // on Alice's machine
	check(draft.Sign(ctx, bob))   // on Bob's

	dir := must(os.MkdirTemp("", "repository-"))
	defer os.RemoveAll(dir)
	embedded := must(service.Open(ctx, service.Config{Dir: dir, OnlineKeys: []keys.Signer{online}}))
	defer embedded.Close(ctx)
	server := httptest.NewServer(embedded.Handler())
	defer server.Close()

	api := must(client.New(server.URL, client.Config{})) // or the URL of a deployed RSTUF
	fmt.Println(must(bootstrap.Run(ctx, api, draft.Payload())))

	artifact := must(client.HashFile(ctx, "go.mod", "project/go.mod", client.HashOptions{}))
	task := must(api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact}}))
	done := must(task.Wait(ctx))
	fmt.Println(done.Result.Message, done.Result.Details.AddedArtifacts)
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
