// Package cmd is the command rstuf, for the programs that are builds of it.
package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// Parts are what a build of the command has beside what all have.
type Parts struct {
	// Openers open the key URIs of clouds, by scheme.
	Openers map[string]keys.URIOpener
	// Bucket opens the place of metadata files that s3://NAME/PREFIX names.
	Bucket func(ctx context.Context, url string) (service.Storage, error)
	// Database is what takes the place of PostgreSQL in tests: see openPostgres.
	Database func(ctx context.Context, address, schema string, lease time.Duration) (service.Shared, error)
	// Sigstore makes of a trusted root what checks the signatures of Sigstore keys,
	// and opens the URI sigstore: with services.
	Sigstore func(trustedRoot []byte) (keys.SigstoreVerifier, func(SigstoreServices) keys.URIOpener, error)
}

// Main carries out the command that the program was started with, and ends it.
func Main(parts Parts) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, parts, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
