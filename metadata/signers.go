package metadata

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// ErrNotSigner is the error of a key that none of the delegations names.
var ErrNotSigner = errors.New("the key does not sign this document")

// RootSigners says who signs a root: for each of the roots, its own root role.
// A next root is signed as the root before it and itself say, so give both, in
// this order; a first root as itself says. A nil before the last is left out.
func RootSigners(roots ...*Document) ([]Delegation, error) {
	var list []Delegation
	for i, doc := range roots {
		if doc == nil && i < len(roots)-1 {
			continue
		}
		root, err := doc.Root()
		if err != nil {
			return nil, err
		}
		d, err := root.Delegation(rstuf.RoleRoot)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// IDs are the ids under which a key counts in the delegation. There may be
// several: see [keys.Public.Identity].
func (d Delegation) IDs(key keys.Public) []string {
	var ids []string
	identity := key.Identity()
	for _, id := range d.KeyIDs {
		if known, err := d.key(id); err == nil && known.identity == identity {
			ids = append(ids, id)
		}
	}
	return ids
}

// DistinctKeys counts the keys that could sign, the same key under two ids
// once.
func (d Delegation) DistinctKeys() int {
	distinct := map[string]bool{}
	for _, id := range d.KeyIDs {
		if key, err := d.key(id); err == nil {
			distinct[key.identity] = true
		}
	}
	return len(distinct)
}

// PostQuantumKeys counts those of DistinctKeys that are post-quantum.
func (d Delegation) PostQuantumKeys() int {
	distinct := map[string]bool{}
	for _, id := range d.KeyIDs {
		if key, err := d.key(id); err == nil && key.PostQuantum() {
			distinct[key.identity] = true
		}
	}
	return len(distinct)
}

// PostQuantum is how many of the keys that reach the threshold are post-quantum
// at the least, whoever signs: what remains of the threshold once all keys of
// other kinds have signed.
func (d Delegation) PostQuantum() int {
	return max(0, d.Threshold-(d.DistinctKeys()-d.PostQuantumKeys()))
}

// key is the key of an id, ready to verify.
func (d Delegation) key(id string) (parsedKey, error) {
	object, ok := d.Keys[id]
	if !ok {
		return parsedKey{}, errors.New("there is no key with this id")
	}
	return d.parsed.get(id, object)
}

// signerIDs are the ids under which a key counts in any of the delegations,
// each once.
func signerIDs(key keys.Public, by []Delegation) []string {
	var ids []string
	for _, d := range by {
		for _, id := range d.IDs(key) {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// signerKey is the key that has an id in one of the delegations.
func signerKey(id string, by []Delegation) (keys.Public, error) {
	for _, d := range by {
		if slices.Contains(d.KeyIDs, id) {
			key, err := d.key(id)
			return key.Public, err
		}
	}
	return keys.Public{}, fmt.Errorf("key %s: %w", KeyRef{KeyID: id}, ErrNotSigner)
}

// parsedKeys remembers the keys of one document that were read, so that each is
// read once however many roles have it.
type parsedKeys struct {
	mu   sync.Mutex
	byID map[string]parsedKey
}

type parsedKey struct {
	keys.Public
	identity string
	from     keySource
}

// keySource is what a key was read from: whoever changes a key in place gets
// the changed one.
type keySource struct{ typ, scheme, public, name string }

// get reads a key, or has read it. A nil parsedKeys remembers nothing.
func (p *parsedKeys) get(id string, object rstuf.Key) (parsedKey, error) {
	from := keySource{object.KeyType, object.Scheme, object.Public(), object.Name}
	if p != nil {
		p.mu.Lock()
		known, ok := p.byID[id]
		p.mu.Unlock()
		if ok && known.from == from {
			return known, nil
		}
	}
	key, err := keys.FromKey(object)
	if err != nil {
		return parsedKey{}, err
	}
	parsed := parsedKey{key, key.Identity(), from}
	if p != nil && key.Crypto() != nil { // other kinds may differ in more than this
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.byID == nil {
			p.byID = map[string]parsedKey{}
		}
		p.byID[id] = parsed
	}
	return parsed, nil
}

// delegation is a role of this document, with the keys that it names.
func (p *parsedKeys) delegation(role string, all map[string]rstuf.Key, ids []string, threshold int) Delegation {
	d := Delegation{Role: role, Keys: make(map[string]rstuf.Key, len(ids)), KeyIDs: slices.Clone(ids), Threshold: threshold, parsed: p}
	for _, id := range ids {
		if key, ok := all[id]; ok {
			d.Keys[id] = key
		}
	}
	return d
}
