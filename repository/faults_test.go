package repository_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
)

// fault is one way for an exchange to go wrong.
type fault func(w http.ResponseWriter, r *http.Request)

// faultProxy stands before a server. Each request meets the next fault; after
// the last, requests pass.
type faultProxy struct {
	server http.Handler
	mu     sync.Mutex
	faults []fault
}

func (p *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	var next fault
	if len(p.faults) > 0 {
		next, p.faults = p.faults[0], p.faults[1:]
	}
	p.mu.Unlock()
	if next == nil {
		p.server.ServeHTTP(w, r)
		return
	}
	next(w, r)
}

func hugeBody(w http.ResponseWriter, r *http.Request) {
	for range 100 {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
			return
		}
	}
}

// status answers without asking the server.
func status(code int, body string) fault {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

const page = "<!DOCTYPE html>\n<html><body>\n<h1>Bad things</h1></body></html>"

// elsewhere redirects to the repository's own server.
func elsewhere(metadataURL string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, metadataURL+strings.TrimPrefix(r.URL.Path, "/"), http.StatusFound)
	})
}
