package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap/firstgen"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// decodePayload reads a bootstrap payload of today's form or of the first
// generation's.
func decodePayload(body []byte) (*rstuf.BootstrapPayload, error) {
	if !firstgen.Is(body) {
		return rstuf.Decode[rstuf.BootstrapPayload](body)
	}
	old, err := firstgen.Decode(body)
	if err != nil {
		return nil, err
	}
	return old.Today(), nil
}

const bootstrapFailed = "Bootstrap Failed"

// bootstrap makes the repository, or waits for signatures of its root.
func (p *publication) bootstrap(ctx context.Context, w *waiting, body []byte) (outcome, error) {
	payload, err := decodePayload(body)
	if err != nil {
		return outcome{}, refuse(bootstrapFailed, "%v", err)
	}
	if p.old.state.Bootstrap != "" {
		return outcome{}, refuse(bootstrapFailed, "System already has a Metadata. State: %s", p.old.state.Bootstrap)
	}
	doc, err := metadata.Parse(payload.Root())
	if err != nil {
		return outcome{}, refuse(bootstrapFailed, "%v", err)
	}
	signed, err := metadata.CheckFirstRoot(doc, p.now)
	switch {
	case errors.Is(err, metadata.ErrUnsigned):
		return outcome{}, refuse(bootstrapFailed, "Metadata requires at least one valid signature")
	case errors.Is(err, keys.ErrBadSignature), errors.Is(err, metadata.ErrNotSigner):
		return outcome{}, refuse(bootstrapFailed, "Bootstrap has invalid signature(s)")
	case err != nil:
		return outcome{}, refuse(bootstrapFailed, "%v", err)
	}
	p.next.state = newState(payload.Settings.Roles, w.id)
	details := &rstuf.TaskDetails{}
	if signed.OK() {
		if err := p.createRepository(ctx, doc, bootstrapFailed); err != nil {
			return outcome{}, err
		}
		details.Bootstrap = "Bootstrap finished " + w.id.String()
	} else {
		p.next.state.Bootstrap = wire.BootstrapSigning
		p.park(rstuf.RoleRoot, doc)
		details.Bootstrap = fmt.Sprintf("Root v%d is pending signature", doc.Version())
	}
	return success(p.now, w.kind, "Bootstrap Processed", details), nil
}

func newState(roles rstuf.RolesSettings, id taskID) state {
	st := state{
		BootstrapID: id.String(),
		Delegations: roles.Delegations,
		UsedNames:   map[string]bool{},
		Signed:      map[string]bool{rstuf.RoleRoot: true},
		Expiration: map[string]int{
			rstuf.RoleRoot: roles.Root.Expiration, rstuf.RoleTargets: roles.Targets.Expiration,
			rstuf.RoleSnapshot: roles.Snapshot.Expiration, rstuf.RoleTimestamp: roles.Timestamp.Expiration,
		},
	}
	if roles.Bins != nil {
		st.Bins = roles.Bins.NumberOfDelegatedBins
		st.Expiration[rstuf.RoleBins] = roles.Bins.Expiration
	}
	return st
}

// createRepository makes the first version of every role. What is wrong with
// the online key is the requester's to mend.
func (p *publication) createRepository(ctx context.Context, root *metadata.Document, message string) error {
	p.next.root = trusted(root)
	p.next.state.FirstRoot = root.Version()
	p.next.state.Bootstrap = wire.BootstrapFinished
	online, err := p.online(ctx)
	if err != nil {
		return refuse(message, "%v", err)
	}
	view, err := p.next.root.Root()
	if err != nil {
		return err
	}
	onlineKey := view.Keys[online.id]
	var first []string
	if p.next.state.Bins > 0 {
		bins, err := metadata.NewHashBins(p.next.state.Bins)
		if err != nil {
			return refuse(message, "%v", err)
		}
		p.next.delegations = &metadata.Delegations{
			Keys:     map[string]rstuf.Key{online.id: onlineKey},
			Succinct: bins.SuccinctRoles(online.id),
		}
		first = slices.Collect(bins.Names())
	} else {
		p.next.delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{}, Roles: []rstuf.DelegatedRole{}}
		custom := p.next.state.Delegations
		for _, role := range custom.Roles {
			if err := p.delegate(ctx, role, custom.Keys); err != nil {
				return refuse(message, "%v", err)
			}
			first = append(first, role.Name)
		}
	}
	if err := p.resign(ctx, rstuf.RoleTargets); err != nil {
		return err
	}
	return each(ctx, first, p.firstVersion)
}

// firstVersion publishes an empty role, or puts it up for signatures.
func (p *publication) firstVersion(ctx context.Context, role string) error {
	online, err := p.isOnline(ctx, role)
	if err != nil {
		return err
	}
	if online {
		return p.resign(ctx, role)
	}
	doc, err := withTargets(p.targetsBody(role), nil)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.park(role, doc)
	return nil
}

// delegate adds a role to the delegations, or replaces it, while the online key
// is there to sign them.
func (p *publication) delegate(ctx context.Context, role rstuf.DelegatedRole, given map[string]rstuf.Key) error {
	if _, err := p.online(ctx); err != nil {
		return err
	}
	root, err := p.next.root.Root()
	if err != nil {
		return err
	}
	next := p.next.delegations.Clone()
	if err := next.Put(role, given, root); err != nil {
		return err
	}
	p.next.delegations = next
	p.next.state.Expiration[role.Name] = role.ExpirePolicy
	p.next.state.UsedNames[role.Name] = true
	return nil
}
