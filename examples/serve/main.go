// Serve is the embedded deployment in one small program: a folder, a folder of
// keys, the API on one port and the metadata files on another.
//
//	go run ./examples/serve -dir repository -keys keys
//
// The online key is the file in the key folder that the root names (a root of
// "fn:ID" means the file ID). Send the payload of a ceremony to the API, and
// clients read the other port. SIGINT and SIGTERM end it after what was
// accepted is published. Write tokens come from the file tokens in the key
// folder, one a line; without it everybody who reaches the API may change the
// repository, so it listens on the loopback address unless told otherwise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	dir := flags.String("dir", "repository", "folder of the repository")
	keyDir := flags.String("keys", "keys", "folder of the online key")
	api := flags.String("api", "127.0.0.1:8080", "address of the API")
	files := flags.String("metadata", "127.0.0.1:8081", "address of the metadata files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	tokens, err := readTokens(filepath.Join(*keyDir, "tokens"))
	if err != nil {
		return err
	}
	svc, err := service.Open(ctx, service.Config{
		Dir:          *dir,
		Keys:         keys.URIConfig{Dir: *keyDir},
		Tokens:       tokens,
		KeepVersions: 7 * 24 * time.Hour,
		Logger:       slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		err = errors.Join(err, svc.Close(stop))
	}()
	return serve(ctx, out, []endpoint{{"API", *api, svc.Handler()}, {"metadata", *files, svc.MetadataHandler()}})
}

// endpoint is what is served where.
type endpoint struct {
	name, address string
	handler       http.Handler
}

// serve serves until the context ends.
func serve(ctx context.Context, out io.Writer, endpoints []endpoint) error {
	failed := make(chan error, len(endpoints))
	for _, e := range endpoints {
		listener, err := net.Listen("tcp", e.address)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: http://%s\n", e.name, listener.Addr())
		server := &http.Server{Handler: e.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
		defer server.Shutdown(context.WithoutCancel(ctx))
		go func() { failed <- server.Serve(listener) }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

// readTokens reads a file of tokens, see [service.ParseTokens]; there need not
// be one.
func readTokens(file string) ([]service.Token, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return service.ParseTokens(f)
}
