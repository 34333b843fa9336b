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
	// maxBodies is how many bytes of bodies may be in memory, and memoryWait
	// how long a request waits for memory.
	maxBodies  = 128 << 20
	memoryWait = 10 * time.Second
	// firstBody is what memory is reserved for before anything has arrived.
	firstBody = 4 << 10
	// maxDecoding is how many bytes of large bodies are decoded at a time.
	maxDecoding = 16 << 20
	// maxClients bounds the memory of rate limits.
	maxClients = 10_000
)

// limits keeps requests within bounds.
type limits struct {
	bodies   *semaphore.Weighted
	decoding *semaphore.Weighted
	rate     float64
	now      func() time.Time

	mu      sync.Mutex
	clients map[string]*bucket
}

// bucket is what a client has left of its rate.
type bucket struct {
	left float64
	at   time.Time
}

func newLimits(cfg Config) *limits {
	return &limits{bodies: semaphore.NewWeighted(maxBodies), decoding: semaphore.NewWeighted(maxDecoding), rate: cfg.RequestsPerSecond, now: cfg.Now, clients: map[string]*bucket{}}
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

// receive reads the body of a request. Memory is reserved for what has arrived,
// not for what was promised, and whoever is too slow is cut off, so that one
// client holds up nobody else. The caller releases the memory when it has done
// with the body, and is one of few then: decoding needs more of it.
func (l *limits) receive(w http.ResponseWriter, r *http.Request, most int64) ([]byte, func(), *answer) {
	var body []byte
	reserved := int64(0)
	release := func() { l.bodies.Release(reserved) }
	fail := func(a answer) ([]byte, func(), *answer) {
		release()
		return nil, nil, &a
	}
	in := newTimedBody(w, http.MaxBytesReader(w, r.Body, most))
	promised := r.ContentLength
	if promised < 0 {
		promised = most
	}
	for {
		if len(body) == cap(body) {
			// One more than was promised, to see the end.
			size := min(promised+1, max(firstBody, 2*int64(cap(body))))
			if size <= int64(cap(body)) {
				size = int64(cap(body)) + firstBody
			}
			if err := acquire(r.Context(), l.bodies, size-reserved); err != nil {
				w.Header().Set("Retry-After", "1")
				return fail(message(http.StatusServiceUnavailable, "too many bodies are on their way in: try again"))
			}
			reserved = size
			body = append(make([]byte, 0, size), body...)
		}
		n, err := in.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return fail(unreadable(err))
		}
	}
	if int64(len(body)) < largeRequest {
		return body, release, nil
	}
	turn := min(int64(len(body)), maxDecoding)
	if err := l.decoding.Acquire(r.Context(), turn); err != nil {
		return fail(unreadable(err))
	}
	return body, func() { l.decoding.Release(turn); release() }, nil
}

// acquire reserves memory, and waits a little for it.
func acquire(ctx context.Context, from *semaphore.Weighted, size int64) error {
	if from.TryAcquire(size) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	return from.Acquire(ctx, size)
}

// timedBody is a body whose bytes must go on arriving.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	begun   time.Time
	arrived int64
}

func newTimedBody(w http.ResponseWriter, body io.ReadCloser) *timedBody {
	b := &timedBody{ReadCloser: body, control: http.NewResponseController(w), begun: time.Now()}
	b.deadline(b.begun.Add(timeFor(0)))
	return b
}

// deadline is not supported by recorders in tests, which need none.
func (b *timedBody) deadline(at time.Time) { _ = b.control.SetReadDeadline(at) }

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.arrived += int64(n)
	if err == io.EOF {
		b.deadline(time.Time{})
	} else {
		b.deadline(b.begun.Add(timeFor(b.arrived)))
	}
	return n, err
}
