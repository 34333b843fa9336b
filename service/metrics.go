package service

import (
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
