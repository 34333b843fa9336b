package postgres_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// cut is what a proxy does with a message to the server.
type cut func(p *proxy, message []byte, client, server net.Conn)

// proxy stands between a pool and the server.
type proxy struct {
	net.Listener
	server string

	mu    sync.Mutex
	text  string // of messages that are cut
	cut   cut
	times int // how many of them are
	down  bool
	conns map[net.Conn]bool // whether a client gets what the server answers
	late  sync.WaitGroup    // messages that are held
	calls atomic.Int64      // connections that were asked for
	goOn  chan struct{}     // closed when they go on
}

// newProxy starts a proxy and makes a pool that goes through it, with parameters.
func newProxy(t *testing.T, parameters ...string) (*proxy, *pgxpool.Pool) {
	t.Helper()
	if *address == "" {
		connect(t, "")
	}
	place, err := url.Parse(*address)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: listener, server: place.Host, conns: map[net.Conn]bool{}, goOn: make(chan struct{})}
	go p.accept()
	t.Cleanup(func() { p.Close(); p.drop(true) })
	place.Host, place.RawQuery = listener.Addr().String(), strings.Join(parameters, "&")
	return p, connect(t, place.String())
}

func (p *proxy) accept() {
	for {
		client, err := p.Accept()
		if err != nil {
			return
		}
		p.calls.Add(1)
		server, err := net.Dial("tcp", p.server)
		p.mu.Lock()
		if p.down || err != nil {
			client.Close()
			if err == nil {
				server.Close()
			}
		} else {
			p.conns[client], p.conns[server] = true, true
			go p.requests(client, server)
			go p.answers(client, server)
		}
		p.mu.Unlock()
	}
}

// requests passes on what the client sends, each message whole.
func (p *proxy) requests(client, server net.Conn) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			server.Close()
			return
		}
		if !p.passes(client) {
			continue
		}
		if c := p.take(buffer[:n]); c != nil {
			c(p, buffer[:n], client, server)
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// answers passes on what the server answers.
func (p *proxy) answers(client, server net.Conn) {
	defer client.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if p.passes(client) {
			_, _ = client.Write(buffer[:n])
		}
	}
}

// passes tells whether what a client sends, and what it is answered, is passed on.
func (p *proxy) passes(client net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns[client]
}

// unanswered gives the server a message, and the client nothing of its answer.
func (p *proxy) unanswered(message []byte, client, server net.Conn) {
	p.mu.Lock()
	p.conns[client] = false
	p.mu.Unlock()
	_, _ = server.Write(message)
	time.Sleep(50 * time.Millisecond) // the server commits
}

// take is what to do with a message; nil if it is to be passed on.
func (p *proxy) take(message []byte) cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times == 0 || !bytes.Contains(message, []byte(p.text)) {
		return nil
	}
	p.times--
	return p.cut
}

// cutNext has the next messages cut that contain a text.
func (p *proxy) cutNext(text string, times int, c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.times, p.cut = text, times, c
}

// left is how many messages are still to be cut.
func (p *proxy) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times
}

// silence has all connections lead nowhere, without a word to either end, and refuses
// others while it is down.
func (p *proxy) silence(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	for conn := range p.conns {
		p.conns[conn] = false
	}
}

// drop closes all connections, and refuses others while it is down.
func (p *proxy) drop(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}

// requestLost closes the connection before the server gets the message.
func requestLost(_ *proxy, _ []byte, client, server net.Conn) { client.Close(); server.Close() }

// halfLost closes it in the middle of the message.
func halfLost(_ *proxy, message []byte, client, server net.Conn) {
	_, _ = server.Write(message[:len(message)/2])
	client.Close()
	server.Close()
}

// answerLost closes it once the server has done what the message says.
func answerLost(p *proxy, message []byte, client, server net.Conn) {
	p.unanswered(message, client, server)
	client.Close()
	server.Close()
}

// answerFirst has the server answer, as one does that is told to end, and closes the
// connection before it commits.
func answerFirst(_ *proxy, message []byte, client, server net.Conn) {
	sync := len(message) - len("S\x00\x00\x00\x04")
	_, _ = server.Write(append(message[:sync:sync], "H\x00\x00\x00\x04"...)) // flush, not sync
	time.Sleep(50 * time.Millisecond)
	server.Close()
	client.Close()
}

// late gives the server the message long after the connection is closed.
func late(p *proxy, message []byte, client, server net.Conn) {
	p.mu.Lock()
	p.late.Add(1)
	p.mu.Unlock()
	message = bytes.Clone(message)
	go func() {
		defer p.late.Done()
		<-p.goOn
		_, _ = server.Write(message)
		time.Sleep(100 * time.Millisecond)
		server.Close()
	}()
	client.(*net.TCPConn).SetLinger(0)
	client.Close()
}

