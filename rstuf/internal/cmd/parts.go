package cmd

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// cloudSchemes are those of key URIs that not every build opens.
var cloudSchemes = []string{"awskms", "azurekms", "gcpkms"}

// missing says how to get the build that has what this one has not.
func missing(what string) error {
	return fmt.Errorf("%w here: %s is in another build of this command: go install example.org/rstuf/rstuf/clouds/rstuf@latest, see docs/cli.md", keys.ErrUnsupported, what)
}

// opener opens the key URIs of a cloud.
func (p Parts) opener(scheme string) keys.URIOpener {
	if open := p.Openers[scheme]; open != nil {
		return open
	}
	return func(context.Context, string, keys.URIConfig) (keys.Signer, error) {
		return nil, missing("what opens " + scheme + ": keys")
	}
}

// shared is a schema of the database whose address a file holds.
func (p Parts) shared(ctx context.Context, file, schema string, lease time.Duration) (service.Shared, error) {
	address, err := secretFile(file)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(address)) == 0 { // which would be libpq's defaults
		return nil, fmt.Errorf("%s is empty: it is to hold the address of a database, postgres://USER:PASSWORD@HOST/NAME", file)
	}
	open := p.Database
	if open == nil {
		open = openPostgres
	}
	return open(ctx, string(address), schema, lease)
}

// storage opens the bucket of a URL.
func (p Parts) storage(ctx context.Context, url string) (service.Storage, error) {
	if p.Bucket == nil {
		return nil, missing("what keeps metadata files in a bucket")
	}
	return p.Bucket(ctx, url)
}
