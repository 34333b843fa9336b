package postgres_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

// within is f's error, of which the test waits no longer than half a minute.
func within(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for ever")
		return nil
	}
}

// holding has a session keep what a statement locks, until the test ends.
func holding(t *testing.T, pool *pgxpool.Pool, text string, args ...any) (tx pgx.Tx) {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	_, err = tx.Exec(t.Context(), text, args...)
	require.NoError(t, err)
	return tx
}

// Whoever has lost the lease, or found the database gone back, commits nothing any more,
// also if the database looks as it was left before.
func TestLostForGood(t *testing.T) {
	t.Parallel()
	pool := connect(t, *address)
	for change, want := range map[string]error{"epoch = epoch + 1": postgres.ErrLost, "epoch = epoch - 1": postgres.ErrBack, "writes = writes + 1": postgres.ErrBack} {
		schema := newSchema()
		store := open(t, place(t, pool, schema, time.Minute)) // not renewed meanwhile
		lease := tableOf(schema, "rstuf_lease")
		var epoch, writes int64
		require.NoError(t, pool.QueryRow(t.Context(), "select epoch, writes from "+lease).Scan(&epoch, &writes))
		execute(t, pool, "update "+lease+" set "+change)
		require.ErrorIs(t, put(t.Context(), store, "a", "1"), want)
		assert.ErrorIs(t, store.(service.Failing).Err(), want, "at once")
		execute(t, pool, "update "+lease+" set epoch = $1, writes = $2", epoch, writes)
		require.ErrorIs(t, put(t.Context(), store, "a", "1"), want)
		assert.Empty(t, value(t, store, "a"))
	}
}

// Whoever is refused leaves the one that publishes alone, also in the middle of a commit.
func TestRefusedLeavesTheOther(t *testing.T) {
	t.Parallel()
	direct, schema := connect(t, *address), newSchema()
	db := place(t, direct, schema, 0)
	require.NoError(t, open(t, db).Close())
	lease := tableOf(schema, "rstuf_lease")
	execute(t, direct, "update "+lease+" set ends = clock_timestamp() + interval '1 hour'")
	other := holding(t, direct, "update "+lease+" set holder = 'the other'")
	_, err := db.Open(t.Context())
	require.ErrorIs(t, err, service.ErrLocked)
	require.NoError(t, other.Commit(t.Context()), "its session goes on")
}

// Nobody ends the sessions of other roles, who may be at work there for another reason.
func TestSessionsOfOtherRoles(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	own := poolOfRole(t, pool, schema)
	require.NoError(t, open(t, place(t, own, schema, 0)).Close())
	other := holding(t, own, "select from "+tableOf(schema, "rstuf_lease")+" for update")
	_, err := place(t, pool, schema, 0).Open(t.Context()) // as one who could end them
	require.ErrorIs(t, err, service.ErrLocked)
	require.NoError(t, other.Commit(t.Context()))
}

// The version tells two leases of the same epoch, if the database went back between them.
func TestVersionOfTheSameEpoch(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	db := place(t, pool, schema, 0)
	joined := join(t, db)
	versions := map[string]bool{}
	for range 2 {
		require.NoError(t, open(t, db).Close())
		version, err := joined.Version(t.Context())
		require.NoError(t, err)
		versions[version] = true
		execute(t, pool, "update "+tableOf(schema, "rstuf_lease")+" set epoch = epoch - 1")
	}
	assert.Len(t, versions, 2)
}

// A schema that is up to date, or another one, is opened while somebody brings one up to
// date: nobody waits for that who need not.
func TestSchemaBeingBroughtUpToDate(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	db := place(t, pool, schema, 0)
	require.NoError(t, open(t, db).Close())
	holding(t, pool, "select pg_advisory_xact_lock(hashtextextended('rstuf schema ' || $1, 0))", schema)
	for _, db := range []*postgres.Database{db, place(t, pool, newSchema(), 0)} {
		require.NoError(t, within(t, func() error {
			store, err := db.Open(t.Context())
			if err == nil {
				err = store.Close()
			}
			return err
		}))
	}
}

// A program that is held while it brings the schema up to date is waited for ten seconds
// at most, and not for another schema.
func TestHeldWhileTheSchemaIsMade(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t, "default_query_exec_mode=exec") // each statement is one message
	schema := newSchema()
	p.cutNext("rstuf schema", 1, (*proxy).unanswered)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _, _ = place(t, pool, schema, 0).Open(ctx) }()
	require.Eventually(t, func() bool { return p.left() == 0 }, time.Minute, time.Millisecond)
	time.Sleep(100 * time.Millisecond) // in which it gets the lock
	direct, began := connect(t, *address), time.Now()
	for _, name := range []string{newSchema(), schema} {
		if name == schema {
			assert.Less(t, time.Since(began), 8*time.Second)
		}
		require.NoError(t, within(t, func() error {
			store, err := place(t, direct, name, 0).Open(t.Context())
			if err == nil {
				err = store.Close()
			}
			return err
		}))
	}
	p.drop(true)
}