// arrive gives the server what is late.
func (p *proxy) arrive() {
	close(p.goOn)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late.Wait()
}

// count is the lease's count of commits.
func count(t *testing.T, pool *pgxpool.Pool, schema string) (n int64) {
	require.NoError(t, pool.QueryRow(t.Context(), "select writes from "+pgx.Identifier{schema, "rstuf_lease"}.Sanitize()).Scan(&n))
	return n
}

// A connection that breaks in the middle of a commit makes no difference: it is made
// once, whether the server has got it or not.
func TestBrokenCommit(t *testing.T) {
	t.Parallel()
	direct := connect(t, *address)
	for name, test := range map[string]struct {
		cut   cut
		steps int64 // of the count: the commit, and one that never was
	}{
		"request lost": {requestLost, 3}, "half of it lost": {halfLost, 3}, "answer lost": {answerLost, 1}, "request late": {late, 3},
		"answer before the commit": {answerFirst, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, pool := newProxy(t)
			schema := newSchema()
			store := open(t, place(t, pool, schema, time.Minute))
			require.NoError(t, put(t.Context(), store, "a", "before")) // the statement is prepared
			before := count(t, direct, schema)
			p.cutNext("after", 1, test.cut)
			require.NoError(t, put(t.Context(), store, "a", "after"))
			assert.Equal(t, test.steps, count(t, direct, schema)-before)
			assert.Equal(t, "after", value(t, store, "a"))
			require.NoError(t, put(t.Context(), store, "a", "later"))
			p.arrive()
			assert.Equal(t, "later", value(t, store, "a"))
		})
	}
}

// A commit that was said not to be made is not made later either, when what was
// under way arrives.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	store := open(t, place(t, pool, newSchema(), time.Minute))
	require.NoError(t, put(t.Context(), store, "a", "before"))
	p.cutNext("late value", 100, late)
	require.Error(t, put(t.Context(), store, "a", "late value"))
	p.arrive()
	assert.Equal(t, "before", value(t, store, "a"))
	require.NoError(t, put(t.Context(), store, "a", "after"))
	assert.Equal(t, "after", value(t, store, "a"))
}

// While the server is away a commit is refused, one whose answer was lost waits, and
// both go on when it is back.
func TestServerAway(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	store := open(t, place(t, pool, newSchema(), 300*time.Millisecond))
	failing := store.(service.Failing)
	require.NoError(t, put(t.Context(), store, "a", "before"))
	require.NoError(t, failing.Err())
	p.cutNext("after", 1, func(p *proxy, message []byte, client, server net.Conn) {
		p.unanswered(message, client, server)
		p.drop(true)
	})
	done := make(chan error, 1)
	go func() { done <- put(t.Context(), store, "a", "after") }()
	require.Eventually(t, func() bool { return failing.Err() != nil }, time.Minute, time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("the commit has ended, though nobody knows how: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, within(t, func() error { return put(ctx, store, "a", "in its turn") }), context.DeadlineExceeded)
	p.drop(false)
	require.NoError(t, <-done)
	assert.Equal(t, "after", value(t, store, "a"))
	p.drop(true)
	require.Eventually(t, func() bool { return pool.Stat().TotalConns() == 0 }, time.Minute, time.Millisecond) // the lease's renewal finds them broken
	require.Error(t, put(t.Context(), store, "a", "while away"))
	p.drop(false)
	require.NoError(t, put(t.Context(), store, "a", "back"))
	require.Eventually(t, func() bool { return failing.Err() == nil }, time.Minute, time.Millisecond)
}

// Connections that break anywhere lose nothing that was acknowledged, and bring
// nothing that was not.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	p, pool := newProxy(t)
	store := open(t, place(t, pool, newSchema(), 2*time.Second))
	random := rand.New(rand.NewPCG(1, 2))
	want := ""
	for range 60 {
		stop := make(chan struct{})
		delay := time.Duration(random.IntN(3000)) * time.Microsecond
		go func() { time.Sleep(delay); p.drop(false); close(stop) }()
		for n := range 5 {
			next := time.Now().Format(time.StampNano) + string(rune('a'+n))
			if err := put(t.Context(), store, "a", next); err == nil {
				want = next
			}
		}
		<-stop
		var got string
		require.Eventually(t, func() bool {
			return store.Get(t.Context(), table, []string{"a"}, func(_ string, value []byte) error { got = string(value); return nil }) == nil
		}, time.Minute, time.Millisecond)
		require.Equal(t, want, got)
	}
}
