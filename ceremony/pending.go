package ceremony

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// API is what [Pending] and [Draft.Send] need of an RSTUF deployment;
// client.Client has it.
type API interface {
	// Pending is empty if nothing waits (GET /metadata/sign).
	Pending(ctx context.Context) (rstuf.PendingMetadata, error)
	// SubmitSignature adds a signature to a pending role (POST
	// /metadata/sign).
	SubmitSignature(ctx context.Context, role string, signature rstuf.Signature) (taskID string, err error)
	// WaitTask returns once the task has ended, however it ended.
	WaitTask(ctx context.Context, id string, progress func(rstuf.Task)) (rstuf.Task, error)
}

// ErrNothingPending: the deployment does not wait for signatures of this role.
var ErrNothingPending = errors.New("the deployment does not wait for signatures of this role")

var errNoAPI = errors.New("there is no deployment to ask: the API is nil")

// Pending fetches the documents for whose signatures a deployment waits, as
// drafts in the order of their roles. Each must be pinned before it is signed.
// A document that can't be used is reported, and the others are returned with
// the error.
//
// Sign a draft and [Draft.Send] it. Across an air gap, [Draft.Save] it, have it
// loaded, pinned, reviewed, signed and saved elsewhere, and load and send what
// comes back.
func Pending(ctx context.Context, api API) ([]*Draft, error) {
	if api == nil {
		return nil, fmt.Errorf("pending signatures: %w", errNoAPI)
	}
	pending, err := api.Pending(ctx)
	if err != nil {
		return nil, fmt.Errorf("pending signatures: %w", err)
	}
	var drafts []*Draft
	var failed []error
	for _, role := range slices.Sorted(maps.Keys(pending.Roles)) {
		draft, err := pendingDraft(pending, role)
		if err != nil {
			failed = append(failed, fmt.Errorf("pending signatures: role %q: %w", role, err))
			continue
		}
		drafts = append(drafts, draft)
	}
	return drafts, errors.Join(failed...)
}

// pendingDraft is one role of a deployment's answer.
func pendingDraft(pending rstuf.PendingMetadata, role string) (*Draft, error) {
	document, err := metadata.Parse(pending.Roles[role])
	if err != nil {
		return nil, err
	}
	d := &Draft{role: role, document: document}
	var base json.RawMessage
	switch {
	case role != rstuf.RoleRoot:
		base = pending.TrustedTargets
	case document.Version() > 1:
		base = pending.TrustedRoot
	}
	if base != nil {
		if d.base, err = metadata.Parse(base); err != nil {
			return nil, fmt.Errorf("the trusted document beside it: %w", err)
		}
	}
	return d, d.check()
}

// Sent is what [Draft.Send] did.
type Sent struct {
	// Signatures are those that were sent, one task each.
	Signatures []metadata.KeyRef `json:"signatures"`
	// Complete tells that the deployment waits for no more signatures of the
	// role.
	Complete bool `json:"complete"`
	// Status is who has signed by now.
	Status Status `json:"status"`
}

// Send sends the signatures of the draft that the deployment does not have
// yet, one after another, and waits for each. Before, it compares the draft
// with the document that the deployment holds now ([ErrDifferentContent],
// [ErrNothingPending]) and checks each signature against the keys that the
// deployment trusts. It ends early once the deployment has enough.
func (d *Draft) Send(ctx context.Context, api API) (Sent, error) {
	sent := Sent{}
	switch {
	case d.empty():
		return sent, errEmptyDraft
	case api == nil:
		return sent, fmt.Errorf("send signatures of %s: %w", d, errNoAPI)
	}
	for {
		held, err := d.held(ctx, api)
		if errors.Is(err, ErrNothingPending) && len(sent.Signatures) > 0 {
			sent.Complete = true
			return sent, nil
		}
		if err != nil {
			return sent, fmt.Errorf("send signatures of %s: %w", d, err)
		}
		signature, found, err := d.unsent(held)
		sent.Status = held.Status()
		if slices.ContainsFunc(sent.Signatures, func(k metadata.KeyRef) bool { return found && k.KeyID == signature.KeyID }) {
			err = fmt.Errorf("the deployment took the signature by key %s and does not show it", short(signature.KeyID))
		}
		if err == nil && found {
			err = submit(ctx, api, d.role, signature)
		}
		if err != nil {
			return sent, fmt.Errorf("send signatures of %s: %w", d, err)
		}
		if !found {
			return sent, nil
		}
		sent.Signatures = append(sent.Signatures, d.keyRef(signature.KeyID))
	}
}

// held is the deployment's own draft of the same document.
func (d *Draft) held(ctx context.Context, api API) (*Draft, error) {
	pending, err := api.Pending(ctx)
	if err != nil {
		return nil, err
	}
	if pending.Roles[d.role] == nil {
		return nil, ErrNothingPending
	}
	held, err := pendingDraft(pending, d.role)
	if err != nil {
		return nil, fmt.Errorf("the deployment's document: %w", err)
	}
	if !bytes.Equal(held.document.Canonical(), d.document.Canonical()) {
		return nil, fmt.Errorf("%w: the deployment waits for signatures of version %d with other content", ErrDifferentContent, held.document.Version())
	}
	return held, nil
}

// unsent finds a signature of the draft that the deployment does not have and
// adds it to the deployment's draft, which checks it: nothing that is wrong is
// sent.
func (d *Draft) unsent(held *Draft) (signature rstuf.Signature, found bool, err error) {
	list := held.lacking(d)
	if len(list) == 0 {
		return signature, false, nil
	}
	return list[0], true, held.AddSignature(list[0])
}

func submit(ctx context.Context, api API, role string, signature rstuf.Signature) error {
	id, err := api.SubmitSignature(ctx, role, signature)
	if err != nil {
		return err
	}
	task, err := api.WaitTask(ctx, id, nil)
	if err != nil {
		return fmt.Errorf("task %s: %w", id, err)
	}
	if !task.Succeeded() {
		return fmt.Errorf("the deployment refused the signature by key %s: task %s ended as %s: %s", short(signature.KeyID), id, task.State, task.Reason())
	}
	return nil
}

// keyRef names one of the keys that count.
func (d *Draft) keyRef(id string) metadata.KeyRef {
	ref := metadata.KeyRef{KeyID: id}
	for _, delegation := range d.signers {
		if key, ok := delegation.Keys[id]; ok {
			ref.Name = key.DisplayName()
		}
	}
	return ref
}
