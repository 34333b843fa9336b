package bucket_test

import (
	"context"
	"fmt"
	"log"

	"example.org/rstuf/service"
	"example.org/rstuf/service/bucket"
)

// The client comes from the SDK: with AWS, s3.NewFromConfig of what
// config.LoadDefaultConfig finds; with another store, s3.New with BaseEndpoint,
// UsePathStyle and Credentials.
func Example() {
	store := newDouble() // stands for a store
	defer store.server.Close()

	files, err := bucket.New(store.client(), bucket.Config{Bucket: "repository", Prefix: "metadata"})
	if err != nil {
		log.Fatal(err)
	}
	cfg := service.Config{Dir: "/var/lib/rstuf", Storage: files} // for service.Open

	ctx := context.Background()
	if err := cfg.Storage.Create(ctx, "1.root.json", []byte("{}")); err != nil {
		log.Fatal(err)
	}
	names, err := cfg.Storage.List(ctx)
	fmt.Println(names, err)
	// Output: [1.root.json] <nil>
}
