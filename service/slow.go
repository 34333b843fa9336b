package service

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// What slow clients may hold up: a connection and a file that is open, for a
// time that grows with the bytes that move, and no memory that grows with what
// they only promise.
const (
	// patience is how long a client may take beside what its bytes take.
	patience = 30 * time.Second
	// maxWork bounds the time until an answer begins: the largest body takes
	// most of it.
	maxWork = 2 * time.Hour
	// slowest is how many bytes a second it must send or take.
	slowest = 16 << 10
)

// timeFor is how long so many bytes may take.
func timeFor(size int64) time.Duration {
	return patience + time.Duration(size)*time.Second/slowest
}

// BoundWrites bounds the time that clients have to take the answers of a
// handler: half a minute, and a second for each 16 KiB. The handlers of a
// [Service] do it by themselves.
func BoundWrites(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &boundWriter{ResponseWriter: w}
		b.deadline(maxWork) // until it is known how much comes
		h.ServeHTTP(b, r)
	})
}

// boundWriter sets the deadline of an answer by its length.
type boundWriter struct {
	http.ResponseWriter
	begun bool
}

// deadline is not supported by recorders in tests, which need none.
func (b *boundWriter) deadline(after time.Duration) {
	_ = http.NewResponseController(b.ResponseWriter).SetWriteDeadline(time.Now().Add(after))
}

func (b *boundWriter) begin() {
	if b.begun {
		return
	}
	b.begun = true
	length, _ := strconv.ParseInt(b.Header().Get("Content-Length"), 10, 64) // none is 0
	b.deadline(timeFor(max(0, length)))
}

func (b *boundWriter) WriteHeader(status int) {
	b.begin()
	b.ResponseWriter.WriteHeader(status)
}

func (b *boundWriter) Write(p []byte) (int, error) {
	b.begin()
	return b.ResponseWriter.Write(p)
}

// ReadFrom keeps the way by which the system sends files without a copy.
func (b *boundWriter) ReadFrom(r io.Reader) (int64, error) {
	b.begin()
	return io.Copy(b.ResponseWriter, r)
}

// Unwrap is for [http.ResponseController].
func (b *boundWriter) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// LimitListener accepts no more than so many connections at a time; further
// ones wait in the system's own queue.
func LimitListener(l net.Listener, most int) net.Listener {
	return &limitListener{Listener: l, free: make(chan struct{}, most), closed: make(chan struct{})}
}

type limitListener struct {
	net.Listener
	free   chan struct{}
	once   sync.Once
	closed chan struct{}
}

func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.free })}, nil
}

func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
