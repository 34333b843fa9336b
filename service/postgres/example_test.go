package postgres_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// The pool is of pgx: its address says where the server is, and how soon a
// connection that is cut off is noticed.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://rstuf@db.example.com/rstuf?tcp_user_timeout=3000")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close() // after the service

	db, err := postgres.New(pool, postgres.Config{Schema: "packages"})
	if err != nil {
		log.Fatal(err)
	}
	cfg := service.Config{Dir: "/var/lib/rstuf", Store: db.Open} // for service.Open
	fmt.Println(cfg.Store != nil)
	// Output: true
}
