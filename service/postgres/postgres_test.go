package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

var (
	address = flag.String("postgres", "", "address of a database for the tests, postgres://…")
	standby = flag.String("standby", "", "address of a standby of it")
	pooler  = flag.String("pooler", "", "address of a pooler before it, with the databases session and transaction")
	restart = flag.String("restart", "", "program that restarts the server")
)

// connect makes a pool for an address, which a flag gives.
func connect(t *testing.T, address string) *pgxpool.Pool {
	t.Helper()
	if address == "" {
		t.Skip("no -postgres, -standby or -pooler is given: see .ci/interop-postgres")
	}
	pool, err := pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// with is the address of the database with a parameter.
func with(parameter string) string {
	if *address == "" {
		return ""
	}
	return *address + "?" + parameter
}

var schemas atomic.Int64

// newSchema is the name of a schema that no other test has, also of an earlier run.
func newSchema() string { return fmt.Sprintf("test-%d-%d", time.Now().UnixNano(), schemas.Add(1)) }

// place is a repository's place for a test.
func place(t *testing.T, pool *pgxpool.Pool, schema string, lease time.Duration) *postgres.Database {
	db, err := postgres.New(pool, postgres.Config{Schema: schema, Lease: lease})
	require.NoError(t, err)
	return db
}

func open(t *testing.T, db *postgres.Database) service.Store {
	t.Helper()
	store, err := db.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return store
}

var table = service.Tables()[0]

// put commits an entry.
func put(ctx context.Context, store service.Store, key, value string) error {
	return store.Commit(ctx, []service.Change{{Table: table, Key: key, Value: []byte(value)}})
}

// value is that of an entry, "" if there is none.
func value(t *testing.T, store service.Store, key string) (text string) {
	t.Helper()
	require.NoError(t, store.Get(t.Context(), table, []string{key}, func(_ string, value []byte) error {
		text = string(value)
		return nil
	}))
	return text
}

// Several repositories share a database, and no schema's name is a trap.
func TestSchemas(t *testing.T) {
	t.Parallel()
	pool := connect(t, *address)
	for _, schema := range []string{newSchema(), newSchema() + `"; drop table x; --`, newSchema() + ` ' ü`, newSchema() + strings.Repeat("x", 20)} {
		store := open(t, place(t, pool, schema, 0))
		require.NoError(t, put(t.Context(), store, "who", schema))
		assert.Equal(t, schema, value(t, store, "who"))
		_, err := pool.Exec(t.Context(), "select from "+pgx.Identifier{schema, "rstuf_lease"}.Sanitize())
		assert.NoError(t, err)
	}
}

// While one service has the schema another is refused, and told by whom and for how
// long. The lease of one that lives does not end.
func TestSecondIsRefused(t *testing.T) {
	t.Parallel()
	db := place(t, connect(t, *address), newSchema(), 300*time.Millisecond)
	first := open(t, db)
	for range 4 {
		_, err := db.Open(t.Context())
		require.ErrorIs(t, err, service.ErrLocked)
		assert.Regexp(t, `is in use by process \d+ on host .+ since 20.+: stop that service; if it has died, its lease ends in \d+`, err.Error())
		time.Sleep(200 * time.Millisecond)
	}
	require.NoError(t, put(t.Context(), first, "a", "1"))
	require.NoError(t, first.Close())
	second := open(t, db) // at once
	assert.Equal(t, "1", value(t, second, "a"))
}

// A lease that has ended while nobody else wanted it is taken up again.
func TestEndedLeaseGoesOn(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	store := open(t, place(t, pool, schema, 0))
	_, err := pool.Exec(t.Context(), "update "+pgx.Identifier{schema, "rstuf_lease"}.Sanitize()+" set ends = '-infinity'")
	require.NoError(t, err)
	require.NoError(t, put(t.Context(), store, "a", "1"))
	assert.Equal(t, "1", value(t, store, "a"))
	_, err = place(t, pool, schema, 0).Open(t.Context())
	assert.ErrorIs(t, err, service.ErrLocked)
	assert.Regexp(t, `its lease ends in [0-3](\.\d)?s$`, err, "a lease is of three seconds unless it is said otherwise")
}

// A service whose lease another one has taken says so.
func TestLostLease(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	first := open(t, place(t, pool, schema, time.Minute)) // or it is renewed in between
	_, err := pool.Exec(t.Context(), "update "+pgx.Identifier{schema, "rstuf_lease"}.Sanitize()+" set ends = '-infinity'")
	require.NoError(t, err)
	open(t, place(t, pool, schema, 0))
	require.ErrorIs(t, put(t.Context(), first, "a", "1"), postgres.ErrLost)
}

// A database that went back is noticed, whichever part of it tells.
func TestDatabaseWentBack(t *testing.T) {
	t.Parallel()
	pool := connect(t, *address)
	for _, change := range []string{"writes = writes - 1", "writes = writes - 1, ends = '-infinity'", "epoch = epoch - 1"} {
		schema := newSchema()
		store := open(t, place(t, pool, schema, 0))
		require.NoError(t, put(t.Context(), store, "a", "1"))
		_, err := pool.Exec(t.Context(), "update "+pgx.Identifier{schema, "rstuf_lease"}.Sanitize()+" set "+change)
		require.NoError(t, err)
		for range 2 {
			require.ErrorIs(t, put(t.Context(), store, "a", "2"), postgres.ErrBack, change)
		}
		assert.Equal(t, "1", value(t, store, "a"))
	}
}

// A schema that a newer release has made is left alone.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	db := place(t, pool, schema, 0)
	require.NoError(t, open(t, db).Close())
	require.NoError(t, open(t, db).Close()) // it is up to date
	_, err := pool.Exec(t.Context(), "update "+pgx.Identifier{schema, "rstuf_version"}.Sanitize()+" set version = version + 1")
	require.NoError(t, err)
	_, err = db.Open(t.Context())
	require.ErrorIs(t, err, postgres.ErrNewer)
	assert.ErrorContains(t, err, "its schema has version 3, and this one knows 2")
}

