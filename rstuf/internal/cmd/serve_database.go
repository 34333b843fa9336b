package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// openPostgres opens a schema of the database at postgres://USER@HOST/NAME, or what else
// libpq takes, with a lease of this length; 0 is its default. No error shows the address.
func openPostgres(ctx context.Context, address, schema string, lease time.Duration) (service.Shared, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil { // which may hold the password
		return nil, errors.New("the file holds no address of a database: want postgres://USER:PASSWORD@HOST/NAME")
	}
	if cfg.ConnConfig.ConnectTimeout == 0 || cfg.ConnConfig.ConnectTimeout > connectTimeout {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg) // which lives as long as the program
	if err != nil {
		return nil, err
	}
	return postgres.New(pool, postgres.Config{Schema: schema, Lease: lease})
}

const connectTimeout = 5 * time.Second
