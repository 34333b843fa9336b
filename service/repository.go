package service

import (
	"maps"
	"slices"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// trustedRoot is a root whose content is read once: each publication needs it.
type trustedRoot struct {
	*metadata.Document
	view func() (*metadata.Root, error)
}

func trusted(doc *metadata.Document) *trustedRoot {
	return &trustedRoot{doc, sync.OnceValues(doc.Root)}
}

// Root is the root's content, which nobody changes.
func (r *trustedRoot) Root() (*metadata.Root, error) { return r.view() }

// document is nil before the first root.
func (r *trustedRoot) document() *metadata.Document {
	if r == nil {
		return nil
	}
	return r.Document
}

// repository is what is published and what is set. A publication makes the
// next one; nobody changes one that is in use.
type repository struct {
	state state
	// root is the current root; nil before the first.
	root *trustedRoot
	// timestamp is the file timestamp.json as it must be.
	timestamp []byte
	// snapshot is the published snapshot, from which the next one is made; nil
	// before bootstrap, and while a damaged one is repaired.
	snapshot *metadata.Document
	// targets is the published top-level targets role; nil before bootstrap.
	targets     *metadata.Document
	delegations *metadata.Delegations
	// roles is what is published, without root. Roles that were removed stay:
	// a client that saw a role in a snapshot refuses one without it.
	roles *roleTable
	// skips is how often versions have skipped one, and committedSkips how often
	// at the last publication; see ledger.
	skips, committedSkips int64
	// clean tells that the service has ended with nothing under way; it is read at
	// the start alone.
	clean bool
	// adopting tells that an adoption has begun and is not known to have ended.
	adopting bool
	// signing holds the documents that wait for signatures.
	signing map[string]*metadata.Document
}

// clone is a copy to work on.
func (r *repository) clone() *repository {
	next := *r
	next.state.Expiration = maps.Clone(r.state.Expiration)
	next.state.UsedNames = maps.Clone(r.state.UsedNames)
	next.state.Signed = maps.Clone(r.state.Signed)
	next.signing = maps.Clone(r.signing)
	return &next
}

// bootstrapped tells whether the repository exists.
func (r *repository) bootstrapped() bool { return r.state.Bootstrap == wire.BootstrapFinished }

// expires is when a version of a role that is made now ends.
func (r *repository) expires(role string, now time.Time) time.Time {
	days := r.state.Expiration[role]
	if days == 0 && r.isBin(role) {
		days = r.state.Expiration[rstuf.RoleBins]
	}
	return now.UTC().AddDate(0, 0, days).Truncate(time.Second)
}

func (r *repository) isBin(role string) bool {
	return r.state.Bins > 0 && !rules.IsTopLevelRole(role)
}

// delegated finds a delegated role that is not a bin.
func (r *repository) delegated(name string) (rstuf.DelegatedRole, bool) {
	if r.delegations != nil {
		for _, role := range r.delegations.Roles {
			if role.Name == name {
				return role, true
			}
		}
	}
	return rstuf.DelegatedRole{}, false
}

// online tells whether the online key signs a role.
func (r *repository) online(role string, onlineID string) bool {
	if rules.IsTopLevelRole(role) {
		return role != rstuf.RoleRoot
	}
	if r.state.Bins > 0 {
		return true
	}
	d, ok := r.delegated(role)
	return ok && slices.Contains(d.KeyIDs, onlineID)
}
