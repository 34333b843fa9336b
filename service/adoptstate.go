package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// What files do not tell: lives, names once used, documents that wait.

// Lives of roles that nobody tells, in days: those of a ceremony.
var defaultLives = map[string]int{
	rstuf.RoleRoot: 365, rstuf.RoleTargets: 365, rstuf.RoleSnapshot: 1, rstuf.RoleTimestamp: 1, rstuf.RoleBins: 1,
}

const defaultCustomLife = 365

// settle makes the service's state of what was found and of what the old service
// or the operator says.
func (a *adoption) settle() error {
	f := &a.found
	if err := a.checkSettings(); err != nil {
		return err
	}
	st := &a.state
	*st = state{
		Bootstrap: wire.BootstrapFinished, BootstrapID: a.s.queue.nextID().String(),
		UsedNames: map[string]bool{}, Signed: map[string]bool{rstuf.RoleRoot: true},
		FirstRoot: f.roots[0].Version(), Listed: f.listed,
	}
	if a.source.Settings != nil && a.source.Settings.Bootstrap != "" {
		st.BootstrapID = a.source.Settings.Bootstrap
	}
	for _, root := range f.roots {
		st.Roots = append(st.Roots, rootSum(root.Bytes()))
	}
	if f.delegations.Succinct != nil {
		bins, err := f.delegations.Succinct.Bins()
		if err != nil {
			return err
		}
		st.Bins = bins.Count()
	} else {
		st.Delegations = &rstuf.Delegations{Keys: f.delegations.Keys, Roles: f.delegations.Roles}
		a.useNames()
	}
	if err := a.settleLives(); err != nil {
		return err
	}
	return a.settleSigning()
}

// checkSettings compares the old service with its files: its own root tells
// whose settings these are. It may give every text in lower case.
func (a *adoption) checkSettings() error {
	if a.source.Settings == nil || a.source.Settings.TrustedRoot == nil {
		return nil
	}
	doc, err := metadata.Parse(a.source.Settings.TrustedRoot)
	if err != nil {
		a.note("the old service's own root can't be read, so whether its settings are this repository's was not looked at: %v", err)
		return nil
	}
	if !strings.EqualFold(string(doc.Canonical()), string(a.found.root().Canonical())) {
		return fmt.Errorf("the old service's root (version %d) is not the newest one of the files (version %d): it is another repository's, or still publishes", doc.Version(), a.found.root().Version())
	}
	return nil
}

// useNames notes all delegated roles that ever were, as far as that is known: a
// name is used once.
func (a *adoption) useNames() {
	used := a.state.UsedNames
	for _, role := range a.found.delegations.Roles {
		used[role.Name] = true
	}
	for role := range a.found.listed {
		used[role] = true
	}
	if a.source.Settings == nil {
		a.note("names of roles that were removed are known from the snapshots alone: without --adopt-api others that were used once can be used again")
		return
	}
	for _, settings := range []map[string]int{a.source.Settings.Expiration, a.source.Settings.Threshold} {
		for role := range settings {
			if !rules.IsTopLevelRole(role) && role != rstuf.RoleBins {
				used[role] = true
			}
		}
	}
}

// settleLives finds how long each role's next versions live.
func (a *adoption) settleLives() error {
	lives := map[string]int{}
	var byDefault []string
	take := func(role string, own, otherwise int) {
		days, told := a.toldLife(role)
		if !told && own > 0 {
			days, told = own, true
		}
		if !told {
			days = otherwise
			byDefault = append(byDefault, fmt.Sprintf("%s %d", role, days))
		}
		lives[role] = days
	}
	for _, role := range []string{rstuf.RoleRoot, rstuf.RoleTargets, rstuf.RoleSnapshot, rstuf.RoleTimestamp, rstuf.RoleBins} {
		if role != rstuf.RoleBins || a.state.Bins > 0 {
			take(role, 0, defaultLives[role])
		}
	}
	for _, role := range a.found.delegations.Roles {
		take(role.Name, role.ExpirePolicy, defaultCustomLife)
	}
	for role, days := range a.source.Expiration {
		if _, there := lives[role]; !there {
			return fmt.Errorf("a life is given for %s, and the repository has no such role", role)
		}
		if days < 1 || days > rules.MaxExpiration {
			return fmt.Errorf("the life of %s is %d days: give 1 to %d", role, days, rules.MaxExpiration)
		}
	}
	if len(byDefault) > 0 {
		a.note("nobody says how long these roles live, so these days are taken: %s", strings.Join(byDefault, ", "))
	}
	a.state.Expiration, a.done.Expiration = lives, maps.Clone(lives)
	return nil
}

