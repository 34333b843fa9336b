package ceremony

import (
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// RoleChange is what to change about a deployment's custom roles.
type RoleChange struct {
	Add, Update []Role
	// Remove names roles. A deployment takes a removed name never again.
	Remove []string
	// AllowMLDSA is as in [Policy]. It is not asked for where a role has ML-DSA
	// keys already.
	AllowMLDSA bool
}

// RolePlan is a [RoleChange] as requests, and what it comes to. Requests that
// are not needed are nil.
type RolePlan struct {
	// Remove is the body of POST /delegations/delete, Update of PUT
	// /delegations/ and Add of POST /delegations/. Send them in this order.
	Remove *rstuf.DelegationsDelete `json:"remove,omitempty"`
	Update *rstuf.DelegationsUpdate `json:"update,omitempty"`
	Add    *rstuf.DelegationsUpdate `json:"add,omitempty"`
	// Changes are all differences of roles and keys. A key goes with the last
	// role that has it.
	Changes []Difference `json:"changes"`
}

// PlanRoles turns a change of custom roles into requests. Root and targets are
// those that are trusted today: the targets must be signed as the root says.
// Roles to add must be new, those to update and remove must exist; one error
// lists all that is wrong.
func PlanRoles(root, targets *metadata.Document, change RoleChange) (*RolePlan, error) {
	plan, err := planRoles(root, targets, change)
	if err != nil {
		return nil, fmt.Errorf("change delegations: %w", err)
	}
	return plan, nil
}

func planRoles(rootDocument, targetsDocument *metadata.Document, change RoleChange) (*RolePlan, error) {
	root, err := rootDocument.Root()
	if err != nil {
		return nil, fmt.Errorf("the root: %w", err)
	}
	delegation, err := root.Delegation(rstuf.RoleTargets)
	if err != nil {
		return nil, err
	}
	if err := delegation.Verify(targetsDocument).Err(); err != nil {
		return nil, fmt.Errorf("the targets, by root version %d: %w", root.Version, err)
	}
	online, err := metadata.OnlineKey(root)
	if err != nil {
		return nil, err
	}
	targets, err := targetsDocument.Targets()
	if err != nil {
		return nil, err
	}
	old := targets.Delegations
	if old == nil {
		old = &metadata.Delegations{}
	}
	if old.Succinct != nil {
		return nil, fmt.Errorf("the repository has hash bins, and no custom roles beside them")
	}
	var found problems
	checkRoles(&found, slices.Concat(change.Add, change.Update), online)
	change.checkNames(&found, old)
	for _, role := range slices.Concat(change.Add, change.Update) {
		checkNamed(&found, "delegation "+role.Name, role.Keys, change.AllowMLDSA || len(mldsaKeys(old.Keys)) > 0)
	}
	if err := found.err("roles"); err != nil {
		return nil, err
	}
	next := old.Clone()
	for _, name := range change.Remove {
		if err := next.Remove(name); err != nil {
			return nil, err
		}
	}
	wire := delegations(slices.Concat(change.Update, change.Add))
	for _, role := range wire.Roles {
		if err := next.Put(role, wire.Keys, root); err != nil {
			return nil, err
		}
	}
	plan := change.requests()
	plan.Changes = roleDifferences(old, next)
	if len(plan.Changes) == 0 {
		return nil, fmt.Errorf("it changes nothing")
	}
	return plan, nil
}

// checkNames wants names that exist, or do not, as each list needs it.
func (c RoleChange) checkNames(found *problems, old *metadata.Delegations) {
	exists := func(name string) bool {
		return slices.ContainsFunc(old.Roles, func(r rstuf.DelegatedRole) bool { return r.Name == name })
	}
	for _, role := range c.Add {
		if exists(role.Name) {
			found.add("add %q: the role exists", role.Name)
		}
	}
	for _, role := range c.Update {
		if !exists(role.Name) {
			found.add("update %q: there is no such role", role.Name)
		}
	}
	seen := map[string]bool{}
	for _, name := range c.Remove {
		switch {
		case !exists(name):
			found.add("remove %q: there is no such role", name)
		case seen[name]:
			found.add("remove %q: the name stands there twice", name)
		case slices.ContainsFunc(c.Update, func(r Role) bool { return r.Name == name }):
			found.add("remove %q: the role is also to be updated", name)
		}
		seen[name] = true
	}
}

func (c RoleChange) requests() *RolePlan {
	plan := &RolePlan{}
	if len(c.Add) > 0 {
		plan.Add = &rstuf.DelegationsUpdate{Delegations: *delegations(c.Add)}
	}
	if len(c.Update) > 0 {
		plan.Update = &rstuf.DelegationsUpdate{Delegations: *delegations(c.Update)}
	}
	if len(c.Remove) > 0 {
		plan.Remove = &rstuf.DelegationsDelete{Roles: slices.Clone(c.Remove)}
	}
	return plan
}

// roleDifferences are all changes of roles and keys.
func roleDifferences(old, next *metadata.Delegations) []Difference {
	var list differences
	before, after := describeRoles(old), describeRoles(next)
	for _, name := range sortedNames(before, after) {
		list.add("delegation", before[name], after[name])
	}
	for _, id := range sortedNames(old.Keys, next.Keys) {
		a, known := old.Keys[id]
		b, kept := next.Keys[id]
		switch {
		case known && kept:
			list.addKey(id, a, b)
		case known:
			list.add("key", describeKey(id, a), "")
		default:
			list.add("key", "", describeKey(id, b))
		}
	}
	return list
}

func describeRoles(d *metadata.Delegations) map[string]string {
	texts := map[string]string{}
	for _, role := range d.Roles {
		texts[role.Name] = describeRole(role, d.Keys)
	}
	return texts
}

// String is the plan as text, one change a line.
func (p *RolePlan) String() string {
	var b strings.Builder
	for _, change := range p.Changes {
		fmt.Fprintln(&b, change)
	}
	return b.String()
}
