package ceremony

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotSigner: this key does not sign this document.
	ErrNotSigner = errors.New("the key does not sign this document")
	// ErrNotPinned: the draft rests on a root that came with it. Give the
	// root that you trust to [Draft.Pin].
	ErrNotPinned = errors.New("the trusted root came with the draft and was not compared with a pinned one")
	// ErrDifferentContent: two drafts do not ask for signatures over the same
	// content, so that they can't be merged.
	ErrDifferentContent = errors.New("the drafts have different content")
)

// Draft is a document that waits for signatures, and all that is needed to
// review it and to check each signature. It is one of:
//
//   - the first root, with the settings of its repository ([New]),
//   - the next root, with the root before it ([Next], [Pending]),
//   - a delegated role, with the targets that delegate to it ([Pending]).
//
// It holds public data only, and can be saved, loaded elsewhere, signed by one
// person after another in any order, and merged. A Draft is not for use by
// several goroutines at once.
type Draft struct {
	role     string
	document *metadata.Document
	// base vouches for the document: the root before it, or the targets that
	// delegate to it; nil for a first root.
	base *metadata.Document
	// bootstrap is nil but for a first root that was made here.
	bootstrap *bootstrapPart
	trust     trust
}

// bootstrapPart is what a first root's payload needs beside the root.
type bootstrapPart struct {
	Settings        rstuf.Settings `json:"settings"`
	Timeout         int            `json:"timeout"`
	TargetsBaseURL  string         `json:"targets_base_url,omitempty"`
	FirstGeneration bool           `json:"first_generation,omitempty"`
}

// trust says why the base of a draft is believed.
type trust int

const (
	unpinned trust = iota // came with the draft
	pinned                // agrees with a root that the signer pinned
	unsafe                // the signer chose to believe what came
)

// New makes the draft of a first root from a valid policy.
func New(policy Policy) (*Draft, error) {
	if err := policy.Validate(); err != nil {
		return nil, err
	}
	policy = policy.withDefaults()
	document, err := metadata.New(firstRoot(policy))
	if err != nil {
		return nil, fmt.Errorf("first root: %w", err)
	}
	days := policy.Expirations
	roles := rstuf.RolesSettings{
		Root:      rstuf.RoleSettings{Expiration: days.Root},
		Targets:   rstuf.RoleSettings{Expiration: days.Targets},
		Snapshot:  rstuf.RoleSettings{Expiration: days.Snapshot},
		Timestamp: rstuf.RoleSettings{Expiration: days.Timestamp},
	}
	if len(policy.Delegations) > 0 {
		roles.Delegations = delegations(policy.Delegations)
	} else {
		roles.Bins = &rstuf.BinsSettings{Expiration: days.Bins, NumberOfDelegatedBins: policy.HashBins}
	}
	return &Draft{role: rstuf.RoleRoot, document: document, trust: pinned, bootstrap: &bootstrapPart{
		Settings:        rstuf.Settings{Roles: roles},
		Timeout:         policy.Timeout,
		TargetsBaseURL:  policy.TargetsBaseURL,
		FirstGeneration: policy.FirstGeneration,
	}}, nil
}

// firstRoot is version 1 of root for a valid policy with its defaults.
func firstRoot(policy Policy) *metadata.Root {
	root := &metadata.Root{
		Version:            1,
		Expires:            lifeFrom(policy.Now, policy.Expirations.Root),
		ConsistentSnapshot: true,
		Keys:               map[string]rstuf.Key{},
		Roles:              map[string]metadata.RoleKeys{},
	}
	add := func(key keys.Public) string {
		id, object := key.ID(), keyObject(key)
		if policy.FirstGeneration {
			id, object = key.LegacyID(), legacyObject(object)
		}
		root.Keys[id] = object
		return id
	}
	var rootIDs []string
	for _, key := range policy.RootKeys {
		rootIDs = append(rootIDs, add(key))
	}
	root.Roles[rstuf.RoleRoot] = metadata.RoleKeys{KeyIDs: rootIDs, Threshold: policy.Threshold}
	onlineID := add(policy.OnlineKey)
	for _, role := range []string{rstuf.RoleTargets, rstuf.RoleSnapshot, rstuf.RoleTimestamp} {
		root.Roles[role] = metadata.RoleKeys{KeyIDs: []string{onlineID}, Threshold: 1}
	}
	return root
}

// lifeFrom is the end of a life of so many days, in seconds of UTC.
func lifeFrom(now time.Time, days int) time.Time {
	return now.UTC().Truncate(time.Second).AddDate(0, 0, days)
}

// Role is the role of the document: root, or a delegated role.
func (d *Draft) Role() string { return d.role }

// Document is the document as it is signed so far, a copy.
func (d *Draft) Document() *metadata.Document { return clone(d.document) }

// Trusted is what vouches for the document: the root before it, or the targets
// that delegate to it; nil for a first root.
func (d *Draft) Trusted() *metadata.Document {
	if d.base == nil {
		return nil
	}
	return clone(d.base)
}

// TargetsBaseURL is where the policy says that artifacts are served; it may be
// empty. It ends in "/".
func (d *Draft) TargetsBaseURL() string {
	if d.bootstrap == nil {
		return ""
	}
	return d.bootstrap.TargetsBaseURL
}

