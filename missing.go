package rstuf

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
)

// ErrSignaturesPending: all went well, and what was asked takes effect once
// enough people have signed; see GET /metadata/sign.
var ErrSignaturesPending = errors.New("signatures are pending")

// Missing is what a task that ended in success has left undone. It is an error
// if it is not empty.
type Missing struct {
	// InvalidPaths are artifacts that no delegated role takes.
	InvalidPaths []string `json:"invalid_paths,omitempty"`
	// NotFoundArtifacts were to be removed and are not there.
	NotFoundArtifacts []string `json:"not_found_artifacts,omitempty"`
	// InvalidRoles are roles whose settings were to change and that do not exist.
	InvalidRoles []string `json:"invalid_roles,omitempty"`
	// FailedRoles are delegated roles that could not be changed.
	FailedRoles []FailedRole `json:"failed_roles,omitempty"`
	// Waiting are roles whose next version waits for signatures: clients see
	// nothing of it until then. No task tells it; see [PendingMetadata.Waiting].
	Waiting []WaitingRole `json:"waiting_roles,omitempty"`
}

// WaitingRole is a role whose next version waits for signatures.
type WaitingRole struct {
	Role string `json:"role"`
	// Signed is how many of its keys have signed, of the Threshold that must;
	// a Threshold of 0 means that nothing says so.
	Signed    int `json:"signed"`
	Threshold int `json:"threshold"`
	// Unsigned are the names of keys that have not signed, or else their ids.
	Unsigned []string `json:"unsigned,omitempty"`
}

// String is the role and what it lacks.
func (w WaitingRole) String() string {
	if w.Threshold == 0 {
		return quote.Word(w.Role)
	}
	text := fmt.Sprintf("%s (%d of %d signatures", quote.Word(w.Role), w.Signed, w.Threshold)
	if len(w.Unsigned) > 0 {
		text += ", not by " + list(w.Unsigned)
	}
	return text + ")"
}

// Missing is what the task itself says that it has not done; empty unless it
// has ended in success.
func (t Task) Missing() Missing {
	if !t.Succeeded() || t.Result == nil || t.Result.Details == nil {
		return Missing{}
	}
	d := t.Result.Details
	return Missing{InvalidPaths: d.InvalidPaths, NotFoundArtifacts: d.NotFoundArtifacts, InvalidRoles: d.InvalidRoles, FailedRoles: d.FailedRoles}
}

// Empty tells whether all was done.
func (m Missing) Empty() bool { return !m.undone() && len(m.Waiting) == 0 }

// undone tells whether something is missing that no signature will bring.
func (m Missing) undone() bool {
	return len(m.InvalidPaths)+len(m.NotFoundArtifacts)+len(m.InvalidRoles)+len(m.FailedRoles) > 0
}

// Error is one line that says what is missing.
func (m Missing) Error() string {
	var parts []string
	add := func(names []string, text string) {
		if len(names) > 0 {
			parts = append(parts, text+": "+list(names))
		}
	}
	add(m.InvalidPaths, "no delegated role takes the artifacts")
	add(m.NotFoundArtifacts, "these artifacts are not there")
	add(m.InvalidRoles, "these roles do not exist")
	var failed []string
	for _, role := range m.FailedRoles {
		failed = append(failed, role.Role+" ("+role.Reason+")")
	}
	add(failed, "these roles were not changed")
	if len(m.Waiting) > 0 {
		var waiting []string
		for _, role := range m.Waiting {
			waiting = append(waiting, role.String())
		}
		parts = append(parts, "waiting for signatures, and not seen by clients before: "+strings.Join(waiting, ", "))
	}
	return strings.Join(parts, "; ")
}

// Unwrap is [ErrSignaturesPending] if signatures alone are missing.
func (m Missing) Unwrap() error {
	if len(m.Waiting) > 0 && !m.undone() {
		return ErrSignaturesPending
	}
	return nil
}

// mostListed is how many names one error shows.
const mostListed = 5

func list(names []string) string {
	shown := make([]string, 0, mostListed)
	for _, name := range names[:min(len(names), mostListed)] {
		shown = append(shown, quote.Word(quote.Cut(name, 100)))
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - mostListed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Waiting tells, of the named roles, which have a version that waits for
// signatures, and what it lacks. Whether the signatures are right is for the
// service to say, which took them.
func (p PendingMetadata) Waiting(roles ...string) []WaitingRole {
	var list []WaitingRole
	for _, role := range roles {
		if doc, ok := p.Roles[role]; ok && !slices.ContainsFunc(list, func(w WaitingRole) bool { return w.Role == role }) {
			list = append(list, p.waiting(role, doc))
		}
	}
	return list
}

// signers is what metadata says of the keys of a role.
type signers struct {
	KeyIDs    []string `json:"keyids"`
	Threshold int      `json:"threshold"`
}

// delegating is as much of a root or a targets role as tells who signs others.
type delegating struct {
	Signed struct {
		Keys        map[string]Key     `json:"keys"`
		Roles       map[string]signers `json:"roles"`
		Delegations *struct {
			Keys  map[string]Key  `json:"keys"`
			Roles []DelegatedRole `json:"roles"`
		} `json:"delegations"`
	} `json:"signed"`
}

func (p PendingMetadata) waiting(role string, doc json.RawMessage) WaitingRole {
	w := WaitingRole{Role: role}
	var signed struct {
		Signatures []Signature `json:"signatures"`
	}
	var by delegating
	trusted := p.TrustedTargets
	if role == RoleRoot {
		trusted = doc // the new root's own keys; those of the old one may be needed too
	}
	if json.Unmarshal(doc, &signed) != nil || json.Unmarshal(trusted, &by) != nil {
		return w
	}
	who, keys := by.Signed.Roles[RoleRoot], by.Signed.Keys
	if role != RoleRoot && by.Signed.Delegations != nil {
		keys = by.Signed.Delegations.Keys
		for _, r := range by.Signed.Delegations.Roles {
			if r.Name == role {
				who = signers{r.KeyIDs, r.Threshold}
			}
		}
	}
	w.Threshold = who.Threshold
	for _, id := range who.KeyIDs {
		if slices.ContainsFunc(signed.Signatures, func(s Signature) bool { return s.KeyID == id && (s.Sig != "" || len(s.Bundle) > 0) }) {
			w.Signed++
			continue
		}
		name := keys[id].DisplayName()
		if name == "" {
			name = id
		}
		w.Unsigned = append(w.Unsigned, name)
	}
	return w
}

// RolesOf are the delegated roles that wait for signatures and may have one of
// the artifacts, by the delegations of [PendingMetadata.TrustedTargets].
func (p PendingMetadata) RolesOf(paths []string) (roles []string) {
	var by delegating
	if json.Unmarshal(p.TrustedTargets, &by) != nil || by.Signed.Delegations == nil {
		return nil
	}
	for _, role := range by.Signed.Delegations.Roles {
		if p.Roles[role.Name] == nil {
			continue
		}
		if slices.ContainsFunc(paths, func(path string) bool { return rules.Covers(role.Paths, role.PathHashPrefixes, path) }) {
			roles = append(roles, role.Name)
		}
	}
	return roles
}
