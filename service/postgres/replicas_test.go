package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
	"example.org/rstuf/service/postgres"
)

func join(t *testing.T, db *postgres.Database) service.Joined {
	t.Helper()
	joined, err := db.Join(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { joined.Close() })
	return joined
}

// accept accepts an entry whose value is its key.
func accept(ctx context.Context, joined service.Joined, key string) error {
	return joined.Accept(ctx, []service.Change{{Table: table, Key: key, Value: []byte(key)}})
}

func keysOf(t *testing.T, joined service.Joined) []string {
	t.Helper()
	keys, err := joined.Keys(t.Context(), table)
	require.NoError(t, err)
	return keys
}

// remove commits that an entry goes away, as when it is published.
func remove(ctx context.Context, store service.Store, key string) error {
	return store.Commit(ctx, []service.Change{{Table: table, Key: key}})
}

func tableOf(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }

func execute(t *testing.T, pool *pgxpool.Pool, text string, args ...any) {
	t.Helper()
	_, err := pool.Exec(t.Context(), text, args...)
	require.NoError(t, err)
}

// held gives the server all of a message but its end, so that what it says is done and
// not committed.
func held(p *proxy, message []byte, client, server net.Conn) {
	p.mu.Lock()
	p.conns[client] = false
	p.mu.Unlock()
	_, _ = server.Write(message[:len(message)-1])
}

// An acceptance whose connection breaks in the middle of it is made once, whether the
// server has got it or not: also if it arrives when it is published already.
func TestBrokenAcceptance(t *testing.T) {
	t.Parallel()
	direct := connect(t, *address)
	for name, cut := range map[string]cut{"request lost": requestLost, "half of it lost": halfLost, "answer lost": answerLost, "request late": late, "answer before the commit": answerFirst, "end held": func(p *proxy, message []byte, client, server net.Conn) {
		held(p, message, client, server)
		client.Close() // and the server does not learn of it
	}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, pool := newProxy(t)
			schema := newSchema()
			joined := join(t, place(t, pool, schema, time.Minute))
			leader := open(t, place(t, direct, schema, time.Minute))
			require.NoError(t, accept(t.Context(), joined, "a"))
			p.cutNext("late key", 1, cut)
			require.NoError(t, accept(t.Context(), joined, "late key"))
			assert.Equal(t, []string{"a", "late key"}, keysOf(t, joined))
			require.NoError(t, remove(t.Context(), leader, "late key"))
			p.arrive()
			assert.Equal(t, []string{"a"}, keysOf(t, joined))
			require.NoError(t, accept(t.Context(), joined, "b"))
			assert.Equal(t, []string{"a", "b"}, keysOf(t, joined))
		})
	}
}

// What was said not to be accepted is not accepted later either, when what was under
// way arrives.
func TestLateAcceptance(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	joined := join(t, place(t, pool, newSchema(), time.Minute))
	require.NoError(t, accept(t.Context(), joined, "a"))
	p.cutNext("late key", 100, late)
	require.Error(t, accept(t.Context(), joined, "late key"))
	p.arrive()
	assert.Equal(t, []string{"a"}, keysOf(t, joined))
	require.NoError(t, accept(t.Context(), joined, "b"))
	assert.Equal(t, []string{"a", "b"}, keysOf(t, joined))
}

// Numbers go on after those that a service has counted itself since there were replicas.
func TestNumbers(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	db := place(t, pool, schema, 0)
	before, err := join(t, db).Number(t.Context())
	require.NoError(t, err)
	execute(t, pool, "select setval($1::text::regclass, 1)", tableOf(schema, "rstuf_number"))
	n, err := join(t, db).Number(t.Context())
	require.NoError(t, err)
	assert.Greater(t, n, before)
}

