package service

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.org/rstuf"
)

// metrics counts what the service does.
type metrics struct {
	failures     atomic.Int64 // attempts to publish that failed
	publications atomic.Int64
	files        atomic.Int64 // metadata files written
	lastPublish  atomic.Int64 // Unix time

	mu       sync.Mutex
	tasks    map[rstuf.TaskState]int64
	requests map[int]int64 // API requests by status
}

// published counts a publication.
func (m *metrics) published(p *publication) {
	m.publications.Add(1)
	m.files.Add(int64(len(p.changed)))
	m.lastPublish.Store(p.now.Unix())
}

func (m *metrics) ended(state rstuf.TaskState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tasks == nil {
		m.tasks = map[rstuf.TaskState]int64{}
	}
	m.tasks[state]++
}

func (m *metrics) request(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.requests == nil {
		m.requests = map[int]int64{}
	}
	m.requests[status]++
}

// Status is how a service is doing.
type Status struct {
	// Bootstrap is true once the repository exists.
	Bootstrap bool
	// Waiting is how many requests have not ended, Bytes their size.
	Waiting int
	Bytes   int64
	// Paused is why nothing is published at the moment; nil if all is well.
	Paused error
	// Expires is when the first of root, targets, snapshot, timestamp and the
	// delegated roles ends, and Expiring which it is; zero before bootstrap.
	Expires  time.Time
	Expiring string
}

// Status tells how the service is doing.
func (s *Service) Status() Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Status{Bootstrap: s.repo.bootstrapped(), Waiting: len(s.queue), Bytes: s.waitingBytes, Paused: s.paused}
	if st.Bootstrap {
		st.Expires, st.Expiring = s.repo.firstEnd()
	}
	return st
}

// firstEnd is the role that ends first.
func (r *repository) firstEnd() (time.Time, string) {
	end, name := r.root.Expires(), rstuf.RoleRoot
	for role, info := range r.roles.all() {
		if _, delegated := r.delegated(role); !delegated && !r.isBin(role) && !rstuf.IsTopLevelRole(role) {
			continue // it was removed
		}
		if info.expires.Before(end) || info.expires.Equal(end) && role < name {
			end, name = info.expires, role
		}
	}
	return end, name
}

// serveOperators answers what those ask who run the service: /healthz, /readyz,
// /metrics and /fsck. It returns false for all other paths.
func (s *Service) serveOperators(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	switch r.URL.Path {
	case "/healthz":
		writeText(w, http.StatusOK, "ok\n")
	case "/readyz":
		s.serveReady(w, r)
	case "/metrics":
		refused := s.origin.check(r)
		if refused == nil {
			_, refused = s.allow(w, r, "/metrics")
		}
		if refused != nil {
			writeJSON(w, refused.status, refused.body)
		} else {
			writeText(w, http.StatusOK, s.metricsText())
		}
	case "/fsck":
		s.serveCheck(w, r)
	default:
		w.Header().Del("Cache-Control")
		return false
	}
	return true
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text) // an error means that the client is gone
}

// serveReady tells whether requests are published at the moment. Why they are
// not names files and keys: that is for those with a token, and for the log.
func (s *Service) serveReady(w http.ResponseWriter, r *http.Request) {
	paused := s.Status().Paused
	select {
	case <-s.draining:
		writeText(w, http.StatusServiceUnavailable, errClosing.Error()+"\n")
		return
	default:
	}
	if paused == nil {
		writeText(w, http.StatusOK, "ready\n")
		return
	}
	reason := "publishing is paused: the log says why"
	if token := s.access.find(r); token != nil && token.allows(http.MethodGet, "/readyz") {
		reason = "publishing is paused: " + paused.Error()
	}
	writeText(w, http.StatusServiceUnavailable, reason+"\n")
}

// metricsText is the metrics in the text form of Prometheus.
func (s *Service) metricsText() string {
	st := s.Status()
	var b strings.Builder
	metric := func(name, kind, help string, samples ...string) {
		fmt.Fprintf(&b, "# HELP rstuf_%s %s\n# TYPE rstuf_%s %s\n", name, help, name, kind)
		for _, sample := range samples {
			fmt.Fprintf(&b, "rstuf_%s%s\n", name, sample)
		}
	}
	value := func(v any) string { return fmt.Sprintf(" %v", v) }
	bit := map[bool]int{true: 1}
	m := &s.metrics
	metric("bootstrapped", "gauge", "1 once the repository exists.", value(bit[st.Bootstrap]))
	metric("paused", "gauge", "1 while nothing can be published; see the log.", value(bit[st.Paused != nil]))
	metric("waiting_requests", "gauge", "Requests that were accepted and have not ended.", value(st.Waiting))
	metric("waiting_bytes", "gauge", "Size of those requests.", value(st.Bytes))
	metric("publications_total", "counter", "Publications since the start.", value(m.publications.Load()))
	metric("publish_failures_total", "counter", "Attempts to publish that failed.", value(m.failures.Load()))
	metric("metadata_files_written_total", "counter", "Metadata files written since the start.", value(m.files.Load()))
	metric("last_publication_seconds", "gauge", "Unix time of the last publication.", value(m.lastPublish.Load()))
	m.mu.Lock()
	defer m.mu.Unlock()
	metric("tasks_total", "counter", "Tasks that ended, by state.", samples("state", m.tasks)...)
	metric("http_requests_total", "counter", "Requests to the API, by status.", samples("status", m.requests)...)
	if st.Bootstrap {
		metric("first_expiry_seconds", "gauge", "Unix time at which the first role expires.", fmt.Sprintf("{role=%q} %d", st.Expiring, st.Expires.Unix()))
	}
	return b.String()
}

func samples[K cmp.Ordered](label string, counts map[K]int64) []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("{%s=\"%v\"} %d", label, key, counts[key]))
	}
	return list
}
