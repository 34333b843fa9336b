package ceremony

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// Review is what a signer looks at before signing: what the document says,
// what it changes, what vouches for it, who has signed and what is odd. It
// encodes as JSON, and its String is text for people.
type Review struct {
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
	// Fingerprint is the draft's: see [Draft.Fingerprint].
	Fingerprint string `json:"fingerprint"`
	// RestsOn says what vouches for the document and why that is believed.
	RestsOn string `json:"rests_on"`
	// Pinned tells that the signer's own pinned root was compared; there is
	// none to compare with a first root that is not sent yet.
	Pinned bool `json:"pinned"`
	// Changes are all differences to the root that was pinned, or else to
	// the root before; empty for other documents.
	Changes []Difference `json:"changes,omitempty"`
	// Contents is the whole of the document.
	Contents []Item `json:"contents"`
	// Consequences are the draft's: see [Draft.Consequences].
	Consequences []string `json:"consequences,omitempty"`
	// Warnings are what a signer should not overlook.
	Warnings []string `json:"warnings,omitempty"`
	Status   Status   `json:"status"`
}

// Item is one line of a document's contents.
type Item struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

// Review describes the draft for the person who is about to sign it. Dates
// are judged at now.
func (d *Draft) Review(now time.Time) Review {
	if d.empty() {
		return Review{Status: d.Status(), Warnings: []string{errEmptyDraft.Error()}}
	}
	r := Review{
		Role: d.role, Version: d.document.Version(), Expires: d.document.Expires(), Fingerprint: d.Fingerprint(), Consequences: d.Consequences(),
		RestsOn: d.restsOn(), Pinned: d.trust == pinned && d.bootstrap == nil, Status: d.Status(),
	}
	if d.role == rstuf.RoleRoot {
		d.reviewRoot(&r)
	} else {
		d.reviewTargets(&r)
	}
	d.reviewPostQuantum(&r)
	d.reviewSigstore(&r)
	d.reviewTrust(&r, now)
	return r
}

func (d *Draft) restsOn() string {
	if d.base == nil {
		if d.bootstrap != nil {
			return "nothing: it is the first root, and every key below must be right"
		}
		switch d.trust {
		case pinned:
			return "the first root that you pinned: it has the same content"
		case unsafe:
			return "the word of the deployment alone"
		}
		return "nothing: it is the first root, and came from the deployment"
	}
	name := fmt.Sprintf("%s version %d", d.base.Type(), d.base.Version())
	switch {
	case d.trust == unpinned:
		return name + ", which came with the draft"
	case d.trust == unsafe:
		return name + ", which came with the draft and which you chose to trust"
	case d.role != rstuf.RoleRoot:
		return name + ", signed as your pinned root says"
	case d.pinned != nil && d.pinned.Version() != d.base.Version():
		return fmt.Sprintf("%s, which follows from version %d, which you pinned", name, d.pinned.Version())
	}
	return name + ", which you pinned"
}

func (d *Draft) reviewTrust(r *Review, now time.Time) {
	switch d.trust {
	case unpinned:
		r.warn("nobody has compared the trusted root with a pinned one: pin yours before you sign")
	case unsafe:
		r.warn("UNSAFE: you chose to trust what came with the draft, without a pinned root")
	}
	if err := d.document.CheckExpiry(now); err != nil {
		r.warn("it has expired: %v", err)
	} else if left := d.document.Expires().Sub(now); left < 24*time.Hour {
		r.warn("it expires within a day")
	}
	if d.base != nil && d.role != rstuf.RoleRoot {
		if err := d.base.CheckExpiry(now); err != nil {
			r.warn("what it rests on has expired: %v", err)
		}
		if d.pinned != nil && d.pinned.CheckExpiry(now) != nil {
			r.warn("the pinned root has expired: pin the newest one, since this one may name an online key that was replaced")
		}
	}
	seen := map[string]bool{}
	for _, bad := range r.Status.invalid() {
		if !seen[bad.KeyID] {
			r.warn("the signature by %s does not count: %s", bad.KeyRef, bad.Reason)
		}
		seen[bad.KeyID] = true
	}
}

func (r *Review) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

func (r *Review) item(field, format string, args ...any) {
	r.Contents = append(r.Contents, Item{field, fmt.Sprintf(format, args...)})
}

func (d *Draft) reviewRoot(r *Review) {
	root := mustRoot(d.document)
	switch {
	case d.base != nil && d.pinned != nil:
		r.Changes = RootDifferences(mustRoot(d.pinned), root)
	case d.base != nil:
		r.Changes = RootDifferences(mustRoot(d.base), root)
	}
	role := root.Roles[rstuf.RoleRoot]
	distinct := d.signers[len(d.signers)-1].DistinctKeys()
	r.item("root threshold", "%d of %d keys", role.Threshold, distinct)
	if distinct < len(role.KeyIDs) {
		r.warn("of %d root key ids only %d are those of different keys that can sign", len(role.KeyIDs), distinct)
	}
	for _, id := range role.KeyIDs {
		r.item("root key", "%s", describeKey(id, root.Keys[id]))
	}
	for _, id := range onlineIDs(root) {
		r.item("online key", "%s", describeKey(id, root.Keys[id]))
	}
	r.unusual(root)
	if d.base != nil {
		d.reviewLoss(r, role.Threshold, distinct)
	}
	switch {
	case role.Threshold == 1:
		r.warn("a single root key can replace all others: threshold 1")
	case role.Threshold == distinct:
		r.warn("every root key is needed: the loss of one ends the repository")
	}
	// The document need not be one of RSTUF's: it may come from anybody. That
	// it has expired is said elsewhere.
	if err := metadata.CheckRoot(d.document, d.document.Expires().Add(-time.Second)); err != nil {
		r.warn("it breaks rules of RSTUF: %v", err)
	}
	if d.bootstrap != nil {
		d.reviewSettings(r)
	}
}

