package client_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/client"
)

// pipes is a network of its own: whole HTTP over net.Pipe, which works under
// the fake clock of a synctest bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
	}
}

// inBubble runs a test under a fake clock: time passes when everything waits.
func inBubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// servePipes runs a handler inside a bubble and returns a client of it.
func servePipes(t *testing.T, handler http.Handler, cfg client.Config) *client.Client {
	t.Helper()
	network := &pipes{make(chan net.Conn), make(chan struct{})}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(network)
	transport := &http.Transport{DialContext: network.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		synctest.Wait()
	})
	cfg.HTTPClient = &http.Client{Transport: transport}
	api, err := client.New("http://rstuf.example", cfg)
	require.NoError(t, err)
	return api
}
