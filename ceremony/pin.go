package ceremony

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// Pin compares what the draft rests on with a root that the signer trusts and
// got by another way than the draft, such as a file of the last ceremony.
// Without it a draft of [LoadDraft] or [Pending] can't be signed.
//
// Roots are the pinned root and, if that is not the newest one any more, those
// that followed it, in order; the chain of their signatures is checked. The
// last must be the root before the draft's, or the one whose online key signed
// the targets that delegate to the draft's role. A review then shows all that
// is different from the pinned root. For a first root that a
// deployment holds, the pinned root is the one that was agreed on, and must
// have the same content.
func (d *Draft) Pin(roots ...*metadata.Document) error {
	if d.empty() {
		return fmt.Errorf("pin a root: %w", errEmptyDraft)
	}
	d.trust, d.pinned = unpinned, nil
	if err := d.pin(roots); err != nil {
		return fmt.Errorf("pin a root for %s: %w", d, err)
	}
	d.trust, d.pinned = pinned, clone(roots[0])
	if d.role != rstuf.RoleRoot {
		d.pinned = clone(roots[len(roots)-1])
	}
	return nil
}

func (d *Draft) pin(roots []*metadata.Document) error {
	if len(roots) == 0 || slices.Contains(roots, nil) {
		return errors.New("there is no pinned root")
	}
	last := roots[len(roots)-1]
	if d.role == rstuf.RoleRoot && d.base == nil {
		if !bytes.Equal(last.Canonical(), d.document.Canonical()) {
			return fmt.Errorf("%w: the pinned first root has other content", ErrNotPinned)
		}
		return nil
	}
	if err := metadata.VerifyRootChain(roots); err != nil {
		return err
	}
	if d.role != rstuf.RoleRoot {
		return d.pinTargets(last)
	}
	switch have, want := last.Version(), d.base.Version(); {
	case have < want:
		return fmt.Errorf("%w: the draft rests on version %d and the newest pinned root is version %d; give those between too", ErrNotPinned, want, have)
	case have > want:
		return fmt.Errorf("%w: the draft rests on version %d, and version %d is pinned already: the draft is out of date", ErrNotPinned, want, have)
	case !bytes.Equal(last.Canonical(), d.base.Canonical()):
		return fmt.Errorf("%w: root version %d that came with the draft is not the pinned one: do not sign, and find out who made this draft", ErrNotPinned, want)
	}
	return nil
}

// pinTargets wants the targets to be signed as the root says.
func (d *Draft) pinTargets(document *metadata.Document) error {
	root, err := document.Root()
	if err != nil {
		return err
	}
	delegation, err := root.Delegation(rstuf.RoleTargets)
	if err != nil {
		return err
	}
	if err := delegation.Verify(d.base).Err(); err != nil {
		return fmt.Errorf("%w: by root version %d: %w", ErrNotPinned, document.Version(), err)
	}
	return nil
}

// TrustServerRootUnsafe lets the draft be signed though nobody compared what
// it rests on with a pinned root. Whoever controls the deployment, or carried
// the draft, then decides what is trusted. A next root is still checked
// against the one that came along; only that one may be a forgery.
func (d *Draft) TrustServerRootUnsafe() {
	if d.trust == unpinned {
		d.trust = unsafe
	}
}

func (d *Draft) checkPinned() error {
	if d.trust == unpinned {
		return ErrNotPinned
	}
	return nil
}