// The version tells new leaders too, and changes neither by what is accepted nor by a
// lease that is renewed.
func TestVersion(t *testing.T) {
	t.Parallel()
	db := place(t, connect(t, *address), newSchema(), 300*time.Millisecond)
	joined := join(t, db)
	version := func() string {
		t.Helper()
		v, err := joined.Version(t.Context())
		require.NoError(t, err)
		return v
	}
	before := version()
	open(t, db)
	now := version()
	assert.NotEqual(t, before, now)
	require.NoError(t, accept(t.Context(), joined, "a"))
	time.Sleep(300 * time.Millisecond) // the lease is renewed
	assert.Equal(t, now, version())
}

// Whoever waits is woken also after the connection that tells of it was broken, long
// before it would look itself; and it looks itself while there is none.
func TestWait(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	schema := newSchema()
	waiting, other := join(t, place(t, pool, schema, time.Minute)), join(t, place(t, connect(t, *address), schema, time.Minute))
	for n := range 2 {
		p.drop(false)
		require.Eventually(t, func() bool { return waiting.(service.Failing).Err() == nil }, time.Minute, time.Millisecond)
		for began := time.Now(); time.Since(began) < 500*time.Millisecond; { // until nobody tells anything any more
			began = time.Now()
			require.NoError(t, waiting.Wait(t.Context()))
		}
		began := make(chan time.Time, 1)
		time.AfterFunc(50*time.Millisecond, func() { began <- time.Now(); assert.NoError(t, accept(t.Context(), other, fmt.Sprint(n))) })
		require.NoError(t, waiting.Wait(t.Context()))
		select {
		case began := <-began:
			assert.Less(t, time.Since(began), 400*time.Millisecond)
		default:
			t.Error("it was woken by nobody")
		}
	}
	p.drop(true)
	for range 3 {
		began := time.Now()
		require.NoError(t, waiting.Wait(t.Context()))
		assert.Less(t, time.Since(began), 1500*time.Millisecond)
	}
}

// While the database is away a replica says so in one line, accepts nothing, and keeps who
// asks waiting for what nobody knows alone; all of it goes on when the database is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	joined := join(t, place(t, pool, newSchema(), 300*time.Millisecond))
	failing := joined.(service.Failing)
	require.NoError(t, failing.Err())
	p.cutNext("unanswered", 1, func(p *proxy, message []byte, client, server net.Conn) {
		p.unanswered(message, client, server)
		p.drop(true)
	})
	done := make(chan error, 1)
	go func() { done <- accept(t.Context(), joined, "unanswered") }()
	require.Eventually(t, func() bool { return failing.Err() != nil }, time.Minute, time.Millisecond)
	assert.NotContains(t, failing.Err().Error(), "\n")
	before := p.calls.Load()
	select {
	case err := <-done:
		t.Fatalf("it has ended, though nobody knows how: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	assert.Less(t, p.calls.Load()-before, int64(30), "it asks now and then")
	p.drop(false)
	require.NoError(t, <-done)
	p.drop(true)
	require.Eventually(t, func() bool {
		return failing.Err() != nil && pool.Stat().TotalConns() == 0 || pool.Ping(t.Context()) == nil
	}, time.Minute, time.Millisecond)
	require.Error(t, accept(t.Context(), joined, "while away"))
	p.drop(false)
	require.Eventually(t, func() bool { return failing.Err() == nil }, time.Minute, time.Millisecond)
	require.NoError(t, accept(t.Context(), joined, "back"))
	assert.Equal(t, []string{"back", "unanswered"}, keysOf(t, joined))
}

// A cable that is cut without a word is noticed, by whoever asks and by whoever only
// listens, and other connections are made.
func TestSilence(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	joined := join(t, place(t, pool, newSchema(), 300*time.Millisecond))
	failing := joined.(service.Failing)
	require.NoError(t, accept(t.Context(), joined, "a"))
	var all sync.WaitGroup
	for range 4 { // so that the pool has four connections that lead nowhere
		all.Go(func() { execute(t, pool, "select pg_sleep(0.1)") })
	}
	all.Wait()
	p.silence(false)
	asked := make(chan error, 2)
	for _, ask := range []func() error{
		func() error { _, err := joined.Keys(context.Background(), table); return err },
		func() error { _, err := joined.Version(context.Background()); return err },
	} {
		go func() { asked <- ask() }()
	}
	require.Eventually(t, func() bool { return failing.Err() != nil }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return failing.Err() == nil }, 10*time.Second, time.Millisecond)
	require.NoError(t, accept(t.Context(), joined, "b"))
	for range 2 {
		select {
		case err := <-asked:
			require.ErrorIs(t, err, context.DeadlineExceeded)
		case <-time.After(30 * time.Second):
			t.Fatal("who has asked waits for ever")
		}
	}
	p.drop(true) // so that nobody waits for it at the end
}

