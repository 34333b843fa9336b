package service

import (
	"context"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
)

// bumpOnline signs online roles anew on request. Each pulls along what names
// it: targets and delegated roles the snapshot, the snapshot the timestamp.
// No roles at all mean every one.
func (p *publication) bumpOnline(ctx context.Context, body []byte) (outcome, error) {
	const failed = "Force new online metadata update failed"
	request, err := rstuf.Decode[rstuf.OnlineBump](body)
	if err != nil {
		return outcome{}, refuse(failed, "%v", err)
	}
	all := p.onlineRoles()
	roles := all
	if len(request.Roles) > 0 {
		roles = nil
		for _, role := range request.Roles {
			switch {
			case slices.Contains(all, role):
				roles = append(roles, role)
			case role == rstuf.RoleBins && p.old.state.Bins > 0:
				roles = append(roles, slices.DeleteFunc(slices.Clone(all), rules.IsTopLevelRole)...)
			default:
				return outcome{}, refuse(failed, "%s is not a role that the online key signs", role)
			}
		}
	}
	slices.Sort(roles)
	if err := p.bump(ctx, slices.Compact(roles)); err != nil {
		return outcome{}, err
	}
	return success(p.now, bumpOnline, "Force new online metadata update processed", &rstuf.TaskDetails{
		UpdatedRoles: request.Roles,
	}), nil
}

// onlineRoles are the published roles that the online key signs.
func (p *publication) onlineRoles() []string {
	id, err := onlineID(p.old.root)
	if err != nil {
		return nil
	}
	var list []string
	for role := range p.old.roles.all() {
		if p.old.online(role, id) {
			list = append(list, role)
		}
	}
	slices.Sort(list)
	return list
}

// due are the online roles that end before a time.
func (p *publication) due(before time.Time) []string {
	return slices.DeleteFunc(p.onlineRoles(), func(role string) bool { return p.old.roles.get(role).expires.After(before) })
}

// firstDue is when the first online role is to be signed anew, so long before its
// end; zero if there is none.
func (p *publication) firstDue(before time.Duration) (first time.Time) {
	for _, role := range p.onlineRoles() {
		if end := p.old.roles.get(role).expires; first.IsZero() || end.Before(first) {
			first = end
		}
	}
	if first.IsZero() {
		return first
	}
	return first.Add(-before)
}

// bump signs roles anew.
func (p *publication) bump(ctx context.Context, roles []string) error {
	var targets []string
	for _, role := range roles {
		if role == rstuf.RoleSnapshot || role == rstuf.RoleTimestamp {
			p.touch(role)
		} else {
			targets = append(targets, role)
		}
	}
	return each(ctx, targets, p.resign)
}
