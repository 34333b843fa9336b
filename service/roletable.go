package service

import (
	"iter"
	"maps"
	"slices"
)

// roleTable is what is published of every role but root, in the order of their
// names. It is never changed: [roleTable.with] makes another one. That is what
// each publication does, so it must be cheap for 16,384 roles.
type roleTable struct {
	index map[string]int // by name, where the role stands
	names []string
	infos []roleInfo
}

// get returns what is published of a role; the zero value if nothing is.
func (t *roleTable) get(role string) roleInfo {
	if i, ok := t.index[role]; ok {
		return t.infos[i]
	}
	return roleInfo{}
}

// all yields the roles in order.
func (t *roleTable) all() iter.Seq2[string, roleInfo] {
	return func(yield func(string, roleInfo) bool) {
		for i, name := range t.names {
			if !yield(name, t.infos[i]) {
				return
			}
		}
	}
}

// with returns the table with some roles changed or added.
func (t *roleTable) with(changed map[string]roleInfo) *roleTable {
	next := &roleTable{index: t.index, names: t.names, infos: slices.Clone(t.infos)}
	var added []string
	for role, info := range changed {
		if i, ok := t.index[role]; ok {
			next.infos[i] = info
		} else {
			added = append(added, role)
		}
	}
	if len(added) == 0 {
		return next
	}
	all := maps.Collect(next.all())
	for _, role := range added {
		all[role] = changed[role]
	}
	return newRoleTable(all)
}

func newRoleTable(all map[string]roleInfo) *roleTable {
	t := &roleTable{index: make(map[string]int, len(all)), infos: make([]roleInfo, len(all))}
	for role := range all {
		t.names = append(t.names, role)
	}
	slices.Sort(t.names)
	for i, role := range t.names {
		t.index[role] = i
		t.infos[i] = all[role]
	}
	return t
}
