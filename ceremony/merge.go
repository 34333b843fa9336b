package ceremony

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"example.org/rstuf"
)

// Merge adds the signatures of another draft of the same content that this one
// does not have, each checked first. Drafts of different content never merge
// ([ErrDifferentContent]), and if any signature is wrong nothing changes.
func (d *Draft) Merge(other *Draft) error {
	if d.empty() || other.empty() {
		return fmt.Errorf("merge: %w", errEmptyDraft)
	}
	if err := d.sameContent(other); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	merged := *d
	merged.document = d.Document()
	for _, sig := range d.lacking(other) {
		if err := merged.AddSignature(sig); err != nil {
			return fmt.Errorf("merge: %w", err)
		}
	}
	d.document = merged.document
	return nil
}

// lacking are the signatures of another draft by keys whose right signature
// this one does not have, but for those that both have alike, right or not.
func (d *Draft) lacking(other *Draft) []rstuf.Signature {
	right, there := d.Status().signed(), map[string]rstuf.Signature{}
	for _, s := range d.document.Signatures() {
		there[s.KeyID] = s
	}
	return slices.DeleteFunc(other.document.Signatures(), func(s rstuf.Signature) bool {
		same, ok := there[s.KeyID]
		return right[s.KeyID] || ok && s.Sig == same.Sig && bytes.Equal(compact(s.Bundle), compact(same.Bundle))
	})
}

// compact is JSON without white space.
func compact(text json.RawMessage) []byte {
	var buf bytes.Buffer
	_ = json.Compact(&buf, text) // it was read before
	return buf.Bytes()
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
