package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"example.org/rstuf"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/wire"
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