// What does not keep what it acknowledges, or gives no session, is refused.
func TestRefusedServers(t *testing.T) {
	t.Parallel()
	transaction, session := "", ""
	if *pooler != "" {
		transaction, session = *pooler+"/transaction", *pooler+"/session"
	}
	for address, want := range map[string]string{
		*standby:                                "is a standby",
		transaction:                             "a pooler",
		with("synchronous_commit=off"):          "synchronous_commit is off",
		with("synchronous_commit=local"):        "synchronous_commit is local",
		with("synchronous_commit=remote_write"): "synchronous_commit is remote_write",
		with("options=-crole%3Dpg_monitor"):     "permission denied",
	} {
		db := place(t, connect(t, address), newSchema(), 0)
		for range 2 { // as replicas try again
			_, err := db.Open(t.Context())
			if assert.Error(t, err, want) {
				assert.ErrorContains(t, err, want)
				assert.NotContains(t, err.Error(), "\n")
			}
		}
	}
	for _, address := range []string{session, with("synchronous_commit=remote_apply")} {
		store := open(t, place(t, connect(t, address), newSchema(), 0))
		assert.NoError(t, put(t.Context(), store, "a", "1"))
	}
}

// poolOfRole makes a schema that a new role owns, and a pool of that role.
func poolOfRole(t *testing.T, pool *pgxpool.Pool, schema string) *pgxpool.Pool {
	role := strings.ReplaceAll(newSchema(), "-", "_")
	execute(t, pool, fmt.Sprintf(`create role %s login; create schema %s authorization %[1]s`, role, pgx.Identifier{schema}.Sanitize()), pgx.QueryExecModeSimpleProtocol)
	cfg := pool.Config()
	cfg.ConnConfig.User = role
	own, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(own.Close)
	return own
}

// A role needs no right but its own schema.
func TestOwnSchemaAlone(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	store := open(t, place(t, poolOfRole(t, pool, schema), schema, 0))
	require.NoError(t, put(t.Context(), store, "a", "1"))
}

// A server that is not there is an error in one line, at the start and later.
func TestNoServer(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://rstuf:secret@127.0.0.1:1,127.0.0.1:2/postgres")
	require.NoError(t, err)
	defer pool.Close()
	_, err = place(t, pool, "", 0).Open(t.Context())
	require.ErrorContains(t, err, "PostgreSQL, schema rstuf: open: ")
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "secret")
}

func TestNew(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://rstuf@127.0.0.1:1/postgres")
	require.NoError(t, err)
	defer pool.Close()
	small, err := pgxpool.New(t.Context(), "postgres://rstuf@127.0.0.1:1/postgres?pool_max_conns=1")
	require.NoError(t, err)
	defer small.Close()
	for _, test := range []struct {
		pool *pgxpool.Pool
		cfg  postgres.Config
		want string
	}{
		{nil, postgres.Config{}, "the pool is nil"},
		{small, postgres.Config{}, "allow two at least"},
		{pool, postgres.Config{Schema: strings.Repeat("x", 64)}, "PostgreSQL takes 63"},
		{pool, postgres.Config{Lease: -time.Second}, "take 100ms at least"},
		{pool, postgres.Config{Lease: time.Millisecond}, "take 100ms at least"},
	} {
		_, err := postgres.New(test.pool, test.cfg)
		assert.ErrorContains(t, err, test.want)
	}
}