// reviewLoss warns of what the next root gives up that the root before had.
func (d *Draft) reviewLoss(r *Review, threshold, distinct int) {
	before := d.signers[0]
	if threshold < before.Threshold {
		r.warn("the threshold falls from %d to %d: fewer keys are enough to replace all others", before.Threshold, threshold)
	}
	if spare := before.DistinctKeys() - before.Threshold; spare > 0 && distinct <= threshold {
		r.warn("it removes the last spare key: the root before could lose %s", quote.Count(spare, "key"))
	}
	if ends := d.base.Expires(); d.document.Expires().Before(ends) {
		r.warn("it ends before the root before it, which ends on %s", ends.Format("2006-01-02"))
	}
}

func mustRoot(document *metadata.Document) *metadata.Root {
	root, err := document.Root()
	if err != nil {
		panic("ceremony: " + err.Error()) // it was read when the draft was made
	}
	return root
}

// unusual adds what stands in a root beside that which every root has.
func (r *Review) unusual(root *metadata.Root) {
	used := onlineIDs(root)
	for _, name := range []string{rstuf.RoleRoot, rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets} {
		used = append(used, root.Roles[name].KeyIDs...)
		r.fields(name+" field", root.Roles[name].Extra)
	}
	for _, id := range sortedNames(root.Keys, nil) {
		if !slices.Contains(used, id) {
			r.item("unused key", "%s", describeKey(id, root.Keys[id]))
		}
		r.fields("key "+quote.Word(id)+" field", root.Keys[id].Extra)
	}
	r.fields("field", root.Extra)
}

// fields adds fields that no part of this package knows.
func (r *Review) fields(at string, extra map[string]json.RawMessage) {
	for _, name := range sortedNames(extra, nil) {
		r.item(at+" "+quote.Word(name), "%s", extra[name])
	}
}

// onlineIDs are the ids of the keys of timestamp, snapshot and targets.
func onlineIDs(root *metadata.Root) []string {
	var ids []string
	for _, role := range []string{rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets} {
		ids = append(ids, root.Roles[role].KeyIDs...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (d *Draft) reviewSettings(r *Review) {
	roles := d.bootstrap.Settings.Roles
	r.item("life of root", "%s", days(roles.Root.Expiration))
	r.item("life of targets", "%s", days(roles.Targets.Expiration))
	r.item("life of snapshot", "%s", days(roles.Snapshot.Expiration))
	r.item("life of timestamp", "%s", days(roles.Timestamp.Expiration))
	if roles.Bins != nil {
		r.item("hash bins", "%d, with a life of %s", roles.Bins.NumberOfDelegatedBins, days(roles.Bins.Expiration))
	}
	if roles.Delegations != nil {
		for _, role := range roles.Delegations.Roles {
			r.item("delegation", "%s", describeRole(role, roles.Delegations.Keys))
		}
	}
	if d.bootstrap.TargetsBaseURL != "" {
		r.item("targets base URL", "%s", d.bootstrap.TargetsBaseURL)
	}
	if d.bootstrap.FirstGeneration {
		r.item("form", "first generation")
	}
}

func days(n int) string { return quote.Count(n, "day") }

func (d *Draft) reviewTargets(r *Review) {
	targets, err := d.document.Targets()
	if err != nil {
		panic("ceremony: " + err.Error()) // it was read when the draft was made
	}
	role := d.delegatedRole()
	if role.Name != "" {
		r.item("delegation", "%s", describeRole(role, nil))
	}
	r.item("artifacts", "%d", len(targets.Targets))
	var outside []string
	for _, path := range slices.Sorted(maps.Keys(targets.Targets)) {
		file := targets.Targets[path]
		r.item("artifact", "%s", describeArtifact(path, file))
		r.fields("artifact "+quote.Word(path)+" field", file.Extra)
		if role.Name != "" && !metadata.Covers(role, path) {
			outside = append(outside, path)
		}
	}
	r.fields("field", targets.Extra)
	if len(outside) > 0 {
		r.warn("%s outside the paths of the role, which clients will not accept, such as %s", quote.Count(len(outside), "artifact"), quote.Word(outside[0]))
	}
	if targets.Delegations != nil {
		r.warn("the role delegates to others itself, which RSTUF does not do")
	}
}

// describeArtifact is all that a role says of an artifact.
func describeArtifact(path string, file metadata.TargetFile) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d bytes", quote.Word(path), file.Length)
	for _, algorithm := range slices.Sorted(maps.Keys(file.Hashes)) {
		fmt.Fprintf(&b, ", %s %s", quote.Word(algorithm), quote.Word(file.Hashes[algorithm]))
	}
	if file.Custom != nil {
		fmt.Fprintf(&b, ", custom %s", file.Custom)
	}
	return b.String()
}

// delegatedRole is the role as the base delegates to it; zero for a hash bin.
func (d *Draft) delegatedRole() rstuf.DelegatedRole {
	targets, err := d.base.Targets()
	if err == nil && targets.Delegations != nil {
		for _, role := range targets.Delegations.Roles {
			if role.Name == d.role {
				return role
			}
		}
	}
	return rstuf.DelegatedRole{}
}
