package service_test

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// This file is one of package service's while .ci/interop-postgres runs.

var postgresURL = flag.String("postgres", "", "address of the database that the service's tests run over")

var postgresPool = sync.OnceValues(func() (*pgxpool.Pool, error) {
	return pgxpool.New(context.Background(), *postgresURL)
})

func init() {
	service.StoreOfTests = func(dir string) func(context.Context) (service.Store, error) {
		return func(ctx context.Context) (service.Store, error) {
			pool, err := postgresPool()
			if err != nil {
				return nil, err
			}
			sum := fnv.New64a()
			sum.Write([]byte(dir))
			db, err := postgres.New(pool, postgres.Config{Schema: fmt.Sprintf("service_%x", sum.Sum64())})
			if err != nil {
				return nil, err
			}
			return db.Open(ctx)
		}
	}
}
