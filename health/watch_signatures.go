package health

import (
	"slices"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// awaited is a version that waited for signatures at a look before.
type awaited struct {
	Pending
	missed int // looks that did not find it
}

// signatures compares what waits for signatures.
func (w *Watcher) signatures(r *Report) (list []event.Event) {
	if r.API == "" || r.unseen(whatPending) || r.unseen(whatBootstrap) {
		return nil
	}
	var still []awaited
	for _, a := range w.waiting {
		if a.among(r.Pending) >= 0 {
			continue // it follows
		}
		if e, ended := a.ended(r); ended {
			list = append(list, e)
		} else {
			a.missed++
			still = append(still, a)
		}
	}
	for _, now := range r.Pending {
		still = append(still, awaited{Pending: now})
		kind, signed := event.SignaturesWait, signers(now.Status)
		i := slices.IndexFunc(w.waiting, func(a awaited) bool { return a.Role == now.Role && a.Version == now.Version })
		if i >= 0 {
			if slices.Equal(signed, signers(w.waiting[i].Status)) {
				continue
			}
			kind = event.SignatureAdded
		}
		e := event.OfRole(kind, r.At, now.Role, now.Version, now.Expires)
		e.Signed = signed
		e.Text += ": " + quote.Line(now.Status.String())
		list = append(list, e)
	}
	w.waiting = still[max(0, len(still)-2*mostListed):]
	return list
}

func (a awaited) among(list []Pending) int {
	return slices.IndexFunc(list, func(p Pending) bool { return p.Role == a.Role && p.Version == a.Version })
}

// ended tells how the waiting has ended. Metadata files may come later than the
// API's answer, so that a version was not published is told at the second look.
func (a awaited) ended(r *Report) (event.Event, bool) {
	of := func(kind event.Kind) event.Event { return event.OfRole(kind, r.At, a.Role, a.Version, a.Expires) }
	role := r.role(a.Role)
	switch {
	case role != nil && role.Version >= a.Version:
		return of(event.SignaturesComplete), true
	case a.missed == 0, r.blind(), r.found(bootstrapRunning):
		return event.Event{}, false
	case role == nil && (r.Metadata == "" || r.UnlistedRoles > 0 || r.unseen(whatDelegated)) && !r.found(bootstrapNone):
		e := of(event.ProblemGone)
		e.Code = pendingWaits
		e.Text += ": it does not wait for signatures any more; whether it was published was not looked at"
		return e, true
	}
	return of(event.SignaturesStopped), true
}

func signers(s ceremony.Status) []metadata.KeyRef {
	if s.RootBefore != nil {
		return event.Signers(*s.RootBefore, s.Document)
	}
	return event.Signers(s.Document)
}