// A process that is held while it commits or accepts, with all of it sent but the end,
// keeps neither the others from accepting nor another one from taking over.
func TestHeldInTheMiddle(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	direct, schema := connect(t, *address), newSchema()
	lease := 500 * time.Millisecond
	leader, joined := open(t, place(t, pool, schema, lease)), join(t, place(t, pool, schema, lease))
	db := place(t, direct, schema, lease)
	other := join(t, db)
	require.NoError(t, put(t.Context(), leader, "a", "1"))
	require.NoError(t, accept(t.Context(), joined, "b"))
	p.cutNext("held", 2, held)
	for _, act := range []func() error{func() error { return put(t.Context(), leader, "a", "held") }, func() error { return accept(t.Context(), joined, "held") }} {
		cut := p.left()
		go func() { _ = act() }()
		require.Eventually(t, func() bool { return p.left() < cut }, time.Minute, time.Millisecond)
	}
	p.silence(true)
	require.NoError(t, accept(t.Context(), other, "c"))
	began := time.Now()
	var next service.Store
	require.Eventually(t, func() (opened bool) {
		var err error
		next, err = db.Open(t.Context())
		if err != nil {
			assert.ErrorIs(t, err, service.ErrLocked)
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	t.Cleanup(func() { next.Close() })
	assert.Less(t, time.Since(began), 4*lease)
	assert.Equal(t, "1", value(t, next, "a"))
	require.NoError(t, put(t.Context(), next, "a", "2"))
	require.NoError(t, accept(t.Context(), other, "d"))
	assert.Equal(t, []string{"a", "b", "c", "d"}, keysOf(t, other))
	p.drop(true) // so that nobody waits for it at the end
}

// A replica that was forgotten, or whose database went back, accepts all the same, and
// what it can't look up any more it does not guess.
func TestForgotten(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	direct, schema := connect(t, *address), newSchema()
	joined := join(t, place(t, pool, schema, 0))
	replicas := tableOf(schema, "rstuf_replicas")
	rows := func() (n int) {
		require.NoError(t, direct.QueryRow(t.Context(), "select count(*) from "+replicas).Scan(&n))
		return n
	}
	require.NoError(t, accept(t.Context(), joined, "a"))
	execute(t, direct, "update "+replicas+" set writes = writes - 1")
	require.NoError(t, accept(t.Context(), joined, "b"))
	ago := "update " + replicas + " set seen = seen - interval '2 days'"
	execute(t, direct, ago)
	require.NoError(t, accept(t.Context(), joined, "lives"))
	require.NoError(t, join(t, place(t, direct, schema, 0)).Close())
	assert.Equal(t, 1, rows(), "it was seen since")
	execute(t, direct, ago)
	require.NoError(t, join(t, place(t, direct, schema, 0)).Close())
	assert.Equal(t, 0, rows())
	require.NoError(t, accept(t.Context(), joined, "c"))
	assert.Equal(t, 1, rows())
	p.cutNext("unknown", 1, func(p *proxy, message []byte, client, server net.Conn) {
		answerLost(p, message, client, server)
		execute(t, direct, "delete from "+replicas)
	})
	err := accept(t.Context(), joined, "unknown")
	require.ErrorIs(t, err, service.ErrLost)
	assert.ErrorContains(t, err, "look whether it was published")
	require.NoError(t, accept(t.Context(), joined, "d"))
	require.NoError(t, joined.Close())
	assert.Equal(t, 0, rows())
}

// A schema of the first release goes on with what it holds.
func TestFirstSchema(t *testing.T) {
	t.Parallel()
	pool, schema := connect(t, *address), newSchema()
	lease, entries := tableOf(schema, "rstuf_lease"), tableOf(schema, "rstuf_entries")
	execute(t, pool, fmt.Sprintf(`create schema %q;
		create table %s (one boolean primary key default true check (one), epoch bigint not null, writes bigint not null, holder text not null, since timestamptz not null, ends timestamptz not null);
		insert into %[2]s (epoch, writes, holder, since, ends) values (7, 1000, 'process 1 on host a', now(), now() - interval '1 minute');
		create table %s (tab text collate "C", key bytea, value bytea not null, primary key (tab, key));
		insert into %[3]s values ('%s', 'a', 'before');
		create table %s (version int not null);
		insert into %[5]s values (1)`, schema, lease, entries, table, tableOf(schema, "rstuf_version")), pgx.QueryExecModeSimpleProtocol)
	db := place(t, pool, schema, 0)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { join(t, db) })
	}
	all.Wait()
	joined := join(t, db)
	require.NoError(t, accept(t.Context(), joined, "b"))
	leader := open(t, db)
	assert.Equal(t, "before", value(t, leader, "a"))
	require.NoError(t, put(t.Context(), leader, "a", "after"))
	assert.Equal(t, []string{"a", "b"}, keysOf(t, joined))
	version, err := joined.Version(t.Context())
	require.NoError(t, err)
	assert.Regexp(t, `^8 1001 `, version)
}

// A server that is restarted loses nothing of what was acknowledged, and all go on by
// themselves.
func TestServerRestarted(t *testing.T) { // not beside others, which are not told
	pool, schema := connect(t, *address), newSchema()
	if *restart == "" {
		t.Skip("no -restart is given: see .ci/interop-postgres")
	}
	db := place(t, pool, schema, 500*time.Millisecond)
	leader := open(t, db)
	var all sync.WaitGroup
	var mu sync.Mutex
	acknowledged, committed := map[string]bool{}, ""
	done := make(chan struct{})
	busy := func(act func(n int)) {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
					act(n)
				}
			}
		})
	}
	replicas := []service.Joined{join(t, db), join(t, db)}
	for r, joined := range replicas {
		busy(func(n int) {
			key := fmt.Sprintf("%d %d", r, n)
			if accept(t.Context(), joined, key) == nil {
				mu.Lock()
				acknowledged[key] = true
				mu.Unlock()
			}
		})
	}
	busy(func(n int) {
		if text := fmt.Sprint(n); leader.Commit(t.Context(), []service.Change{{Table: service.Tables()[1], Key: "a", Value: []byte(text)}}) == nil {
			committed = text
		}
	})
	for range 2 {
		time.Sleep(50 * time.Millisecond)
		out, err := exec.Command(*restart).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for _, failing := range []any{replicas[0], replicas[1], leader} {
		require.Eventually(t, func() bool { return failing.(service.Failing).Err() == nil }, time.Minute, time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	close(done)
	all.Wait()
	keys := keysOf(t, replicas[0])
	assert.Len(t, keys, len(acknowledged))
	for _, key := range keys {
		assert.True(t, acknowledged[key], "%s was not acknowledged", key)
	}
	require.NoError(t, leader.Get(t.Context(), service.Tables()[1], []string{"a"}, func(_ string, value []byte) error {
		assert.Equal(t, committed, string(bytes.Clone(value)))
		return nil
	}))
}
