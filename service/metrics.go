package service

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	tokens   map[string]int64
}

// countTokens begins to count the requests of tokens.
func (m *metrics) countTokens(tokens []Token) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens = map[string]int64{}
	for _, token := range tokens {
		m.tokens[token.Name] = 0
	}
}

// token counts a request with a token, and tells whether it was the first.
func (m *metrics) token(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens[name]++
	return m.tokens[name] == 1
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
	m, repo := s.metrics, s.current()
	metric("bootstrapped", "gauge", "1 once the repository exists.", value(bit[st.Bootstrap]))
	metric("paused", "gauge", "1 while nothing can be published; see the log.", value(bit[st.Paused != nil]))
	metric("leading", "gauge", "1 while this process publishes: of replicas one does.", value(bit[st.Leads]))
	metric("waiting_requests", "gauge", "Requests that were accepted and have not ended.", value(st.Waiting))
	metric("waiting_bytes", "gauge", "Size of those requests.", value(st.Bytes))
	metric("publications_total", "counter", "Publications since the start.", value(m.publications.Load()))
	metric("publish_failures_total", "counter", "Attempts to publish that failed.", value(m.failures.Load()))
	metric("metadata_files_written_total", "counter", "Metadata files written since the start.", value(m.files.Load()))
	metric("last_publication_seconds", "gauge", "Unix time of the last publication of this process.", value(m.lastPublish.Load()))
	metric("set_aside_requests", "gauge", "Requests that the process died of and that wait for somebody to decide; see rstuf fsck.", value(len(st.SetAside)))
	metric("pending_signatures", "gauge", "Documents that wait for signatures.", value(len(repo.signing)))
	metric("events_dropped_total", "counter", "Events that the program did not take fast enough.", value(s.events.droppedEvents()))
	if st.Bootstrap {
		ending, expired := repo.ends(s.cfg.Now()).count()
		metric("root_version", "gauge", "Version of the current root.", value(repo.root.Version()))
		metric("roles_ending", "gauge", "Roles that people must sign soon.", value(ending))
		metric("roles_expired", "gauge", "Roles that have expired; hash bins count as one.", value(expired))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	metric("token_requests_total", "counter", "Requests to the API that a token was let in with, since the start, by its name.", samples("token", m.tokens)...)
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
		list = append(list, fmt.Sprintf("{%s=%q} %d", label, fmt.Sprint(key), counts[key]))
	}
	return list
}
