package metadata

import (
	"errors"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
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
	if len(role.PathHashPrefixes) == 0 {
		role.PathHashPrefixes = nil // a list without items would stand in the document
	}
	if role.Online() {
		role.KeyIDs = []string{online.ID()}
		known = map[string]rstuf.Key{online.ID(): online.Key()}
	}
	if err := checkRole(role, known); err != nil {
		return err
	}
	if d.Keys == nil {
		d.Keys = map[string]rstuf.Key{}
	}
	for _, id := range role.KeyIDs {
		d.Keys[id] = known[id]
	}
	i := d.index(role.Name)
	if i < 0 {
		d.Roles = append(d.Roles, role)
		return nil
	}
	before := d.Roles[i].KeyIDs
	d.Roles[i] = role
	d.dropUnused(before)
	return nil
}

// checkRole checks a role whose keys are among the known ones.
func checkRole(role rstuf.DelegatedRole, known map[string]rstuf.Key) error {
	if !rstuf.IsDelegatedRoleName(role.Name) {
		return fmt.Errorf("the role name %q is not allowed: use letters, digits, - and _", quote.Cut(role.Name, maxShown))
	}
	if len(role.Paths)+len(role.PathHashPrefixes) == 0 {
		return fmt.Errorf("the role %s has no paths", role.Name)
	}
	if role.Paths != nil && len(role.PathHashPrefixes) > 0 {
		return fmt.Errorf("the role %s has paths and path_hash_prefixes, and only one of the two is possible", role.Name)
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
	return nil
}

// CheckDelegations checks the custom roles of a payload or request, whose keys
// are all given, against what RSTUF makes of them: ids that fit their keys,
// thresholds that distinct keys can reach, and the online key nowhere by name,
// since roles without keys are its own. Nobody signs these settings, so that
// whoever carries them could have changed them.
func CheckDelegations(d *rstuf.Delegations, online keys.Public) error {
	for _, role := range d.Roles {
		if role.Online() {
			continue
		}
		if err := checkRole(role, d.Keys); err != nil {
			return err
		}
		for _, id := range role.KeyIDs {
			if key, err := keys.FromKey(d.Keys[id]); err == nil && Identity(key) == Identity(online) {
				return fmt.Errorf("the role %s: %s is the online key: leave the keys out to have it sign", role.Name, key)
			}
		}
	}
	return nil
}

// Remove removes a named role, and the keys that no other role has.
func (d *Delegations) Remove(name string) error {
	i := d.index(name)
	if i < 0 {
		return fmt.Errorf("there is no delegated role %q", name)
	}
	before := d.Roles[i].KeyIDs
	d.Roles = slices.Delete(d.Roles, i, i+1)
	d.dropUnused(before)
	return nil
}

func (d *Delegations) index(name string) int {
	return slices.IndexFunc(d.Roles, func(r rstuf.DelegatedRole) bool { return r.Name == name })
}

// dropUnused removes those of the keys that no role names any more.
func (d *Delegations) dropUnused(ids []string) {
	for _, id := range ids {
		if !slices.ContainsFunc(d.Roles, func(r rstuf.DelegatedRole) bool { return slices.Contains(r.KeyIDs, id) }) {
			delete(d.Keys, id)
		}
	}
}
