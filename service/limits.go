package service

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxSmallBody is the largest body of a request that is not for artifacts.
	maxSmallBody = 4 << 20
	// bodyTime is how long a request's body may take to arrive.
	bodyTime = 2 * time.Minute
	// maxBodies is how many bytes of large bodies are read at a time; further
	// ones wait.
	maxBodies = 16 << 20
	// maxClients bounds the memory of rate limits.
	maxClients = 10_000
)

// limits keeps requests within bounds.
type limits struct {
	bodies *semaphore.Weighted
	rate   float64
	now    func() time.Time

	mu      sync.Mutex
	clients map[string]*bucket
}

// bucket is what a client has left of its rate.
type bucket struct {
	left float64
	at   time.Time
}

func newLimits(cfg Config) *limits {
	return &limits{bodies: semaphore.NewWeighted(maxBodies), rate: cfg.RequestsPerSecond, now: cfg.Now, clients: map[string]*bucket{}}
}

// check answers requests that are too many; nil for all others.
func (l *limits) check(w http.ResponseWriter, r *http.Request) *answer {
	if l.inRate(r) {
		return nil
	}
	w.Header().Set("Retry-After", "1")
	a := message(http.StatusTooManyRequests, "too many requests: wait a second")
	return &a
}

// inRate takes one request off what a client may send.
func (l *limits) inRate(r *http.Request) bool {
	if l.rate == 0 {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	burst := max(l.rate, 1)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.clients[host]
	if b == nil {
		l.forget(now, burst)
		b = &bucket{left: burst, at: now}
		l.clients[host] = b
	}
	b.left = min(burst, b.left+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// forget drops clients that have all of their rate left, once there are many.
func (l *limits) forget(now time.Time, burst float64) {
	if len(l.clients) < maxClients {
		return
	}
	for host, b := range l.clients {
		if b.left+now.Sub(b.at).Seconds()*l.rate >= burst {
			delete(l.clients, host)
		}
	}
}

// reserve waits until there is memory for a body of so many bytes, -1 if
// nobody knows. It returns what gives the memory back.
func (l *limits) reserve(ctx context.Context, size, most int64) (release func(), err error) {
	if size < 0 {
		size = most
	}
	if size < largeRequest {
		return func() {}, nil
	}
	size = min(size, maxBodies)
	if err := l.bodies.Acquire(ctx, size); err != nil {
		return nil, err
	}
	return func() { l.bodies.Release(size) }, nil
}

// timedBody is a body that must arrive in time.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func newTimedBody(w http.ResponseWriter, body io.ReadCloser) timedBody {
	b := timedBody{body, http.NewResponseController(w)}
	b.deadline(time.Now().Add(bodyTime))
	return b
}

// deadline is not supported by recorders in tests, which need none.
func (b timedBody) deadline(at time.Time) { _ = b.control.SetReadDeadline(at) }

func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.deadline(time.Time{})
	}
	return n, err
}
