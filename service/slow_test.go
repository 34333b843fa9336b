package service_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/testpipes"

	"example.org/rstuf/service"
)

// dial opens a connection and sends text.
func dial(t *testing.T, url, text string) net.Conn {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn
}

// Clients that ask for a large file and do not read it hold no copy of it.
func TestReadersThatDoNotRead(t *testing.T) {
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", addingMany(20_000))) // four bins of about 700 KiB
	server := httptest.NewServer(f.svc.MetadataHandler())
	t.Cleanup(server.Close)
	before := heap()
	const readers = 100
	for range readers {
		conn := dial(t, server.URL, "GET /2.bins-0.json HTTP/1.1\r\nHost: x\r\n\r\n")
		line, err := bufio.NewReaderSize(conn, 16).ReadString('\n') // it has begun
		require.NoError(t, err)
		require.Contains(t, line, "200")
	}
	assert.Less(t, heap()-before, int64(readers*200<<10), "bytes in use")
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// Clients that promise a large body and send little hold up nobody.
func TestWritersThatDoNotWrite(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	server := httptest.NewServer(f.svc.Handler())
	t.Cleanup(server.Close)
	for range 50 {
		dial(t, server.URL, "POST /api/v1/artifacts/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 33000000\r\n\r\n{")
	}
	body := addingMany(20_000)
	resp, err := http.Post(server.URL+"/api/v1/artifacts/", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusAccepted, resp.StatusCode)
}

func addingMany(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"artifacts":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"path":"dir/%d","info":{"length":%d,"hashes":{"sha256":"%064x"}}}`, i, i, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// pipes is a host on a network in memory, for time that a test decides on.
type pipes struct {
	net.Listener
	network *testpipes.Network
}

func newPipes() *pipes {
	network := &testpipes.Network{}
	return &pipes{network.Listen("host"), network}
}

func (p *pipes) dial(t *testing.T) net.Conn {
	conn, err := p.network.Dial(t.Context(), "tcp", "host:80")
	require.NoError(t, err)
	return conn
}

func serveInMemory(h http.Handler) (*pipes, func()) {
	l := newPipes()
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	return l, func() { server.Close(); <-done }
}

// A client has half a minute and a second for each 16 KiB of an answer.
func TestSlowReadersAreCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		l, stop := serveInMemory(service.BoundWrites(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			w.Write(make([]byte, size))
		})))
		defer stop()
		read := func(rate int) (total int, took time.Duration) {
			conn := l.dial(t)
			defer conn.Close()
			begun := time.Now()
			_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			buffer := make([]byte, rate)
			for total < size {
				n, err := io.ReadFull(conn, buffer)
				total += n
				if err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			return total, time.Since(begun)
		}
		total, _ := read(16 << 10)
		assert.GreaterOrEqual(t, total, size, "fast enough")
		total, took := read(1 << 10)
		assert.Less(t, total, size)
		assert.InDelta(t, (94 * time.Second).Seconds(), took.Seconds(), 3, "30 s and 64 s for the size")
	})
}

// No more connections than so many are served at a time; the next one is when
// one ends.
func TestLimitListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newPipes()
		l := service.LimitListener(inner, 2)
		accepted := make(chan net.Conn, 10)
		ended := make(chan error, 1)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					ended <- err
					return
				}
				accepted <- c
			}
		}()
		var clients []net.Conn
		for range 2 {
			clients = append(clients, inner.dial(t))
		}
		third := make(chan net.Conn, 1)
		go func() { third <- inner.dial(t) }()
		synctest.Wait()
		assert.Len(t, accepted, 2)
		first := <-accepted
		require.NoError(t, first.Close())
		require.NoError(t, first.Close(), "twice frees one place alone")
		clients = append(clients, <-third)
		synctest.Wait()
		assert.Len(t, accepted, 2)
		require.NoError(t, l.Close())
		assert.ErrorIs(t, <-ended, net.ErrClosed)
		for _, c := range clients {
			c.Close()
		}
	})
}
