package service

import (
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
)

// Status is how a service is doing.
type Status struct {
	// Bootstrap is true once the repository exists.
	Bootstrap bool
	// Waiting is how many requests have not ended, Bytes their size.
	Waiting int
	Bytes   int64
	// Paused is why nothing is published at the moment; nil if all is well.
	Paused error
	// Leads tells whether this is the service that publishes: of replicas one does.
	Leads bool
	// SetAside are the tasks of requests that the process died of: see [Decide].
	SetAside []string
	// Expires is when the first of root, targets, snapshot, timestamp and the
	// delegated roles ends, and Expiring which it is; zero before bootstrap.
	Expires  time.Time
	Expiring string
}

// Status tells how the service is doing.
func (s *Service) Status() Status {
	waiting, bytes := s.queue.size()
	var aside []string
	for _, w := range s.setAside() {
		aside = append(aside, w.id.String())
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Status{Bootstrap: s.repo.bootstrapped(), Waiting: waiting, Bytes: bytes, Paused: s.paused, Leads: true, SetAside: aside}
	if s.replica != nil {
		st.Leads, st.Paused = s.replica.leads(st.Paused)
	}
	if st.Paused == nil {
		st.Paused = s.failing()
	}
	if st.Paused == nil && s.replica != nil {
		st.Paused = s.replica.noted(&s.replica.seeErr)
	}
	if st.Bootstrap {
		st.Expires, st.Expiring = s.repo.firstEnd()
	}
	return st
}

// failing is why the store takes no commits, if it says so.
func (s *Service) failing() error {
	if store, ok := s.store.(Failing); ok {
		return store.Err()
	}
	return nil
}

// firstEnd is the role that ends first.
func (r *repository) firstEnd() (time.Time, string) {
	end, name := r.root.Expires(), rstuf.RoleRoot
	for role, info := range r.roles.all() {
		if _, delegated := r.delegated(role); !delegated && !r.isBin(role) && !rules.IsTopLevelRole(role) {
			continue // it was removed
		}
		if info.expires.Before(end) || info.expires.Equal(end) && role < name {
			end, name = info.expires, role
		}
	}
	return end, name
}
