package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"example.org/rstuf/internal/transport"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metadata/1.root.json" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"signed": {}}`)
	}))
	defer server.Close()

	base, err := transport.New(server.URL+"/metadata/", transport.Config{})
	if err != nil {
		panic(err)
	}
	root, err := base.Fetch(context.Background(), "1.root.json", 1<<20)
	fmt.Println(string(root), err)
	_, err = base.Fetch(context.Background(), "2.root.json", 1<<20)
	fmt.Println(errors.Is(err, transport.ErrNotFound))
	// Output:
	// {"signed": {}} <nil>
	// true
}
