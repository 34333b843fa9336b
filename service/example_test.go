package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// Example serves the API and the metadata of a folder. A program would listen
// on ports of its own choice; see examples/serve.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	svc, err := service.Open(ctx, service.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close(ctx)
	api := httptest.NewServer(svc.Handler())
	defer api.Close()
	web := httptest.NewServer(svc.MetadataHandler())
	defer web.Close()

	resp, err := http.Get(api.URL + "/api/v1/bootstrap/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var answer wire.Response[rstuf.BootstrapState]
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Message)
	fmt.Println("bootstrapped:", svc.Status().Bootstrap)
	// Output:
	// System available for bootstrap.
	// bootstrapped: false
}

// A program hands on what its service tells it: publishing is paused, signatures
// wait, and so on. Here a token is used for the first time.
func ExampleConfig_events() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	token, err := service.NewToken("ci", "a-secret-that-is-long-enough")
	if err != nil {
		log.Fatal(err)
	}
	svc, err := service.Open(ctx, service.Config{
		Dir: dir, Tokens: []service.Token{token},
		Events: func(e event.Event) { fmt.Println(e.Kind, "-", e.Text) },
	})
	if err != nil {
		log.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, "/api/v1/bootstrap/", nil)
	request.Header.Set("Authorization", "Bearer a-secret-that-is-long-enough")
	svc.Handler().ServeHTTP(httptest.NewRecorder(), request)
	if err := svc.Close(ctx); err != nil { // tells what waits
		log.Fatal(err)
	}
	// Output: token.used - a token is used for the first time: ci
}

// A repository moves to another folder. It could be to PostgreSQL (Config.Store) and a
// bucket (Config.Storage) as well.
func ExampleMove() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	alice, err := keys.Generate(keys.Ed25519, "alice")
	if err != nil {
		log.Fatal(err)
	}
	online, err := keys.Generate(keys.Ed25519, "online")
	if err != nil {
		log.Fatal(err)
	}
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{alice.Public()}, Threshold: 1, AllowThresholdOneUnsafe: true, OnlineKey: online.Public(), HashBins: 2,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := draft.Sign(ctx, alice); err != nil {
		log.Fatal(err)
	}
	payload, err := json.Marshal(draft.Payload())
	if err != nil {
		log.Fatal(err)
	}
	from := service.Config{Dir: filepath.Join(dir, "old"), OnlineKeys: []keys.Signer{online}}
	svc, err := service.Open(ctx, from)
	if err != nil {
		log.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/api/v1/bootstrap/", bytes.NewReader(payload))
	request.Header.Set("Content-Type", "application/json")
	svc.Handler().ServeHTTP(httptest.NewRecorder(), request)
	if err := svc.Close(ctx); err != nil { // which publishes what was accepted
		log.Fatal(err)
	}

	to := from
	to.Dir = filepath.Join(dir, "new")
	moved, err := service.Move(ctx, from, to, "the folder new")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("root version", moved.Root, "- timestamp version", moved.Timestamp)
	_, err = service.Open(ctx, from)
	fmt.Println(errors.Is(err, service.ErrElsewhere))
	// Output:
	// root version 1 - timestamp version 1
	// true
}
