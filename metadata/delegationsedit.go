package metadata

import (
	"errors"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// Put adds a named role at the end, or replaces the one with the same name.
// The role's keys are taken from known, which may hold others too. A role
// without key ids, as payloads have them, gets the online key. Nothing is
// changed if the role breaks a rule.
func (d *Delegations) Put(role rstuf.DelegatedRole, known map[string]rstuf.Key, online keys.Public) error {
	if d.Succinct != nil {
		return errors.New("hash bins and named roles cannot be mixed")
	}
	if !rstuf.IsDelegatedRoleName(role.Name) {
		return fmt.Errorf("the role name %q is not allowed: use letters, digits, - and _", clip(role.Name))
	}
	if len(role.Paths)+len(role.PathHashPrefixes) == 0 {
		return fmt.Errorf("the role %s has no paths", role.Name)
	}
	if role.Online() {
		role.KeyIDs = []string{online.ID()}
		known = map[string]rstuf.Key{online.ID(): online.Key()}
	}
	distinct := Delegation{role.Name, known, role.KeyIDs, role.Threshold}.distinctKeys()
	if role.Threshold < 1 || role.Threshold > distinct {
		return fmt.Errorf("the role %s has a threshold of %d and %d usable keys", role.Name, role.Threshold, distinct)
	}
	for _, id := range role.KeyIDs {
		if _, ok := known[id]; !ok {
			return fmt.Errorf("the role %s: there is no key with the id %q", role.Name, id)
		}
		if err := checkKeyID(id, known[id]); err != nil {
			return fmt.Errorf("the role %s: %w", role.Name, err)
		}
	}
	if d.Keys == nil {
		d.Keys = map[string]rstuf.Key{}
	}
	for _, id := range role.KeyIDs {
		d.Keys[id] = known[id]
	}
	if i := d.index(role.Name); i >= 0 {
		d.Roles[i] = role
	} else {
		d.Roles = append(d.Roles, role)
	}
	d.dropUnused()
	return nil
}

// Remove removes a named role, and the keys that no other role has.
func (d *Delegations) Remove(name string) error {
	i := d.index(name)
	if i < 0 {
		return fmt.Errorf("there is no delegated role %q", name)
	}
	d.Roles = slices.Delete(d.Roles, i, i+1)
	d.dropUnused()
	return nil
}

func (d *Delegations) index(name string) int {
	return slices.IndexFunc(d.Roles, func(r rstuf.DelegatedRole) bool { return r.Name == name })
}

func (d *Delegations) dropUnused() {
	for id := range d.Keys {
		if !slices.ContainsFunc(d.Roles, func(r rstuf.DelegatedRole) bool { return slices.Contains(r.KeyIDs, id) }) {
			delete(d.Keys, id)
		}
	}
}
