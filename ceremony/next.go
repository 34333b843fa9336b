package ceremony

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Change is what the next root does differently. Keys are named by their id or,
// where only one root key has it, their name. What is left zero stays as it is.
type Change struct {
	AddRootKeys    []keys.Public
	RemoveRootKeys []string
	// RenameKeys gives new display names. Key ids stay the same.
	RenameKeys map[string]string
	// Threshold is how many root keys must sign from then on.
	Threshold int
	// OnlineKey replaces the online key. It makes a test signature first, so
	// that no root names an online key which can't sign.
	OnlineKey keys.Signer
	// UntestedOnlineKeyUnsafe replaces the online key where its private part
	// is out of reach, without a test signature. If the workers can't sign
	// with it the repository expires until the next ceremony.
	UntestedOnlineKeyUnsafe keys.Public
	// OnlineURI is where workers find the online key; a new key without one
	// gets "fn:<key id>".
	OnlineURI string
	// Days gives the root a new life from Now on.
	Days int
	// LostKeys are root keys whose owners can't sign any more. [Next] then
	// finds out whether the others suffice.
	LostKeys []string
	// PostQuantum and AllowMLDSA are as in [Policy], for the next root. ML-DSA
	// keys need no new leave if the root before has some.
	PostQuantum int
	AllowMLDSA  bool
	// AllowThresholdOneUnsafe is as in [Policy].
	AllowThresholdOneUnsafe bool
	// Now is the time of the change; zero means the time of the call of Next.
	Now time.Time
}

// Next makes the draft of the root after a trusted one. It must be signed by
// the thresholds of both. A change that changes nothing, contradicts itself,
// breaks RSTUF's rules or could never be signed is an error that lists all
// that is wrong. The trusted root counts as pinned: see [Draft.Pin].
func Next(ctx context.Context, trusted *metadata.Document, change Change) (*Draft, error) {
	if change.Now.IsZero() {
		change.Now = time.Now()
	}
	if err := metadata.VerifyRootChain([]*metadata.Document{trusted}); err != nil {
		return nil, fmt.Errorf("next root: the trusted root: %w", err)
	}
	root, err := trusted.Root()
	if err != nil {
		return nil, fmt.Errorf("next root: the trusted root: %w", err)
	}
	next := root.Next()
	lost, err := change.apply(root, next)
	if err != nil {
		return nil, fmt.Errorf("next root: %w", err)
	}
	if err := metadata.CheckNextRoot(root, next, lost...); err != nil {
		return nil, fmt.Errorf("next root: %w", err)
	}
	if err := testSignature(ctx, change.OnlineKey); err != nil {
		return nil, fmt.Errorf("next root: %w", err)
	}
	document, err := metadata.New(next)
	if err != nil {
		return nil, fmt.Errorf("next root: %w", err)
	}
	d := &Draft{role: rstuf.RoleRoot, document: document, base: clone(trusted), trust: pinned}
	return d, d.check()
}

// apply makes the changes in the next root and returns the ids of lost keys.
func (c Change) apply(before, next *metadata.Root) (lost []string, err error) {
	var found problems
	fail := func(err error) {
		if err != nil {
			found.add("%v", err)
		}
	}
	for _, name := range c.LostKeys {
		id, err := findRootKey(next, name)
		fail(err)
		lost = append(lost, id)
	}
	for _, name := range c.RemoveRootKeys {
		id, err := findRootKey(next, name)
		if err == nil {
			err = next.RemoveKey(id)
		}
		fail(err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.RenameKeys)) {
		id, err := findRootKey(next, name)
		if err == nil {
			err = next.RenameKey(id, c.RenameKeys[name])
		}
		fail(err)
	}
	for _, key := range c.AddRootKeys {
		checkRootKeys(&found, []keys.Public{key})
		if key.ID() != "" {
			fail(next.AddKey(publicOnly(key)))
		}
	}
	if c.Threshold != 0 {
		fail(next.SetThreshold(c.Threshold))
		checkThreshold(&found, c.Threshold, len(next.Roles[rstuf.RoleRoot].KeyIDs), c.AllowThresholdOneUnsafe)
	}
	c.checkPostQuantum(before, next, &found)
	c.applyOnlineKey(next, &found)
	c.applyExpiry(next, &found)
	checkNames(next, &found)
	return lost, found.err("change")
}

func (c Change) applyOnlineKey(next *metadata.Root, found *problems) {
	key := c.UntestedOnlineKeyUnsafe
	if c.OnlineKey != nil {
		if key.ID() != "" {
			found.add("online key: it is given twice, tested and untested")
		}
		key = c.OnlineKey.Public()
	}
	if key.ID() == "" {
		if c.OnlineURI == "" {
			return
		}
		current, err := metadata.OnlineKey(next)
		if err == nil {
			checkOnlineKey(found, publicOnly(current).WithOnlineURI(c.OnlineURI))
			err = next.MoveOnlineKey(c.OnlineURI) // it keeps its id
		}
		if err != nil {
			found.add("%v", err)
		}
		return
	}
	key = publicOnly(key)
	key = key.WithOnlineURI(cmp.Or(c.OnlineURI, key.Key().OnlineURI, defaultURI(key)))
	checkOnlineKey(found, key)
	if err := next.SetOnlineKey(key); err != nil {
		found.add("%v", err)
	}
}

func (c Change) applyExpiry(next *metadata.Root, found *problems) {
	if c.Days != 0 {
		checkDays(found, "expiration of root", c.Days)
		next.Expires = lifeFrom(c.Now, c.Days)
	}
	if !c.Now.Before(next.Expires) {
		found.add("the root expires at %s, before this change: give it a new life", next.Expires.Format(time.RFC3339))
	}
}

// checkNames wants no two root keys with one name.
func checkNames(root *metadata.Root, found *problems) {
	seen := map[string]bool{}
	for _, id := range root.Roles[rstuf.RoleRoot].KeyIDs {
		name := root.Keys[id].DisplayName()
		if name != "" && seen[name] {
			found.add("two root keys would have the name %q", name)
		}
		seen[name] = true
	}
}

// findRootKey finds a root key by its id or its name.
func findRootKey(root *metadata.Root, name string) (string, error) {
	var matches []string
	for _, id := range root.Roles[rstuf.RoleRoot].KeyIDs {
		if id == name {
			return id, nil
		}
		if root.Keys[id].DisplayName() == name {
			matches = append(matches, id)
		}
	}
	switch len(matches) {
	case 0:
		return "", fmt.Errorf("there is no root key with the id or name %q", name)
	case 1:
		return matches[0], nil
	}
	return "", fmt.Errorf("%d root keys have the name %q: use a key id", len(matches), name)
}

// testMessage is what a new online key signs before it is published. It is no
// canonical JSON, so that its signature can't be taken for that of metadata.
var testMessage = []byte("RSTUF test signature of a new online key\n")

// testSignature has a new online key sign, and checks the signature.
func testSignature(ctx context.Context, signer keys.Signer) error {
	if signer == nil {
		return nil
	}
	sig, err := signer.Sign(ctx, bytes.Clone(testMessage))
	if err != nil {
		return fmt.Errorf("test signature by the online key: %w", err)
	}
	if err := signer.Public().Verify(testMessage, sig); err != nil {
		return fmt.Errorf("test signature by the online key: %w", err)
	}
	return nil
}