func clone(document *metadata.Document) *metadata.Document {
	copied, err := metadata.Parse(document.Bytes())
	if err != nil {
		panic("ceremony: a document does not parse again: " + err.Error())
	}
	return copied
}

// Sign signs the document, in place of a signature by the same key. The key
// must be one that counts ([ErrNotSigner]), and the draft's base must be
// pinned ([ErrNotPinned]).
func (d *Draft) Sign(ctx context.Context, signer keys.Signer) error {
	if err := d.checkPinned(); err != nil {
		return fmt.Errorf("sign %s: %w", d, err)
	}
	id, _, err := d.findKey(func(_ string, key keys.Public) bool { return key.ID() == signer.Public().ID() })
	if err != nil {
		return fmt.Errorf("sign %s with key %s: %w", d, signer.Public(), err)
	}
	raw, err := signer.Sign(ctx, d.document.Canonical())
	if err != nil {
		return fmt.Errorf("sign %s: %w", d, err)
	}
	return d.AddSignature(rstuf.Signature{KeyID: id, Sig: hex.EncodeToString(raw)})
}

// AddSignature adds a signature that was made elsewhere, after checking that
// it is right and by a key that counts. Nothing changes if it is not.
func (d *Draft) AddSignature(sig rstuf.Signature) error {
	_, key, err := d.findKey(func(id string, _ keys.Public) bool { return id == sig.KeyID })
	if err != nil {
		return fmt.Errorf("add a signature by key %s to %s: %w", short(sig.KeyID), d, err)
	}
	return d.document.AddSignature(sig, key)
}

// findKey looks for a key among those whose signatures count.
func (d *Draft) findKey(wanted func(id string, key keys.Public) bool) (string, keys.Public, error) {
	delegations, err := d.delegations()
	if err != nil {
		return "", keys.Public{}, err
	}
	for _, delegation := range delegations {
		for _, id := range delegation.KeyIDs {
			key, err := keys.FromKey(delegation.Keys[id])
			if err == nil && wanted(id, key) {
				return id, key, nil
			}
		}
	}
	return "", keys.Public{}, ErrNotSigner
}

// delegations are all that the document must satisfy, the base's first.
func (d *Draft) delegations() ([]metadata.Delegation, error) {
	if d.role != rstuf.RoleRoot {
		targets, err := d.base.Targets()
		if err != nil {
			return nil, err
		}
		delegation, err := targets.Delegation(d.role)
		return []metadata.Delegation{delegation}, err
	}
	var all []metadata.Delegation
	for _, document := range []*metadata.Document{d.base, d.document} {
		if document == nil {
			continue
		}
		root, err := document.Root()
		if err != nil {
			return nil, err
		}
		delegation, err := root.Delegation(rstuf.RoleRoot)
		if err != nil {
			return nil, err
		}
		all = append(all, delegation)
	}
	return all, nil
}

// Status says who has signed and who is missing.
func (d *Draft) Status() Status {
	delegations, err := d.delegations()
	if err != nil {
		// The draft was checked when it was made.
		panic("ceremony: " + err.Error())
	}
	last := delegations[len(delegations)-1].Verify(d.document)
	if len(delegations) == 1 {
		return Status{Document: last}
	}
	before := delegations[0].Verify(d.document)
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

// String is one line: complete, or what is missing.
func (s Status) String() string {
	if s.Complete() {
		return fmt.Sprintf("complete: signed by %s", joinKeys(s.Document.Signed))
	}
	var parts []string
	if s.RootBefore != nil && !s.RootBefore.OK() {
		parts = append(parts, "the keys of the root before: "+s.RootBefore.Err().Error())
	}
	if !s.Document.OK() {
		parts = append(parts, s.Document.Err().Error())
	}
	return "incomplete: " + strings.Join(parts, "; and ")
}

func joinKeys(list []metadata.KeyRef) string {
	texts := make([]string, len(list))
	for i, key := range list {
		texts[i] = key.String()
	}
	return strings.Join(texts, ", ")
}

// Merge adds the signatures of another draft of the same content, each checked
// first. Drafts of different content never merge ([ErrDifferentContent]), and
// if any signature is wrong nothing changes.
func (d *Draft) Merge(other *Draft) error {
	if err := d.sameContent(other); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	merged := *d
	merged.document = d.Document()
	for _, sig := range other.document.Signatures() {
		if d.hasSignature(sig.KeyID) {
			continue
		}
		if err := merged.AddSignature(sig); err != nil {
			return fmt.Errorf("merge: %w", err)
		}
	}
	d.document = merged.document
	return nil
}

// hasSignature tells whether a key's signature is there and right.
func (d *Draft) hasSignature(keyID string) bool {
	status := d.Status()
	lists := [][]metadata.KeyRef{status.Document.Signed}
	if status.RootBefore != nil {
		lists = append(lists, status.RootBefore.Signed)
	}
	for _, list := range lists {
		for _, key := range list {
			if key.KeyID == keyID {
				return true
			}
		}
	}
	return false
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

// String names the document: "root version 2".
func (d *Draft) String() string {
	return fmt.Sprintf("%s version %d", d.role, d.document.Version())
}

func short(keyID string) string { return keyID[:min(len(keyID), 16)] }
