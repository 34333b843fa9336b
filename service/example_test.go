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