// toldLife is the life that the operator or the old service gives a role.
func (a *adoption) toldLife(role string) (days int, told bool) {
	if days, told = a.source.Expiration[role]; told || a.source.Settings == nil {
		return days, told
	}
	for name, days := range a.source.Settings.Expiration {
		if strings.EqualFold(name, role) && days > 0 && days <= rules.MaxExpiration {
			return days, true
		}
	}
	return 0, false
}

// settleSigning takes over the documents that wait for signatures at the old
// service. What can't be signed here is left out, and said.
func (a *adoption) settleSigning() error {
	f := &a.found
	f.signing, f.anew = map[string]*metadata.Document{}, map[string]*metadata.Document{}
	for _, role := range f.delegations.Roles {
		if !a.isOnline(role) {
			a.state.Signed[role.Name] = true
		}
	}
	if a.source.Pending == nil {
		a.note("documents that wait for signatures are in no file: without --adopt-api they are to be made again")
		return nil
	}
	for _, role := range slices.Sorted(maps.Keys(a.source.Pending.Roles)) {
		doc, err := metadata.Parse(a.source.Pending.Roles[role])
		if err == nil {
			err = a.checkSigning(role, doc)
		}
		switch {
		case err != nil:
			a.note("what waits for signatures of %s is left out: %v", role, err)
		case role != rstuf.RoleRoot && doc.CheckExpiry(a.s.cfg.Now()) != nil:
			f.anew[role] = doc
		default:
			f.signing[role] = doc
		}
	}
	return nil
}

// isOnline tells whether the online key signs a delegated role.
func (a *adoption) isOnline(role rstuf.DelegatedRole) bool {
	root, err := a.found.root().Root()
	return err == nil && slices.Contains(role.KeyIDs, root.Roles[rstuf.RoleTimestamp].KeyIDs[0])
}

// checkSigning refuses what this service would not let wait.
func (a *adoption) checkSigning(role string, doc *metadata.Document) error {
	current := a.found.root()
	if role == rstuf.RoleRoot {
		by, err := metadata.RootSigners(current, doc)
		if err != nil {
			return err
		}
		if doc.Version() != current.Version()+1 {
			return fmt.Errorf("it is version %d, and version %d is next", doc.Version(), current.Version()+1)
		}
		if err := cmp.Or(metadata.CheckRoot(doc, a.s.cfg.Now()), doc.CheckSignatures(by...)); err != nil {
			return err
		}
		if len(by[0].Verify(doc).Signed) == 0 {
			return errors.New("no key of the current root has signed it")
		}
		return nil
	}
	i := slices.IndexFunc(a.found.delegations.Roles, func(r rstuf.DelegatedRole) bool { return r.Name == role })
	switch {
	case i < 0:
		return errors.New("nobody delegates to that role")
	case a.isOnline(a.found.delegations.Roles[i]):
		return errors.New("the online key signs that role")
	case doc.Type() != rstuf.RoleTargets:
		return fmt.Errorf("it is of type %s", doc.Type())
	case doc.Version() <= max(a.found.infos[role].version, a.found.listed[role]):
		return fmt.Errorf("its version %d is published already", doc.Version())
	}
	by, err := (&metadata.Targets{Delegations: a.found.delegations}).Delegation(role)
	if err != nil {
		return err
	}
	if _, err := doc.Targets(); err != nil {
		return err
	}
	return doc.CheckSignatures(by)
}

// parkAnew gives each role that waits for its first signatures a document to
// sign, and makes those again whose time is over.
func (a *adoption) parkAnew(ctx context.Context, p *publication) error {
	for role, old := range a.found.anew {
		doc, err := withTargets(p.targetsBody(role), old)
		if err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
		p.park(role, doc)
		a.note("the document of %s that waited for signatures had expired: it was made again and is to be signed from the start", role)
	}
	for _, role := range a.found.unsigned {
		if p.next.signing[role] != nil {
			continue
		}
		if err := p.firstVersion(ctx, role); err != nil {
			return err
		}
		if p.next.signing[role] != nil {
			a.note("%s has no signed version yet: an empty one waits for signatures, and artifacts that it was to have are to be added again", role)
		}
	}
	return nil
}
