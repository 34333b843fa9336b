package rstuftest

import (
	"net/http"
	"net/http/httptest"

	"example.org/rstuf/internal/testpipes"
)

// network is where a repository's servers are: on loopback ports, or inside a
// testing/synctest bubble, where real connections would stop the clock, on pipes.
type network struct {
	pipes   *testpipes.Network // nil on loopback
	client  *http.Client
	servers []*httptest.Server
}

func newNetwork() *network {
	n := &network{}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if testpipes.InBubble() {
		n.pipes = &testpipes.Network{}
		transport = &http.Transport{DialContext: n.pipes.Dial}
	}
	n.client = &http.Client{Transport: transport}
	return n
}

// serve starts a server and returns its URL. The name is that of its host in a
// bubble.
func (n *network) serve(name string, handler http.Handler) string {
	server := &httptest.Server{Config: &http.Server{Handler: handler}}
	if n.pipes == nil {
		server = httptest.NewUnstartedServer(handler)
	} else {
		server.Listener = n.pipes.Listen(name)
	}
	server.Start()
	n.servers = append(n.servers, server)
	return server.URL
}

func (n *network) close() {
	n.client.CloseIdleConnections()
	for _, server := range n.servers {
		server.CloseClientConnections()
		server.Close()
	}
}
