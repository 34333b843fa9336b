package metadata

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
)

// Delegations are the roles that a targets role delegates to, either named
// roles or hash bins, and their keys.
type Delegations struct {
	// Keys by key id.
	Keys map[string]rstuf.Key
	// Roles in order of priority. In published metadata a role of the online
	// key names it.
	Roles []rstuf.DelegatedRole
	// Succinct is set in place of Roles where there are hash bins.
	Succinct *SuccinctRoles
	Extra    map[string]json.RawMessage
}

// SuccinctRoles describes hash bins (TUF specification, "succinct_roles", from
// TAP 15).
type SuccinctRoles struct {
	KeyIDs     []string
	Threshold  int
	BitLength  int    // 1 to 32; there are two to the power of it bins
	NamePrefix string // what their names begin with
	Extra      map[string]json.RawMessage
}

const (
	fieldExpirePolicy = "x-rstuf-expire-policy"
	fieldPaths        = "paths"
	fieldHashPrefixes = "path_hash_prefixes"
)

func readDelegations(raw []byte) (*Delegations, error) {
	r := readObject(raw)
	d := &Delegations{Keys: r.keys()}
	roles, hasRoles := r.optional("roles")
	succinct, hasSuccinct := r.optional("succinct_roles")
	if r.err != nil {
		return nil, r.err
	}
	var err error
	switch {
	case hasRoles == hasSuccinct:
		return nil, errors.New("there must be either roles or succinct_roles")
	case hasRoles:
		if d.Roles, err = readRoles(roles); err != nil {
			return nil, atField("roles", err)
		}
	default:
		if d.Succinct, err = readSuccinct(succinct); err != nil {
			return nil, atField("succinct_roles", err)
		}
	}
	d.Extra = r.extra()
	return d, nil
}

func readRoles(raw []byte) ([]rstuf.DelegatedRole, error) {
	roles := []rstuf.DelegatedRole{}
	seen := map[string]bool{}
	err := readList(raw, func(_ int, raw []byte) error {
		role, err := readRole(raw)
		if err == nil && seen[role.Name] {
			err = fmt.Errorf("there are two roles with the name %q", quote.Cut(role.Name, maxShown))
		}
		seen[role.Name] = true
		roles = append(roles, role)
		return err
	})
	return roles, err
}

func readRole(raw []byte) (role rstuf.DelegatedRole, err error) {
	r := readObject(raw)
	role.Name = r.string("name")
	role.KeyIDs = r.keyIDs()
	role.Threshold = r.count("threshold")
	role.Terminating = r.bool("terminating")
	if _, ok := r.rest[fieldPaths]; ok {
		role.Paths = r.strings(fieldPaths)
	}
	if _, ok := r.rest[fieldHashPrefixes]; ok {
		role.PathHashPrefixes = r.strings(fieldHashPrefixes)
	}
	if days, err := readInt(orNull(r.rest[fieldExpirePolicy]), 1); err == nil {
		role.ExpirePolicy = int(days)
		delete(r.rest, fieldExpirePolicy)
	}
	role.Extra = r.extra()
	if r.err != nil {
		return role, r.err
	}
	if err := readRoleName(role.Name); err != nil {
		return role, atField("name", err)
	}
	if rules.IsTopLevelRole(role.Name) {
		return role, atField("name", fmt.Errorf("%q is a top-level role", role.Name))
	}
	if (role.Paths == nil) == (role.PathHashPrefixes == nil) {
		return role, errors.New("there must be either paths or path_hash_prefixes")
	}
	return role, nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

func readSuccinct(raw []byte) (*SuccinctRoles, error) {
	r := readObject(raw)
	s := &SuccinctRoles{
		KeyIDs:     r.keyIDs(),
		Threshold:  r.count("threshold"),
		BitLength:  r.count("bit_length"),
		NamePrefix: r.string("name_prefix"),
	}
	s.Extra = r.extra()
	if r.err != nil {
		return nil, r.err
	}
	if _, err := s.Bins(); err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Delegations) write(w *writer) {
	all := newWriter(d.Extra)
	all.keys(d.Keys)
	if d.Succinct != nil {
		s := newWriter(d.Succinct.Extra)
		s.strings("keyids", d.Succinct.KeyIDs)
		s.integer("threshold", int64(d.Succinct.Threshold))
		s.integer("bit_length", int64(d.Succinct.BitLength))
		s.string("name_prefix", d.Succinct.NamePrefix)
		all.object("succinct_roles", s)
	}
	if d.Succinct == nil || d.Roles != nil {
		list := []byte{'['}
		var err error
		for i, role := range d.Roles {
			if i > 0 {
				list = append(list, ',')
			}
			if list, err = writeRole(role).append(list); err != nil {
				break
			}
		}
		all.raw("roles", append(list, ']'), err)
	}
	w.object("delegations", all)
}

func writeRole(role rstuf.DelegatedRole) *writer {
	w := newWriter(role.Extra)
	w.string("name", role.Name)
	w.strings("keyids", role.KeyIDs)
	w.integer("threshold", int64(role.Threshold))
	w.bool("terminating", role.Terminating)
	if role.Paths != nil {
		w.strings(fieldPaths, role.Paths)
	}
	if role.PathHashPrefixes != nil {
		w.strings(fieldHashPrefixes, role.PathHashPrefixes)
	}
	if role.ExpirePolicy != 0 {
		w.integer(fieldExpirePolicy, int64(role.ExpirePolicy))
	}
	return w
}

// role finds a role by its name.
func (d *Delegations) role(name string) (rstuf.DelegatedRole, bool) {
	if d.Succinct != nil {
		bins, err := d.Succinct.Bins()
		if err != nil || !bins.has(name) {
			return rstuf.DelegatedRole{}, false
		}
		return d.Succinct.role(name), true
	}
	i := d.index(name)
	if i < 0 {
		return rstuf.DelegatedRole{}, false
	}
	return d.Roles[i], true
}

// RolesFor yields the roles that may speak for a path, the one with the
// highest priority first, and ends with the first terminating one (TUF
// specification, section 5.6.7.2). Hash bins give exactly one. Whoever
// resolves a path visits a role's own delegations before the next role.
func (d *Delegations) RolesFor(path string) iter.Seq[rstuf.DelegatedRole] {
	return func(yield func(rstuf.DelegatedRole) bool) {
		if d.Succinct != nil {
			if bins, err := d.Succinct.Bins(); err == nil {
				yield(d.Succinct.role(bins.Bin(path)))
			}
			return
		}
		for _, role := range d.Roles {
			if !Covers(role, path) {
				continue
			}
			if !yield(role) || role.Terminating {
				return
			}
		}
	}
}
