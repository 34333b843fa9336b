package rstuftest

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
)

// Where the files are on their server.
const (
	metadataPath  = "/metadata/"
	artifactsPath = "/artifacts/"
)

// webServer serves metadata and artifacts, and is where an attacker stands.
type webServer struct {
	metadata http.Handler

	mu       sync.RWMutex
	files    map[string][]byte // artifacts
	former   map[string][]byte // what they were before
	attacker http.Handler      // answers in its place, unless nil
}

func (s *webServer) put(path string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files, s.former = map[string][]byte{}, map[string][]byte{}
	}
	if old, ok := s.files[path]; ok {
		s.former[path] = old
	}
	s.files[path] = bytes.Clone(content)
}

func (s *webServer) attacked() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.attacker != nil
}

// attack has another handler answer; nil ends that.
func (s *webServer) attack(by http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attacker = by
}

func (s *webServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	attacker := s.attacker
	s.mu.RUnlock()
	if attacker != nil {
		attacker.ServeHTTP(w, r)
		return
	}
	s.serve(w, r)
}

// serve is the honest answer.
func (s *webServer) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, metadataPath) {
		http.StripPrefix(strings.TrimSuffix(metadataPath, "/"), s.metadata).ServeHTTP(w, r)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, artifactsPath)
	s.mu.RLock()
	content, there := s.files[path]
	s.mu.RUnlock()
	if !ok || !there {
		http.NotFound(w, r)
		return
	}
	serveArtifact(w, content)
}

func serveArtifact(w http.ResponseWriter, content []byte) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(content) // an error means that the client is gone
}
