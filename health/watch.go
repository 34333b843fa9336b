package health

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/wire"
)

// Watch looks at a repository again and again, and yields what happened from one
// look to the next until ctx ends; a loop that is left ends it too. The first look
// yields all that is not as it should be. Between two looks is the time every, a
// minute if it is 0.
func Watch(ctx context.Context, every time.Duration, examine func(context.Context) *Report) iter.Seq[event.Event] {
	setDefault(&every, time.Minute)
	return func(yield func(event.Event) bool) {
		timer := time.NewTimer(0)
		defer timer.Stop()
		for w := (Watcher{}); ; {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			report := examine(ctx)
			if ctx.Err() != nil {
				return // what it could not see is no event
			}
			for _, e := range w.Next(report) {
				if !yield(e) {
					return
				}
			}
			timer.Reset(every)
		}
	}
}

// Watcher finds out what happened from one report to the next. What a report could
// not see has neither begun nor ended. The zero value has seen nothing.
type Watcher struct {
	bootstrap string
	root      int64
	waiting   []awaited
	problems  map[problem]Finding
	order     []problem // of problems, as they came
}

// Next is what happened since the report before.
func (w *Watcher) Next(r *Report) []event.Event {
	return slices.Concat(w.created(r), w.rootChanged(r), w.signatures(r), w.findings(r))
}

func (w *Watcher) created(r *Report) (list []event.Event) {
	if r.API == "" || r.unseen(whatBootstrap) {
		return nil
	}
	state := r.Bootstrap
	if state == "" {
		state = bootstrapNone
	}
	if state == wire.BootstrapFinished && w.bootstrap != "" && w.bootstrap != state {
		list = append(list, event.Of(event.RepositoryCreated, r.At, ""))
	}
	w.bootstrap = state
	return list
}

func (w *Watcher) rootChanged(r *Report) (list []event.Event) {
	role := r.role(rstuf.RoleRoot)
	if role == nil || role.Version <= w.root {
		return nil
	}
	if w.root > 0 {
		list = append(list, event.OfRole(event.RootChanged, r.At, role.Name, role.Version, role.Expires))
	}
	w.root = role.Version
	return list
}

// findings compares the findings. What waits for signatures is told by itself.
func (w *Watcher) findings(r *Report) (list []event.Event) {
	if w.problems == nil {
		w.problems = map[problem]Finding{}
	}
	now := map[problem]bool{}
	for _, f := range r.Findings {
		p := problemOf(f)
		now[p] = true
		if _, known := w.problems[p]; known || f.Code == pendingWaits {
			continue
		}
		w.problems[p] = f
		w.order = append(w.order, p)
		list = append(list, r.event(f, true))
	}
	w.order = slices.DeleteFunc(w.order, func(p problem) bool {
		if now[p] || r.hides(p) {
			return false
		}
		if f := w.problems[p]; f.Code != roleSoon || !now[problem{code: roleExpired, role: f.Role}] {
			list = append(list, r.event(f, false))
		}
		delete(w.problems, p)
		return true
	})
	return list
}

// problem tells findings apart: their texts change each day.
type problem struct{ code, role, key, what string }

func problemOf(f Finding) problem {
	p := problem{code: f.Code, role: f.Role}
	if f.Key != nil {
		p.key = f.Key.KeyID
	}
	if f.Code == apiUnread {
		p.what = f.What
	}
	return p
}

// event is that a finding is there, or is not any more.
func (r *Report) event(f Finding, found bool) event.Event {
	kind := event.ProblemGone
	switch {
	case f.Code == roleSoon && found:
		kind = event.RoleEnding
	case f.Code == roleExpired && found:
		kind = event.RoleExpired
	case f.Code == roleSoon, f.Code == roleExpired:
		kind = event.RoleRenewed
	case found:
		kind = event.ProblemFound
	}
	e := event.Of(kind, r.At, "")
	if role := r.role(f.Role); role != nil && kind.OfRole() {
		e = event.OfRole(kind, r.At, role.Name, role.Version, role.Expires)
	}
	e.Role, e.Code, e.Severity = f.Role, f.Code, string(f.Severity)
	if found {
		e.Do = f.Do
	}
	if !kind.OfRole() {
		e.Text += ": " + f.Subject() + ": " + quote.Line(f.Text)
	}
	return e
}

// hides tells whether a report can't tell that a problem is gone.
func (r *Report) hides(p problem) bool {
	area, _, _ := strings.Cut(p.code, ".")
	switch {
	case p.code == metadataUnread || p.code == metadataSkipped || p.code == rootUnpinned:
		return false
	case p.code == apiUnread:
		return r.unseen(p.what)
	case area == "bootstrap":
		return r.unseen(whatBootstrap)
	case area == "pending":
		return r.unseen(whatPending)
	case r.blind(), r.unseen(whatSettings) && (r.Metadata == "" || p.code == rootDiffers):
		return true
	}
	return p.code != roleUnread && slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return f.Code == roleUnread && (p.role == "" || p.role == f.Role)
	})
}

// blind tells whether a report could not see the roles in the metadata files.
func (r *Report) blind() bool { return r.found(metadataUnread) || r.unseen(whatBelowRoot) }

func (r *Report) found(code string) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == code })
}

func (r *Report) unseen(what string) bool {
	return slices.ContainsFunc(r.NotSeen, func(n NotSeen) bool { return n.What == what })
}

// role is what a report says of a role; nil if it says nothing.
func (r *Report) role(name string) *Role {
	i := slices.IndexFunc(r.Roles, func(role Role) bool { return role.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Roles[i]
}
