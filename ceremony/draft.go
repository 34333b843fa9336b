package ceremony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotSigner: this key does not sign this document.
	ErrNotSigner = metadata.ErrNotSigner
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
// several goroutines at once. The zero value is no draft; what is done with it
// fails.
type Draft struct {
	role     string
	document *metadata.Document
	// base vouches for the document: the root before it, or the targets that
	// delegate to it; nil for a first root.
	base *metadata.Document
	// signers are all whose thresholds the document must reach, the base's
	// first; see [Draft.check].
	signers []metadata.Delegation
	// bootstrap is nil but for a first root that was made here.
	bootstrap *bootstrapPart
	trust     trust
	// pinned is what the signer pinned: for a root the first of the roots,
	// which a review compares with; for a delegated role the last, which
	// vouches for the base.
	pinned *metadata.Document
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
	root, err := firstRoot(policy)
	if err != nil {
		return nil, fmt.Errorf("first root: %w", err)
	}
	document, err := metadata.New(root)
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
	d := &Draft{role: rstuf.RoleRoot, document: document, trust: pinned, bootstrap: &bootstrapPart{
		Settings:        rstuf.Settings{Roles: roles},
		Timeout:         policy.Timeout,
		TargetsBaseURL:  policy.TargetsBaseURL,
		FirstGeneration: policy.FirstGeneration,
	}}
	return d, d.check()
}

// firstRoot is version 1 of root for a valid policy with its defaults.
func firstRoot(policy Policy) (*metadata.Root, error) {
	rootKeys := make([]keys.Public, len(policy.RootKeys))
	for i, key := range policy.RootKeys {
		rootKeys[i] = publicOnly(key)
	}
	expires := lifeFrom(policy.Now, policy.Expirations.Root)
	root, err := metadata.NewRoot(rootKeys, policy.Threshold, publicOnly(policy.OnlineKey), expires)
	if err == nil && policy.FirstGeneration {
		makeFirstGeneration(root)
	}
	return root, err
}

// lifeFrom is the end of a life of so many days, in seconds of UTC.
func lifeFrom(now time.Time, days int) time.Time {
	return now.UTC().Truncate(time.Second).AddDate(0, 0, days)
}

var errEmptyDraft = errors.New("there is no draft: it is empty, and was neither made with New, Next or Pending nor loaded")

// empty tells whether there is no draft.
func (d *Draft) empty() bool { return d == nil || d.document == nil || len(d.signers) == 0 }

// Role is the role of the document: root, or a delegated role.
func (d *Draft) Role() string { return d.role }

// Document is the document as it is signed so far, a copy; nil for a zero Draft.
func (d *Draft) Document() *metadata.Document {
	if d.empty() {
		return nil
	}
	return clone(d.document)
}

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
// pinned ([ErrNotPinned]). A key that the root before and this root name by
// different ids signs once, and the signature is added under each id.
func (d *Draft) Sign(ctx context.Context, signer keys.Signer) error {
	if d.empty() {
		return errEmptyDraft
	}
	if err := d.checkPinned(); err != nil {
		return fmt.Errorf("sign %s: %w", d, err)
	}
	return d.document.SignFor(ctx, signer, d.signers...)
}

// AddSignature adds a signature that was made elsewhere, after checking that
// it is right and by a key that counts, under each id that the key has. Nothing
// changes if it is not. The signature of a Sigstore key is
// refused ([keys.ErrUnverifiable]) if the program has no verifier for it: see
// [keys.RegisterSigstore].
func (d *Draft) AddSignature(sig rstuf.Signature) error {
	if d.empty() {
		return errEmptyDraft
	}
	return d.document.AddSignatureFor(sig, d.signers...)
}

// KeyIDs are the ids under which a key counts for the document. They need not
// be its own: one of the first generation is another, and so is one of the same
// key written otherwise. A key that does not sign the document has none.
func (d *Draft) KeyIDs(key keys.Public) []string {
	var ids []string
	for _, delegation := range d.signers {
		ids = append(ids, delegation.IDs(key)...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// findSigners reads who must sign.
func (d *Draft) findSigners() ([]metadata.Delegation, error) {
	if d.role != rstuf.RoleRoot {
		targets, err := d.base.Targets()
		if err != nil {
			return nil, err
		}
		delegation, err := targets.Delegation(d.role)
		return []metadata.Delegation{delegation}, err
	}
	return metadata.RootSigners(d.base, d.document)
}

// String names the document: "root version 2".
func (d *Draft) String() string {
	if d.empty() {
		return "no draft"
	}
	return fmt.Sprintf("%s version %d", quote.Word(d.role), d.document.Version())
}

func short(keyID string) string { return quote.Word(keyID[:min(len(keyID), 16)]) }
