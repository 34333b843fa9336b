// Package testpipes is a network for tests in a synctest bubble: whole HTTP over
// pipes, under the bubble's clock.
package testpipes

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
)

// InBubble tells whether it is called inside a synctest bubble. If it is, it
// returns when all else in the bubble waits.
func InBubble() (yes bool) {
	defer func() { _ = recover() }() // Wait panics outside a bubble, at once
	synctest.Wait()
	return true
}

// Serve runs a handler inside a bubble, as long as the test lasts, and returns a
// client that reaches it by any address.
func Serve(t testing.TB, handler http.Handler) *http.Client {
	t.Helper()
	network := &Network{}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(network.Listen(""))
	transport := &http.Transport{DialContext: network.Dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
		synctest.Wait()
	})
	return &http.Client{Transport: transport}
}

// Network connects hosts by pipes. The zero value has none. It may be used from
// several goroutines.
type Network struct {
	mu    sync.Mutex
	hosts map[string]*listener
}

// Listen adds a host: its name, or "" for all that have no listener of their
// own. The host is gone when the listener is closed.
func (n *Network) Listen(host string) net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts == nil {
		n.hosts = map[string]*listener{}
	}
	n.hosts[host] = &listener{host: host, conns: make(chan net.Conn), closed: make(chan struct{})}
	return n.hosts[host]
}

// Dial connects with the host of an address, whatever the port. It is the
// DialContext of an [http.Transport].
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	n.mu.Lock()
	l := n.hosts[host]
	if l == nil {
		l = n.hosts[""]
	}
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("there is no host " + host)}
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: errors.New("connection refused")}
	}
}

// listener accepts what Dial connects.
type listener struct {
	host   string
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.host, Net: "pipe"} }
