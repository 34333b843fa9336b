package metadata

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
)

// ErrUnknownKey is the error of a role that names a key which is neither given
// nor known.
var ErrUnknownKey = errors.New("the key is not known: send it along")

// Clone returns a copy: changes of its roles and keys leave d as it is.
func (d *Delegations) Clone() *Delegations {
	next := *d
	next.Keys = maps.Clone(d.Keys)
	next.Roles = slices.Clone(d.Roles)
	return &next
}

// Put adds a named role at the end, or replaces the one with the same name.
// The role's keys are among the given ones, which may hold others too, or are
// known already, as keys of other roles. A role without key ids, as payloads
// have them, gets the online key of the root, under the id that the root gives
// it. Nothing is changed if the role breaks a rule; they are those of
// [CheckDelegations].
func (d *Delegations) Put(role rstuf.DelegatedRole, given map[string]rstuf.Key, root *Root) error {
	if d.Succinct != nil {
		return errors.New("hash bins and named roles cannot be mixed")
	}
	online, err := OnlineKey(root)
	if err != nil {
		return err
	}
	if err := checkRole(role, given, d.Keys, online); err != nil {
		return err
	}
	if len(role.PathHashPrefixes) == 0 {
		role.PathHashPrefixes = nil // a list without items would stand in the document
	}
	if role.Online() {
		id := root.Roles[rstuf.RoleTimestamp].KeyIDs[0]
		role.KeyIDs = []string{id}
		given = map[string]rstuf.Key{id: root.Keys[id]}
	}
	if d.Keys == nil {
		d.Keys = map[string]rstuf.Key{}
	}
	for _, id := range role.KeyIDs {
		if key, ok := given[id]; ok {
			d.Keys[id] = key
		}
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

// CheckDelegations checks the custom roles of a payload or request against what
// RSTUF makes of them: names, paths or path_hash_prefixes, ids that fit their
// keys, thresholds that distinct keys can reach, and the online key of the root
// nowhere by name, since roles without keys are its own. Keys that are known
// already, those of delegations that stand, need not be given; a key that is
// neither is [ErrUnknownKey], said after all else. Nobody signs these settings,
// so that whoever carries them could have changed them.
func CheckDelegations(d *rstuf.Delegations, known map[string]rstuf.Key, root *Root) error {
	if d == nil {
		return errors.New("there are no delegations: they are nil")
	}
	online, err := OnlineKey(root)
	if err != nil {
		return err
	}
	var unknown error
	for _, role := range d.Roles {
		err := checkRole(role, d.Keys, known, online)
		if errors.Is(err, ErrUnknownKey) {
			unknown = cmp.Or(unknown, err)
		} else if err != nil {
			return err
		}
	}
	return unknown
}

// checkRole checks a role whose keys are given or known.
func checkRole(role rstuf.DelegatedRole, given, known map[string]rstuf.Key, online keys.Public) error {
	if !rules.IsDelegatedRoleName(role.Name) {
		return fmt.Errorf("the role name %q is not allowed: use letters, digits, - and _", quote.Cut(role.Name, maxShown))
	}
	if len(role.Paths)+len(role.PathHashPrefixes) == 0 {
		return fmt.Errorf("the role %s has no paths", role.Name)
	}
	if role.Paths != nil && len(role.PathHashPrefixes) > 0 {
		return fmt.Errorf("the role %s has paths and path_hash_prefixes, and only one of the two is possible", role.Name)
	}
	if role.Online() {
		if role.Threshold != 1 {
			return fmt.Errorf("the role %s: a threshold of %d, but the online key signs alone", role.Name, role.Threshold)
		}
		return nil
	}
	if err := checkRoleKeys(role, given, known, online); err != nil {
		return fmt.Errorf("the role %s: %w", role.Name, err)
	}
	return nil
}

// checkRoleKeys checks the keys that a role names, and its threshold.
func checkRoleKeys(role rstuf.DelegatedRole, given, known map[string]rstuf.Key, online keys.Public) error {
	distinct := map[string]bool{}
	var unknown error
	for _, id := range role.KeyIDs {
		object, isGiven := given[id]
		if !isGiven {
			var ok bool
			if object, ok = known[id]; !ok {
				unknown = cmp.Or(unknown, fmt.Errorf("key %s: %w", KeyRef{KeyID: id}, ErrUnknownKey))
				distinct[id] = true
				continue
			}
		}
		key, err := keys.FromKey(object)
		switch {
		case err != nil:
			return atField(id, err)
		case isGiven && !key.HasID(id):
			return atField(id, fmt.Errorf("the id does not fit the key %s", key))
		case key.Same(online):
			return fmt.Errorf("%s is the online key: leave the keys out to have it sign", key)
		}
		distinct[key.Identity()] = true
	}
	if role.Threshold < 1 || role.Threshold > len(distinct) {
		return fmt.Errorf("a threshold of %d and %d usable keys", role.Threshold, len(distinct))
	}
	return unknown
}

// ReplaceOnlineKey puts the online key of the next root in the place of that of
// the root before, in all roles that the old one signs, and returns their names,
// hash bins too. It refuses a new online key that is the own key of another
// role, whose people would then no longer be asked; nothing is changed then.
func (d *Delegations) ReplaceOnlineKey(old, next *Root) ([]string, error) {
	before, err := OnlineKey(old)
	if err != nil {
		return nil, err
	}
	after, err := OnlineKey(next)
	if err != nil {
		return nil, err
	}
	id := next.Roles[rstuf.RoleTimestamp].KeyIDs[0]
	has := func(ids []string, key keys.Public) bool {
		return slices.ContainsFunc(ids, func(id string) bool {
			known, err := keys.FromKey(d.Keys[id])
			return err == nil && known.Same(key)
		})
	}
	if d.Succinct != nil {
		if !has(d.Succinct.KeyIDs, before) {
			return nil, nil
		}
		bins, err := d.Succinct.Bins()
		if err != nil {
			return nil, err
		}
		succinct := *d.Succinct
		succinct.KeyIDs = []string{id}
		d.Succinct, d.Keys = &succinct, map[string]rstuf.Key{id: next.Keys[id]}
		return slices.Collect(bins.Names()), nil
	}
	changed := d.Clone()
	var names, unused []string
	for i, role := range d.Roles {
		switch {
		case has(role.KeyIDs, before):
			unused = append(unused, role.KeyIDs...)
			changed.Roles[i].KeyIDs = []string{id}
			changed.Keys[id] = next.Keys[id]
			names = append(names, role.Name)
		case has(role.KeyIDs, after):
			return nil, fmt.Errorf("the new online key %s is a key of the role %s, which people sign", after, role.Name)
		}
	}
	changed.dropUnused(unused)
	*d = *changed
	return names, nil
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
