package ceremony

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Merge adds the signatures of another draft of the same content, each checked
// first. Drafts of different content never merge ([ErrDifferentContent]), and
// if any signature is wrong nothing changes.
func (d *Draft) Merge(other *Draft) error {
	if err := d.sameContent(other); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	merged := *d
	merged.document = d.Document()
	there := d.Status().signed()
	for _, sig := range other.document.Signatures() {
		if there[sig.KeyID] {
			continue
		}
		if err := merged.AddSignature(sig); err != nil {
			return fmt.Errorf("merge: %w", err)
		}
	}
	d.document = merged.document
	return nil
}

// sameContent compares all but signatures and trust.
func (d *Draft) sameContent(other *Draft) error {
	switch {
	case d.role != other.role:
		return fmt.Errorf("%w: one is of role %s, the other of role %s", ErrDifferentContent, d.role, other.role)
	case !bytes.Equal(d.document.Canonical(), other.document.Canonical()):
		return fmt.Errorf("%w: the signed parts of %s differ", ErrDifferentContent, d)
	case (d.base == nil) != (other.base == nil), d.base != nil && !bytes.Equal(d.base.Canonical(), other.base.Canonical()):
		return fmt.Errorf("%w: they rest on different trusted documents", ErrDifferentContent)
	}
	a, err := json.Marshal(d.bootstrap)
	if err != nil {
		return err
	}
	b, err := json.Marshal(other.bootstrap)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("%w: the settings differ", ErrDifferentContent)
	}
	return nil
}
