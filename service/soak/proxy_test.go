package main

import (
	"io"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startServer answers each connection's bytes with "done", and tells all that it got.
func startServer(t *testing.T) (address string, got chan string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	got = make(chan string, 1)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 100)
			n, _ := conn.Read(buffer)
			_, _ = conn.Write([]byte("done"))
			got <- string(buffer[:n])
			conn.Close()
		}
	}()
	return listener.Addr().String(), got
}

// ask sends a request and returns the answer.
func ask(p *proxy) (string, error) {
	conn, err := net.Dial("tcp", p.address())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PUT it")); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// A request that is lost has the fate that the ambush says, and the next one none.
func TestAmbush(t *testing.T) {
	t.Parallel()
	for way, want := range map[way]string{dropped: "", halved: "PUT", unanswered: "PUT it", answerLost: "PUT it", delayed: "PUT it"} {
		t.Run(way.String(), func(t *testing.T) {
			t.Parallel()
			address, got := startServer(t)
			p, err := newProxy(address)
			require.NoError(t, err)
			defer p.close()
			a := &ambush{mark: regexp.MustCompile("^PUT "), way: way, delay: 20 * time.Millisecond, met: make(chan struct{})}
			p.lay(a, true)
			begun := time.Now()
			_, err = ask(p)
			assert.Error(t, err)
			<-a.met
			assert.Equal(t, want, <-got)
			if way == delayed {
				assert.GreaterOrEqual(t, time.Since(begun), a.delay)
			}
			answer, err := ask(p)
			assert.NoError(t, err)
			assert.Equal(t, "done", answer)
			assert.Equal(t, "PUT it", <-got)
		})
	}
}

// What is held arrives later, also if its sender has gone; what is cut does not.
func TestHoldAndCut(t *testing.T) {
	t.Parallel()
	address, got := startServer(t)
	p, err := newProxy(address)
	require.NoError(t, err)
	defer p.close()
	p.hold()
	conn, err := net.Dial("tcp", p.address())
	require.NoError(t, err)
	_, err = conn.Write([]byte("PUT it"))
	require.NoError(t, err)
	conn.Close()
	select {
	case <-got:
		assert.Fail(t, "it is held")
	case <-time.After(20 * time.Millisecond):
	}
	p.pass()
	assert.Equal(t, "PUT it", <-got)

	p.breakAll(true)
	_, err = ask(p)
	assert.Error(t, err)
	assert.Empty(t, got)
	p.pass()
	_, err = ask(p)
	assert.NoError(t, err)
	assert.Equal(t, "PUT it", <-got)
}
