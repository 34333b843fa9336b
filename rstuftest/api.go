package rstuftest

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	"example.org/rstuf"
	"example.org/rstuf/internal/wire"
)

// apiServer serves the API, through a fault if there is one.
type apiServer struct {
	service http.Handler

	mu    sync.RWMutex
	fault http.Handler
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	next := s.service
	if s.fault != nil {
		next = s.fault
	}
	s.mu.RUnlock()
	next.ServeHTTP(w, r)
}

// breakWith has another handler answer; it returns false if one does already.
func (s *apiServer) breakWith(by http.Handler) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return false
	}
	s.fault = by
	return true
}

func (s *apiServer) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = nil
}

// asksForTask tells whether a request asks how a task is, and which.
func asksForTask(r *http.Request) (id string, yes bool) {
	return r.URL.Query().Get("task_id"), r.Method == http.MethodGet && strings.HasSuffix(strings.TrimSuffix(r.URL.Path, "/"), "/task")
}

// answerTask answers how a task is.
func answerTask(w http.ResponseWriter, task rstuf.Task) {
	answerJSON(w, http.StatusOK, wire.Response[rstuf.Task]{Data: &task, Message: "Task state."})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(data) // an error means that the client is gone
}
