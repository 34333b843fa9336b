package service

import (
	"context"
	"fmt"

	"example.org/rstuf"
)

const delegationProcessed = "Metadata Delegation Processed"

// changeDelegations adds or updates delegated roles, each for itself: one that
// cannot be changed does not keep the others from it.
func (p *publication) changeDelegations(ctx context.Context, body []byte, change func(context.Context, rstuf.DelegatedRole, map[string]rstuf.Key) error) (outcome, error) {
	request, err := rstuf.Decode[rstuf.DelegationsUpdate](body)
	if err != nil {
		return outcome{}, refuse("Metadata Delegation Failed", "%v", err)
	}
	if p.old.state.Bins > 0 {
		return outcome{}, &failure{"Delegations already using hash-bins, cannot add or update custom roles"}
	}
	details := &rstuf.TaskDetails{DelegatedRoles: rstuf.Names{}, FailedRoles: []rstuf.FailedRole{}}
	for _, role := range request.Delegations.Roles {
		before := p.next.delegations
		err := change(ctx, role, request.Delegations.Keys)
		if r, ok := err.(*refusal); ok {
			p.next.delegations = before
			details.FailedRoles = append(details.FailedRoles, rstuf.FailedRole{Role: role.Name, Reason: r.reason})
			continue
		}
		if err != nil {
			return outcome{}, err
		}
		details.DelegatedRoles = append(details.DelegatedRoles, role.Name)
	}
	return p.endDelegations(ctx, details)
}

// endDelegations publishes the changed delegations.
func (p *publication) endDelegations(ctx context.Context, details *rstuf.TaskDetails) (outcome, error) {
	if p.next.delegations != p.old.delegations {
		if err := p.resign(ctx, rstuf.RoleTargets); err != nil {
			return outcome{}, err
		}
	}
	return success(p.now, addDelegations, delegationProcessed, details), nil
}

// addDelegation adds a role, whose name must never have been used.
func (p *publication) addDelegation(ctx context.Context, role rstuf.DelegatedRole, given map[string]rstuf.Key) error {
	if p.next.state.used(role.Name) {
		return refuse(role.Name, "role already exists or name used in the past")
	}
	if err := p.delegate(ctx, role, given); err != nil {
		return refuse(role.Name, "%v", err)
	}
	return p.firstVersion(ctx, role.Name)
}

// updateDelegation replaces a role. Its next version, which has the life that
// the request gives it, is signed or put up for signatures. If the role's keys
// changed, clients cannot use it until the new ones have signed.
func (p *publication) updateDelegation(ctx context.Context, role rstuf.DelegatedRole, given map[string]rstuf.Key) error {
	if _, ok := p.next.delegated(role.Name); !ok {
		return refuse(role.Name, "role '%s' doesn't exist.", role.Name)
	}
	if err := p.delegate(ctx, role, given); err != nil {
		return refuse(role.Name, "%v", err)
	}
	online, err := p.isOnline(ctx, role.Name)
	if err != nil {
		return err
	}
	if online {
		delete(p.next.signing, role.Name)
		return p.resign(ctx, role.Name)
	}
	current := p.next.signing[role.Name]
	if current == nil {
		if current, err = p.read(ctx, role.Name); err != nil {
			return err
		}
	}
	doc, err := withTargets(p.targetsBody(role.Name), current)
	if err != nil {
		return fmt.Errorf("%s: %w", role.Name, err)
	}
	p.park(role.Name, doc)
	return nil
}

// deleteDelegations removes roles. Their last versions stay in the snapshot:
// clients refuse one that lost a role.
func (p *publication) deleteDelegations(ctx context.Context, body []byte) (outcome, error) {
	request, err := rstuf.Decode[rstuf.DelegationsDelete](body)
	if err != nil {
		return outcome{}, refuse("Metadata Delegation Failed", "%v", err)
	}
	if p.old.state.Bins > 0 {
		return outcome{}, &failure{"Delegations already using hash-bins, cannot delete custom roles"}
	}
	details := &rstuf.TaskDetails{DelegatedRoles: rstuf.Names{}, FailedRoles: []rstuf.FailedRole{}}
	for _, name := range request.Roles {
		if _, ok := p.next.delegated(name); !ok {
			details.FailedRoles = append(details.FailedRoles, rstuf.FailedRole{Role: name, Reason: fmt.Sprintf("Role '%s' does not exists", name)})
			continue
		}
		next := p.next.delegations.Clone()
		if err := next.Remove(name); err != nil {
			return outcome{}, err
		}
		p.next.delegations = next
		delete(p.next.signing, name)
		delete(p.next.state.Expiration, name)
		details.DelegatedRoles = append(details.DelegatedRoles, name)
	}
	return p.endDelegations(ctx, details)
}
