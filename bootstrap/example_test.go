package bootstrap_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
)

// Example reads a payload file, checks it and sends it. The deployment of this
// example lives in memory; a real one is a client.Client.
func Example() {
	ctx := context.Background()
	var api bootstrap.API = &deployment{}
	now := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

	file, err := bootstrap.Read(bytes.NewReader(examplePayload()))
	if err != nil {
		log.Fatal(err)
	}
	signed, err := bootstrap.Check(file.Payload, now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d signatures, first generation: %t\n", len(signed.Signed), signed.Threshold, file.FirstGeneration)

	result, err := bootstrap.Run(ctx, api, file.Payload, bootstrap.WithNow(now),
		bootstrap.WithProgress(func(task rstuf.Task) { fmt.Println("task is", task.State) }))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.State)
	fmt.Println(result)

	// Output:
	// 1 of 2 signatures, first generation: false
	// task is STARTED
	// signing
	// the root waits for 1 more signature of bob (8e42c2e7aacf169e) (1 of 2 are there): sign what the deployment holds as pending root (POST /metadata/sign); the last signature finishes the bootstrap
}

// examplePayload is a payload that a real deployment took, with one signature
// of two.
func examplePayload() []byte {
	data, err := os.ReadFile("testdata/payload.json")
	if err != nil {
		log.Fatal(err)
	}
	return data
}
