package service

import (
	"maps"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// tellPublication tells what a publication that was committed has changed.
func (s *Service) tellPublication(p *publication) {
	if s.events.tell == nil {
		return
	}
	if p.next.bootstrapped() && !p.old.bootstrapped() {
		s.events.send(event.Of(event.RepositoryCreated, p.now, ""))
	} else if p.next.root != p.old.root && p.next.root != nil {
		s.events.send(event.OfRole(event.RootChanged, p.now, rstuf.RoleRoot, p.next.root.Version(), p.next.root.Expires()))
	}
	for _, role := range slices.Sorted(maps.Keys(p.old.signing)) {
		doc, still := p.old.signing[role], p.next.signing[role]
		if still != nil && still.Version() == doc.Version() {
			continue
		}
		kind := event.SignaturesStopped
		if version, _ := p.next.published(role); version >= doc.Version() {
			kind = event.SignaturesComplete
		}
		s.events.send(event.OfRole(kind, p.now, role, doc.Version(), doc.Expires()))
	}
	for _, role := range slices.Sorted(maps.Keys(p.next.signing)) {
		doc, before := p.next.signing[role], p.old.signing[role]
		if doc == before {
			continue
		}
		kind := event.SignaturesWait
		if before != nil && before.Version() == doc.Version() {
			kind = event.SignatureAdded
		}
		e := event.OfRole(kind, p.now, role, doc.Version(), doc.Expires())
		e.Signed = p.next.signedBy(role, doc)
		s.events.send(e)
	}
}

// published is the version of a role that is published and its end; 0 if none is.
func (r *repository) published(role string) (int64, time.Time) {
	switch {
	case !r.bootstrapped():
		return 0, time.Time{}
	case role == rstuf.RoleRoot:
		return r.root.Version(), r.root.Expires()
	}
	info := r.roles.get(role)
	return info.version, info.expires
}

// signedBy are those who have signed a document that waits.
func (r *repository) signedBy(role string, doc *metadata.Document) []metadata.KeyRef {
	by, err := r.signersOf(role, doc)
	if err != nil {
		return nil
	}
	verified := make([]metadata.Verification, len(by))
	for i, d := range by {
		verified[i] = d.Verify(doc)
	}
	return event.Signers(verified...)
}

// ends are the roles that are about to end or have ended, by their versions: what
// was told is not told again.
type ends map[string]ending

type ending struct {
	kind    event.Kind
	version int64
	expires time.Time
}

func (e ends) count() (ending, expired int) {
	for _, one := range e {
		if one.kind == event.RoleExpired {
			expired++
		} else {
			ending++
		}
	}
	return ending, expired
}

// ends looks for roles that people must sign soon, and for all that have expired.
// Of hash bins it gives the first, under the name of all.
func (r *repository) ends(now time.Time) ends {
	found := ends{}
	if !r.bootstrapped() {
		return found
	}
	look := func(role string, version int64, expires time.Time, people bool) {
		life := expires.Sub(expires.AddDate(0, 0, -r.state.Expiration[role]))
		switch left := expires.Sub(now); {
		case version == 0:
		case left <= 0:
			found[role] = ending{event.RoleExpired, version, expires}
		case people && event.Ending(left, life, event.Soon, event.SoonShare):
			found[role] = ending{event.RoleEnding, version, expires}
		}
	}
	look(rstuf.RoleRoot, r.root.Version(), r.root.Expires(), true)
	var first roleInfo // of the bins
	for role, info := range r.roles.all() {
		switch {
		case rules.IsTopLevelRole(role):
			look(role, info.version, info.expires, false)
		case r.isBin(role) && (first.version == 0 || info.expires.Before(first.expires)):
			first = info
		}
	}
	look(rstuf.RoleBins, first.version, first.expires, false)
	online, err := onlineID(r.root)
	if r.state.Bins > 0 || r.delegations == nil || err != nil {
		return found
	}
	for _, role := range r.delegations.Roles {
		info := r.roles.get(role.Name)
		look(role.Name, info.version, info.expires, !slices.Contains(role.KeyIDs, online))
	}
	return found
}

// tellEnds tells what is about to end, has ended at a time, or was renewed since
// the last look. The publisher alone calls it.
func (s *Service) tellEnds(now time.Time) {
	if s.events.tell == nil {
		return
	}
	found := s.repo.ends(now)
	for _, role := range slices.Sorted(maps.Keys(found)) {
		if e := found[role]; s.ends[role] != e {
			s.events.send(event.OfRole(e.kind, now, role, e.version, e.expires))
		}
	}
	for _, role := range slices.Sorted(maps.Keys(s.ends)) {
		if _, still := found[role]; still {
			continue
		}
		version, expires := s.repo.published(role)
		if role == rstuf.RoleBins || version > s.ends[role].version {
			s.events.send(event.OfRole(event.RoleRenewed, now, role, version, expires))
		}
	}
	s.ends = found
}
