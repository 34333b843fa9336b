package client_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// sink takes artifacts and keeps nothing but their number: a service that
// costs next to no memory, to measure that of the client.
type sink struct {
	mu     sync.Mutex
	counts map[string]int
}

func newSink() *sink { return &sink{counts: map[string]int{}} }

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost {
		id := fmt.Sprint(len(s.counts))
		buf := make([]byte, 32<<10)
		braces := 0 // one for the request, three for each artifact
		for {
			n, err := io.ReadFull(r.Body, buf)
			braces += bytes.Count(buf[:n], []byte("{"))
			if err != nil {
				break
			}
		}
		s.counts[id] = (braces - 1) / 3
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"data": {"artifacts": [], "task_id": %q}}`, id)
		return
	}
	// What a service answers holds every path.
	id := r.URL.Query().Get("task_id")
	fmt.Fprintf(w, `{"data": {"task_id": %q, "state": "SUCCESS", "result": {"status": true, "details": {"invalid_paths": [], "added_artifacts": [`, id)
	for i := range s.counts[id] {
		if i > 0 {
			io.WriteString(w, ",")
		}
		fmt.Fprintf(w, `"pkg/%03d/file-%07d.tar.gz"`, i%1000, i)
	}
	io.WriteString(w, `]}}}}`)
}