// Two replicas that join at once set the numbers one after the other: otherwise one could
// set them back.
func TestNumbersAreSetAlone(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	db := place(t, pool, schema, 0)
	join(t, db)
	other := holding(t, pool, "select pg_advisory_xact_lock(hashtextextended('rstuf number ' || $1, 0))", tableOf(schema, "rstuf_number"))
	joined := make(chan error, 1)
	go func() {
		j, err := db.Join(t.Context())
		if err == nil {
			err = j.Close()
		}
		joined <- err
	}()
	select {
	case err := <-joined:
		t.Fatalf("it has joined meanwhile: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	require.NoError(t, other.Commit(t.Context()))
	require.NoError(t, <-joined)
}

// Closing ends also if the server gives no answer; and closing again is nothing, also
// without a pool.
func TestCloseWithoutAnswers(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	db := place(t, pool, newSchema(), time.Minute)
	store, joined := open(t, db), join(t, db)
	p.silence(false)
	p.cutNext("", 1<<30, func(*proxy, []byte, net.Conn, net.Conn) {}) // of new connections too
	for _, c := range []interface{ Close() error }{store, joined} {
		require.Error(t, within(t, c.Close))
	}
	p.drop(true)
	pool.Close()
	for _, c := range []interface{ Close() error }{store, joined} {
		require.NoError(t, c.Close())
	}
}

// Whoever publishes, behind a cable that is cut without a word, notices that by its
// renewals, and goes on over other connections.
func TestRenewalWithoutAnswers(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	store := open(t, place(t, pool, newSchema(), 300*time.Millisecond))
	failing := store.(service.Failing)
	require.NoError(t, put(t.Context(), store, "a", "1"))
	p.silence(false)
	require.Eventually(t, func() bool { return failing.Err() != nil }, 30*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return failing.Err() == nil }, 30*time.Second, time.Millisecond)
	require.NoError(t, put(t.Context(), store, "a", "2"))
	p.drop(true)
}

// A commit whose lease has ended, and which can't renew it since no answer comes, ends.
func TestRegainWithoutAnswers(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	direct, schema := connect(t, *address), newSchema()
	store := open(t, place(t, pool, schema, time.Minute)) // not renewed meanwhile
	execute(t, direct, "update "+tableOf(schema, "rstuf_lease")+" set ends = '-infinity'")
	p.cutNext("where epoch = $1 returning writes", 1, (*proxy).unanswered)
	err := within(t, func() error { return put(t.Context(), store, "a", "1") })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotErrorIs(t, err, service.ErrLost)
	assert.Zero(t, p.left())
	p.drop(false)
	require.NoError(t, put(t.Context(), store, "a", "2"))
}

// What is opened leaves no session behind but those of the pool.
func TestNoSessionIsLeft(t *testing.T) { // not beside others, whose garbage collections would end one
	direct := connect(t, *address)
	name := strings.ReplaceAll(newSchema(), "-", "_")
	pool := connect(t, with("application_name="+name))
	db := place(t, pool, name, 0)
	store, joined := open(t, db), join(t, db)
	require.NoError(t, accept(t.Context(), joined, "a"))
	require.NoError(t, store.Close())
	require.NoError(t, joined.Close())
	pool.Close()
	require.Eventually(t, func() bool {
		var n int
		require.NoError(t, direct.QueryRow(t.Context(), "select count(*) from pg_stat_activity where application_name = $1", name).Scan(&n))
		return n == 0
	}, 10*time.Second, 10*time.Millisecond, fmt.Sprintf("of %s", name))
}

// What is cut off in the middle of an answer was not read, and whoever is slow with what
// was read has read it.
func TestReadIsCutOff(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	store := open(t, place(t, pool, newSchema(), time.Minute))
	require.NoError(t, put(t.Context(), store, "cut here", "1"))
	assert.Equal(t, "1", value(t, store, "cut here")) // the statement is prepared
	p.cutNext("cut here", 1, answerLost)
	require.Error(t, store.Get(t.Context(), table, []string{"cut here"}, func(string, []byte) error { return nil }))
	require.Zero(t, p.left())
	for _, key := range []string{"a", "b", "c", "d"} { // more than is on its way at once
		require.NoError(t, put(t.Context(), store, key, strings.Repeat(key, 4<<20)))
	}
	n := 0
	require.NoError(t, store.Read(t.Context(), table, func(string, []byte) error {
		if n++; n == 1 {
			time.Sleep(11 * time.Second) // longer than the server may give no answer
		}
		return nil
	}))
	assert.Equal(t, 5, n)
}

// A commit that no answer comes to, and one for which no connection is free, end.
func TestCommitWithoutAnswers(t *testing.T) {
	t.Parallel()
	if *address == "" {
		connect(t, "")
	}
	for name, cut := range map[string]cut{
		"it is made":      (*proxy).unanswered,
		"it did not come": func(*proxy, []byte, net.Conn, net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, pool := newProxy(t)
			store := open(t, place(t, pool, newSchema(), time.Minute))
			require.NoError(t, put(t.Context(), store, "a", "before"))
			p.cutNext("after", 1, cut)
			require.NoError(t, within(t, func() error { return put(t.Context(), store, "a", "after") }))
			assert.Equal(t, "after", value(t, store, "a"))
			p.drop(true)
		})
	}
	t.Run("no connection is free", func(t *testing.T) {
		t.Parallel()
		pool := connect(t, with("pool_max_conns=2"))
		store := open(t, place(t, pool, newSchema(), time.Minute))
		for range 2 {
			conn, err := pool.Acquire(t.Context())
			require.NoError(t, err)
			defer conn.Release()
		}
		err := within(t, func() error { return put(t.Context(), store, "a", "1") })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, service.ErrLost)
	})
}

// With a context that has ended nothing is committed or accepted, each time.
func TestEndedContext(t *testing.T) {
	t.Parallel()
	db := place(t, connect(t, *address), newSchema(), time.Minute)
	store, joined := open(t, db), join(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range 20 {
		require.ErrorIs(t, put(ctx, store, fmt.Sprint(n), "late"), context.Canceled)
		require.ErrorIs(t, accept(ctx, joined, fmt.Sprint(n)), context.Canceled)
	}
	assert.Empty(t, keysOf(t, joined))
}
