package main

import (
	"errors"
	"io"
	"net"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// proxy is the network between one replica and one server. It passes all on, or
// breaks in one of several ways.
type proxy struct {
	listener net.Listener
	target   string

	mu       sync.Mutex
	cut      bool
	held     chan struct{} // closed when it is no longer held; nil while it is not
	conns    map[*net.TCPConn]bool
	ambushes map[*ambush]bool
	running  sync.WaitGroup
}

// way is how a request is lost.
type way int

const (
	dropped    way = iota // the server never gets it
	halved                // the server gets a half of it
	unanswered            // the server gets it, the connection breaks at once
	answerLost            // the server answers, and the answer gets lost
	delayed               // the connection breaks, the server gets it much later
	ways
)

func (w way) String() string {
	return [...]string{"dropped", "halved", "unanswered", "answer lost", "delayed"}[w]
}

// ambush waits for a request, which it loses, in one proxy or several.
type ambush struct {
	mark  *regexp.Regexp // which it has
	way   way
	delay time.Duration
	taken atomic.Bool
	met   chan struct{} // closed when it has met one
}

func newProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, target: target, conns: map[*net.TCPConn]bool{}, ambushes: map[*ambush]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) close() {
	p.listener.Close()
	p.pass()
	p.breakAll(true)
	p.running.Wait()
}

// pass passes everything on from now on.
func (p *proxy) pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// hold lets nothing through until pass: no byte is lost, and no connection.
func (p *proxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil {
		p.held = make(chan struct{})
	}
}

// breakAll breaks all connections; with cut no new one stands until pass.
func (p *proxy) breakAll(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = p.cut || cut
	for conn := range p.conns {
		reset(conn)
	}
}

// lay lays an ambush, or takes it away.
func (p *proxy) lay(a *ambush, there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if there {
		p.ambushes[a] = true
	} else {
		delete(p.ambushes, a)
	}
}

// hesitate waits while all is held.
func (p *proxy) hesitate() {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
}

// meets is the ambush that a request is in, or nil.
func (p *proxy) meets(request []byte) *ambush {
	p.mu.Lock()
	defer p.mu.Unlock()
	for a := range p.ambushes {
		if a.mark.Match(request) && a.taken.CompareAndSwap(false, true) {
			close(a.met)
			return a
		}
	}
	return nil
}

func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(conn.(*net.TCPConn)) })
	}
}

// keep notes a connection; it returns false if none may stand.
func (p *proxy) keep(conn *net.TCPConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		reset(conn)
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *proxy) drop(conn *net.TCPConn) {
	p.mu.Lock()
	delete(p.conns, conn)
	p.mu.Unlock()
	conn.Close()
}

func (p *proxy) serve(client *net.TCPConn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	conn, err := net.Dial("tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	server := conn.(*net.TCPConn)
	if !p.keep(server) {
		return
	}
	defer p.drop(server)
	lost := make(chan struct{}) // closed when answers are lost
	var both sync.WaitGroup
	both.Go(func() { p.answers(client, server, lost) })
	both.Go(func() { p.requests(client, server, lost) })
	both.Wait()
}

// requests passes on what the client says.
func (p *proxy) requests(client, server *net.TCPConn, lost chan struct{}) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		data := buffer[:n]
		p.hesitate()
		if a := p.meets(data); a != nil {
			p.lose(a, client, server, data, lost)
			return
		}
		if _, failed := server.Write(data); failed != nil {
			reset(client)
			return
		}
		if err != nil { // what it has said is still done
			end(server, err)
			return
		}
	}
}

// lose loses a request.
func (p *proxy) lose(a *ambush, client, server *net.TCPConn, data []byte, lost chan struct{}) {
	if a.way == answerLost {
		close(lost)
		_, _ = server.Write(data) // then see answers
		return
	}
	reset(client)
	switch a.way {
	case halved:
		data = data[:len(data)/2]
	case delayed:
		time.Sleep(a.delay)
	}
	if a.way != dropped {
		_, _ = server.Write(data)
	}
	server.CloseWrite()
}

// answers passes on what the server says.
func (p *proxy) answers(client, server *net.TCPConn, lost chan struct{}) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		p.hesitate()
		select {
		case <-lost:
			reset(client)
			reset(server)
			return
		default:
		}
		if _, failed := client.Write(buffer[:n]); failed != nil {
			// The client is gone; what it has said is still to be done.
			_, _ = io.Copy(io.Discard, server)
			return
		}
		if err != nil {
			end(client, err)
			return
		}
	}
}

// end passes the end of a connection on.
func end(conn *net.TCPConn, err error) {
	if errors.Is(err, io.EOF) {
		conn.CloseWrite()
		return
	}
	reset(conn)
}
