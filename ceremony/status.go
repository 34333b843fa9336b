package ceremony

import (
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf/metadata"
)

// Status says who has signed and who is missing.
func (d *Draft) Status() Status {
	if d.empty() {
		return Status{Document: metadata.Verification{Problem: errEmptyDraft.Error()}}
	}
	last := d.signers[len(d.signers)-1].Verify(d.document)
	if len(d.signers) == 1 {
		return Status{Document: last}
	}
	before := d.signers[0].Verify(d.document)
	return Status{Document: last, RootBefore: &before}
}

// Status is how far the signing of a draft has come.
type Status struct {
	// RootBefore is about the keys of the root before; nil unless the draft
	// is a next root.
	RootBefore *metadata.Verification `json:"root_before,omitempty"`
	// Document is about the keys that the draft itself names, if it is a
	// root, or those that the trusted targets name.
	Document metadata.Verification `json:"document"`
}

// Complete tells whether nothing more needs to be signed.
func (s Status) Complete() bool {
	return s.Document.OK() && (s.RootBefore == nil || s.RootBefore.OK())
}

// Missing are the keys that have not signed and still could count.
func (s Status) Missing() []metadata.KeyRef {
	var missing []metadata.KeyRef
	seen := map[string]bool{}
	add := func(v metadata.Verification) {
		if v.OK() {
			return
		}
		for _, key := range v.Missing {
			if !seen[key.KeyID] {
				missing = append(missing, key)
			}
			seen[key.KeyID] = true
		}
	}
	if s.RootBefore != nil {
		add(*s.RootBefore)
	}
	add(s.Document)
	return missing
}

// signed are the ids of the keys whose signatures are right.
func (s Status) signed() map[string]bool {
	ids := map[string]bool{}
	list := s.Document.Signed
	if s.RootBefore != nil {
		list = slices.Concat(list, s.RootBefore.Signed)
	}
	for _, key := range list {
		ids[key.KeyID] = true
	}
	return ids
}

// invalid are the signatures that do not count; one key may be there twice.
func (s Status) invalid() []metadata.InvalidSignature {
	if s.RootBefore == nil {
		return s.Document.Invalid
	}
	return slices.Concat(s.Document.Invalid, s.RootBefore.Invalid)
}

// String is one line: complete, or what is missing.
func (s Status) String() string {
	switch {
	case s.Complete():
		return "complete: signed by " + joinKeys(s.Document.Signed)
	case s.RootBefore == nil:
		return "incomplete: " + progress(s.Document)
	}
	return fmt.Sprintf("incomplete: for the root before, %s; for this root, %s", progress(*s.RootBefore), progress(s.Document))
}

// progress is how far one set of keys has come.
func progress(v metadata.Verification) string {
	switch {
	case v.Problem != "":
		return v.Problem
	case v.Needed() == 0:
		return fmt.Sprintf("all %d signatures are there", v.Threshold)
	}
	text := fmt.Sprintf("%d of %d signatures are there", len(v.Signed), v.Threshold)
	if len(v.Signed) > 0 {
		text += " (" + joinKeys(v.Signed) + ")"
	}
	text += fmt.Sprintf(", %d more needed", v.Needed())
	if len(v.Missing) > 0 {
		text += " of " + joinKeys(v.Missing)
	}
	return text
}

func joinKeys(list []metadata.KeyRef) string {
	texts := make([]string, len(list))
	for i, key := range list {
		texts[i] = key.String()
	}
	return strings.Join(texts, ", ")
}
