package postgres_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// Whoever has lost the lease takes nothing out either: neither what waits to be published
// nor anything else that the next one goes by.
func TestLostLeaseRemovesNothing(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	first := open(t, place(t, pool, schema, time.Minute)) // not renewed meanwhile
	require.NoError(t, put(t.Context(), first, "a", "1"))
	execute(t, pool, "update "+tableOf(schema, "rstuf_lease")+" set ends = '-infinity'")
	second := open(t, place(t, pool, schema, 0))
	require.ErrorIs(t, first.Commit(t.Context(), []service.Change{{Table: table, Key: "a"}, {Table: table, Key: "b", Value: []byte("2")}}), postgres.ErrLost)
	assert.Equal(t, "1", value(t, second, "a"))
	assert.Empty(t, value(t, second, "b"))
}

// Repositories that share a small pool are opened at once: none waits for a connection
// that another one holds.
func TestSmallPool(t *testing.T) {
	t.Parallel()
	pool := connect(t, with("pool_max_conns=2"))
	var all sync.WaitGroup
	for range 6 {
		db := place(t, pool, newSchema(), time.Minute)
		all.Go(func() {
			store, err := db.Open(t.Context())
			if assert.NoError(t, err) {
				assert.NoError(t, store.Close())
			}
		})
	}
	all.Wait()
}

// A server that takes connections and says nothing is an error, not a wait without end.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	pool, err := pgxpool.New(t.Context(), "postgres://rstuf@"+listener.Addr().String()+"/postgres?sslmode=disable")
	require.NoError(t, err)
	defer pool.Close()
	_, err = place(t, pool, "", 0).Join(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
