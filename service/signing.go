package service

import (
	"context"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

const (
	updateFailed    = "Metadata Update Failed"
	signatureFailed = "Signature Failed"
)

// updateMetadata takes the next root. Signed by the thresholds of the old and
// the new root it takes effect; short of that it waits for signatures.
func (p *publication) updateMetadata(ctx context.Context, body []byte) (outcome, error) {
	request, err := rstuf.Decode[rstuf.MetadataUpdate](body)
	if err != nil {
		return outcome{}, refuse(updateFailed, "%v", err)
	}
	doc, err := metadata.Parse(request.Metadata[rstuf.RoleRoot])
	if err == nil {
		err = metadata.CheckRoot(doc, p.now)
	}
	if err != nil {
		return outcome{}, refuse(updateFailed, "%v", err)
	}
	if want := p.old.root.Version() + 1; doc.Version() != want {
		return outcome{}, refuse(updateFailed, "Failed to verify the trust: Expected root version %d instead got version %d", want, doc.Version())
	}
	by, err := metadata.RootSigners(p.old.root.document(), doc)
	if err != nil {
		return outcome{}, err
	}
	if len(doc.Signatures()) == 0 {
		return outcome{}, refuse(updateFailed, "Metadata requires at least one valid signature")
	}
	if err := doc.CheckSignatures(by...); err != nil {
		return outcome{}, refuse(updateFailed, "Failed to verify the trust: %v", err)
	}
	if len(by[0].Verify(doc).Signed) == 0 {
		// A stranger's root would stand in the way of the genuine one.
		return outcome{}, refuse(updateFailed, "Metadata requires at least one valid signature by a key of the current root")
	}
	details := &rstuf.TaskDetails{Role: rstuf.RoleRoot}
	done, err := p.takeRoot(ctx, doc, updateFailed)
	if err != nil {
		return outcome{}, err
	}
	if !done {
		if waits := p.old.signing[rstuf.RoleRoot]; waits != nil {
			return outcome{}, refuse(updateFailed, "Root v%d is pending signatures already: sign it, or stop its signing first", waits.Version())
		}
		p.park(rstuf.RoleRoot, doc)
		details.Update = fmt.Sprintf("Root v%d is pending signatures", doc.Version())
	}
	return success(p.now, updateMetadata, "Metadata Update Processed", details), nil
}

// takeRoot makes a root the current one if it has all the signatures it needs.
// A changed online key signs all online roles anew.
func (p *publication) takeRoot(ctx context.Context, doc *metadata.Document, message string) (bool, error) {
	_, _, err := metadata.VerifyNextRoot(p.old.root.document(), doc)
	if errors.Is(err, metadata.ErrThreshold) {
		return false, nil
	}
	if err != nil {
		return false, refuse(message, "Failed to verify the trust: %v", err)
	}
	delete(p.next.signing, rstuf.RoleRoot)
	before, beforeErr := p.keys.forRoot(ctx, p.old.root)
	p.next.root = trusted(doc)
	online, err := p.online(ctx)
	if err != nil {
		return false, refuse(message, "%v", err)
	}
	oldID, err := onlineID(p.old.root)
	if err != nil {
		return false, err
	}
	if online.id == oldID {
		return true, nil
	}
	if beforeErr == nil {
		p.signers = append(p.signers, before)
	} else {
		p.log.Warn("the old online key is not there: until clients have the new root they cannot update", "error", beforeErr)
	}
	return true, p.rotate(ctx, message)
}

func onlineID(doc *trustedRoot) (string, error) {
	root, err := doc.Root()
	if err != nil {
		return "", err
	}
	return root.Roles[rstuf.RoleTimestamp].KeyIDs[0], nil
}

// rotate puts the new online key in the place of the old one in all
// delegations and signs every online role with it.
func (p *publication) rotate(ctx context.Context, message string) error {
	old, err := p.old.root.Root()
	if err != nil {
		return err
	}
	next, err := p.next.root.Root()
	if err != nil {
		return err
	}
	delegations := p.old.delegations.Clone()
	roles, err := delegations.ReplaceOnlineKey(old, next)
	if err != nil {
		return refuse(message, "%v", err)
	}
	p.next.delegations = delegations
	return each(ctx, append(roles, rstuf.RoleTargets), p.resign)
}

// signMetadata adds a signature to a document that waits for it, and publishes
// the document once it has enough.
func (p *publication) signMetadata(ctx context.Context, body []byte) (outcome, error) {
	request, err := rstuf.Decode[rstuf.MetadataSign](body)
	if err != nil {
		return outcome{}, refuse(signatureFailed, "%v", err)
	}
	role := request.Role
	waits := p.old.signing[role]
	if waits == nil {
		return outcome{}, refuse(signatureFailed, "No signatures pending for %s", role)
	}
	doc, err := metadata.Parse(waits.Bytes()) // a copy
	if err != nil {
		return outcome{}, err
	}
	by, err := p.old.signersOf(role, doc)
	if err != nil {
		return outcome{}, err
	}
	if err := doc.AddSignatureFor(request.Signature, by...); err != nil {
		p.log.Warn("a signature was refused", "role", role, "error", err)
		return outcome{}, refuse(signatureFailed, "Invalid signature")
	}
	if err := doc.CheckExpiry(p.now); err != nil {
		return outcome{}, refuse(signatureFailed, "%v: stop its signing and make it anew", err)
	}
	details, err := p.signed(ctx, role, doc, by)
	if err != nil {
		return outcome{}, err
	}
	return success(p.now, signMetadata, "Signature Processed", details), nil
}

// signersOf says who may sign the document that waits for a role.
func (r *repository) signersOf(role string, doc *metadata.Document) ([]metadata.Delegation, error) {
	if role == rstuf.RoleRoot {
		return metadata.RootSigners(r.root.document(), doc)
	}
	targets := metadata.Targets{Delegations: r.delegations}
	d, err := targets.Delegation(role)
	return []metadata.Delegation{d}, err
}

// signed does what follows from a further signature.
func (p *publication) signed(ctx context.Context, role string, doc *metadata.Document, by []metadata.Delegation) (*rstuf.TaskDetails, error) {
	pending := &rstuf.TaskDetails{Update: fmt.Sprintf("%s v%d is pending signatures", role, doc.Version())}
	switch {
	case role != rstuf.RoleRoot:
		if !by[0].Verify(doc).OK() {
			p.park(role, doc)
			return pending, nil
		}
		delete(p.next.signing, role)
		return &rstuf.TaskDetails{Update: fmt.Sprintf("Role %s signing complete", role)}, p.putSigned(ctx, role, doc)
	case p.old.root == nil:
		if !by[0].Verify(doc).OK() {
			break
		}
		delete(p.next.signing, role)
		return &rstuf.TaskDetails{Bootstrap: "Bootstrap Finished"}, p.createRepository(ctx, doc, signatureFailed)
	default:
		done, err := p.takeRoot(ctx, doc, signatureFailed)
		if done || err != nil {
			return &rstuf.TaskDetails{Update: "Metadata update finished"}, err
		}
	}
	p.park(role, doc)
	pending.Update = fmt.Sprintf("Root v%d is pending signatures", doc.Version())
	return pending, nil
}

// deleteSign stops the signing of a role. What waited is dropped; without a
// repository the bootstrap is taken back.
func (p *publication) deleteSign(body []byte) (outcome, error) {
	request, err := rstuf.Decode[rstuf.MetadataSignDelete](body)
	if err != nil {
		return outcome{}, refuse("Signing could not be stopped", "%v", err)
	}
	role := request.Role
	if p.old.signing[role] == nil {
		return outcome{}, refuse(fmt.Sprintf("No signing process for %s.", role), "The %s role is not in a signing process.", role)
	}
	delete(p.next.signing, role)
	var details *rstuf.TaskDetails
	if role == rstuf.RoleRoot && !p.old.bootstrapped() {
		p.next.state = state{}
		details = &rstuf.TaskDetails{Bootstrap: "Bootstrap process has been stopped"}
	}
	return success(p.now, deleteSign, fmt.Sprintf("Deletion of %s metadata successful, signing process stopped", role), details), nil
}
