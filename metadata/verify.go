package metadata

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
)

// ErrThreshold is the error of a document that too few keys have signed.
var ErrThreshold = errors.New("not enough signatures")

// Delegation says who signs a role: the threshold, and the keys that count
// (TUF specification, section 4.3 and 4.5). It comes from
// [Root.Delegation] or [Targets.Delegation].
type Delegation struct {
	Role      string
	Keys      map[string]rstuf.Key // by key id; it may hold keys of other roles
	KeyIDs    []string
	Threshold int

	parsed *parsedKeys // of the document that it comes from; may be nil
}

// Verification is the outcome of [Delegation.Verify]. Each key of the role is
// in one of the three lists. Further ids of a key that has signed are not
// missing.
type Verification struct {
	Role      string `json:"role"`
	Threshold int    `json:"threshold"`
	// Signed are the keys that have signed, each once.
	Signed []KeyRef `json:"signed"`
	// Missing are the keys that have not signed.
	Missing []KeyRef `json:"missing"`
	// Invalid are the ids of keys whose signatures do not count.
	Invalid []InvalidSignature `json:"invalid"`
	// Problem is set if the document cannot be of this role, whoever signed
	// it.
	Problem string `json:"problem,omitempty"`
}

// KeyRef names a key.
type KeyRef struct {
	KeyID string `json:"keyid"`
	Name  string `json:"name,omitempty"` // the display name, if it has one
}

// InvalidSignature is a signature that does not count, and why.
type InvalidSignature struct {
	KeyRef
	Reason string `json:"reason"`
}

// Verify checks the document's signatures against the role's keys. A key
// counts once, even under several key ids; whether an id is the one that
// follows from its key does not matter. Signatures that cannot be checked, as
// those of unknown kinds of keys, or are wrong are reported and do no harm
// while others suffice.
//
// Delegations of one document share the keys that they have read: to verify
// thousands of hash bins reads their online key once. Several goroutines may
// do so at once.
func (d Delegation) Verify(doc *Document) Verification {
	v := Verification{Role: d.Role, Threshold: d.Threshold, Signed: []KeyRef{}, Missing: []KeyRef{}, Invalid: []InvalidSignature{}}
	if doc.empty() {
		v.Problem = errEmptyDocument.Error()
		return v
	}
	if want := documentType(d.Role); doc.typ != want {
		v.Problem = fmt.Sprintf("the document is of type %q and the role %q needs %q", doc.typ, d.Role, want)
	}
	signatures := map[string]rstuf.Signature{}
	for _, s := range doc.signatures {
		if !s.placeholder() {
			signatures[s.KeyID] = s.Signature
		}
	}
	seen := map[string]bool{}
	counted := map[string]bool{} // by identity
	for _, id := range d.KeyIDs {
		if seen[id] {
			continue
		}
		seen[id] = true
		ref := KeyRef{id, d.Keys[id].DisplayName()}
		sig, ok := signatures[id]
		if !ok {
			v.Missing = append(v.Missing, ref)
			continue
		}
		key, err := d.key(id)
		if err == nil {
			err = verify(doc.canonical, sig, key.Public)
		}
		if err == nil && counted[key.identity] {
			err = errors.New("the same key has signed under another key id")
		}
		if err != nil {
			v.Invalid = append(v.Invalid, InvalidSignature{ref, err.Error()})
			continue
		}
		counted[key.identity] = true
		v.Signed = append(v.Signed, ref)
	}
	if len(v.Missing) > 0 {
		v.Missing = d.oncePerKey(v.Missing, counted)
	}
	return v
}

// oncePerKey leaves out keys that have signed under another id, and all but the
// first id of others.
func (d Delegation) oncePerKey(missing []KeyRef, counted map[string]bool) []KeyRef {
	seen := map[string]bool{}
	return slices.DeleteFunc(missing, func(ref KeyRef) bool {
		key, err := d.key(ref.KeyID)
		if err != nil {
			return false
		}
		drop := counted[key.identity] || seen[key.identity]
		seen[key.identity] = true
		return drop
	})
}

// documentType is the "_type" of a role's documents.
func documentType(role string) string {
	if rules.IsTopLevelRole(role) {
		return role
	}
	return rstuf.RoleTargets
}

// OK tells whether the document is signed as the delegation asks.
func (v Verification) OK() bool { return v.Problem == "" && v.Threshold > 0 && v.Needed() == 0 }

// Needed is how many more keys have to sign.
func (v Verification) Needed() int { return max(0, v.Threshold-len(v.Signed)) }

// Err is nil if the verification is [Verification.OK]. Otherwise it says in
// one line who has not signed and what is wrong with the signatures that do
// not count; it is [ErrThreshold] if signatures alone are what is missing.
func (v Verification) Err() error {
	switch {
	case v.Problem != "":
		return fmt.Errorf("%s: %s", v.Role, v.Problem)
	case v.Threshold < 1:
		return fmt.Errorf("%s: a threshold of %d is not allowed", v.Role, v.Threshold)
	case v.Needed() == 0:
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d, %d more needed", len(v.Signed), v.Threshold, v.Needed())
	for i, k := range v.Missing[:min(len(v.Missing), mostListed)] {
		if i == 0 {
			b.WriteString("; not signed by ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(k.String())
	}
	for _, k := range v.Invalid[:min(len(v.Invalid), mostListed)] {
		fmt.Fprintf(&b, "; %s does not count: %s", k.KeyRef, k.Reason)
	}
	if more := max(0, len(v.Missing)-mostListed) + max(0, len(v.Invalid)-mostListed); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return fmt.Errorf("%s: %w: %s", v.Role, ErrThreshold, b.String())
}

// String is the name and the start of the key id. Both come from documents:
// what could be taken for more than that is quoted.
func (k KeyRef) String() string {
	short := quote.Word(k.KeyID[:min(len(k.KeyID), 16)])
	if k.Name == "" {
		return short
	}
	return fmt.Sprintf("%s (%s)", quote.Word(quote.Cut(k.Name, maxShown)), short)
}
