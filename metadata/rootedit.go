package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// NewRoot returns the content of a first root: root keys with their threshold,
// and the online key for timestamp, snapshot and targets. It refuses what
// [CheckRoot] would refuse.
func NewRoot(rootKeys []keys.Public, threshold int, online keys.Public, expires time.Time) (*Root, error) {
	root := &Root{
		Version:            1,
		SpecVersion:        SpecVersion,
		Expires:            expires.UTC().Truncate(time.Second),
		ConsistentSnapshot: true,
		Keys:               map[string]rstuf.Key{},
		Roles:              map[string]RoleKeys{rstuf.RoleRoot: {Threshold: threshold}},
	}
	if threshold < 1 {
		return nil, errThreshold(threshold)
	}
	for _, key := range rootKeys {
		if err := root.AddKey(key); err != nil {
			return nil, err
		}
	}
	if err := root.SetOnlineKey(online); err != nil {
		return nil, err
	}
	return root, broken(root.Version, root.problems())
}

// Next returns a copy with the next version, to be changed and made into a
// document with [New]. [CheckNextRoot] tells whether it may follow.
func (root *Root) Next() *Root {
	next := *root
	next.Version++
	next.Keys = maps.Clone(root.Keys)
	next.Roles = map[string]RoleKeys{}
	for name, role := range root.Roles {
		role.KeyIDs = slices.Clone(role.KeyIDs)
		next.Roles[name] = role
	}
	next.Extra = maps.Clone(root.Extra)
	return &next
}

// prepare makes the maps of a zero Root.
func (root *Root) prepare() {
	if root.Keys == nil {
		root.Keys = map[string]rstuf.Key{}
	}
	if root.Roles == nil {
		root.Roles = map[string]RoleKeys{}
	}
}

// AddKey adds a root key.
func (root *Root) AddKey(key keys.Public) error {
	if key.ID() == "" {
		return errors.New("add root key: the key is empty")
	}
	for name, role := range root.Roles {
		for _, id := range role.KeyIDs {
			if other, err := keys.FromKey(root.Keys[id]); err == nil && key.Same(other) {
				return fmt.Errorf("add root key %s: it is already a key of the role %s", key, name)
			}
		}
	}
	root.prepare()
	role := root.Roles[rstuf.RoleRoot]
	role.KeyIDs = append(slices.Clone(role.KeyIDs), key.ID())
	root.Roles[rstuf.RoleRoot] = role
	root.Keys[key.ID()] = key.Key()
	return nil
}

// RemoveKey removes a root key by its id.
func (root *Root) RemoveKey(id string) error {
	role := root.Roles[rstuf.RoleRoot]
	i := slices.Index(role.KeyIDs, id)
	if i < 0 {
		return fmt.Errorf("remove root key: there is no root key with the id %q", id)
	}
	role.KeyIDs = slices.Delete(slices.Clone(role.KeyIDs), i, i+1)
	root.Roles[rstuf.RoleRoot] = role
	root.dropUnused(id)
	return nil
}

// RenameKey changes a key's display name. The key id stays the same.
func (root *Root) RenameKey(id, name string) error {
	key, ok := root.Keys[id]
	if !ok {
		return fmt.Errorf("rename key: there is no key with the id %q", id)
	}
	key.Name = name
	key.Extra = maps.Clone(key.Extra)
	delete(key.Extra, "name") // where the first generation had it
	root.Keys[id] = key
	return nil
}

// SetThreshold sets how many root keys must sign a root.
func (root *Root) SetThreshold(threshold int) error {
	if threshold < 1 {
		return errThreshold(threshold)
	}
	root.prepare()
	role := root.Roles[rstuf.RoleRoot]
	role.Threshold = threshold
	root.Roles[rstuf.RoleRoot] = role
	return nil
}

func errThreshold(threshold int) error {
	return fmt.Errorf("a threshold of %d is not allowed: it must be at least 1", threshold)
}

// MoveOnlineKey changes where the online key is (x-rstuf-online-key-uri). It
// stays the same key, under the id that it has.
func (root *Root) MoveOnlineKey(uri string) error {
	if _, err := OnlineKey(root); err != nil {
		return fmt.Errorf("move online key: %w", err)
	}
	id := root.Roles[rstuf.RoleTimestamp].KeyIDs[0]
	key := root.Keys[id]
	key.OnlineURI = uri
	root.Keys[id] = key
	return nil
}

// SetOnlineKey makes one key the key of timestamp, snapshot and targets, in
// place of the one before it.
func (root *Root) SetOnlineKey(key keys.Public) error {
	if key.ID() == "" {
		return errors.New("set online key: the key is empty")
	}
	if err := CheckOnline(key); err != nil {
		return fmt.Errorf("set online key: %s: %w", key, err)
	}
	for _, id := range root.Roles[rstuf.RoleRoot].KeyIDs {
		if other, err := keys.FromKey(root.Keys[id]); err == nil && key.Same(other) {
			return fmt.Errorf("set online key: %s is a root key", key)
		}
	}
	root.prepare()
	var before []string
	for _, name := range onlineRoles {
		role := root.Roles[name]
		before = append(before, role.KeyIDs...)
		role.KeyIDs, role.Threshold = []string{key.ID()}, 1
		root.Roles[name] = role
	}
	root.dropUnused(before...)
	root.Keys[key.ID()] = key.Key()
	return nil
}

// dropUnused removes keys that no role names any more.
func (root *Root) dropUnused(ids ...string) {
	for _, id := range ids {
		used := false
		for _, role := range root.Roles {
			used = used || slices.Contains(role.KeyIDs, id)
		}
		if !used {
			delete(root.Keys, id)
		}
	}
}

// CheckNextRoot tells whether next is worth signing: it follows trusted, keeps
// RSTUF's rules (see [CheckRoot]), changes something besides the version, and
// enough keys exist to sign it for the old root and for the new one. Lost are
// the ids of keys whose owners cannot sign any more. The one error lists all
// that is wrong.
func CheckNextRoot(trusted, next *Root, lost ...string) error {
	if trusted == nil || next == nil {
		return errNoRoot
	}
	problems := next.problems()
	if want := trusted.Version + 1; next.Version != want {
		problems = append(problems, atField("version", fmt.Errorf("must be %d, after version %d", want, trusted.Version)))
	}
	same, err := sameContent(trusted, next)
	if err != nil {
		problems = append(problems, err)
	}
	if same {
		problems = append(problems, errors.New("it changes nothing"))
	}
	gone := map[string]bool{} // by id and by identity: the two roots may name a key differently
	for _, id := range lost {
		gone[id] = true
		for _, root := range []*Root{trusted, next} {
			if key, err := keys.FromKey(root.Keys[id]); err == nil {
				gone[key.Identity()] = true
			}
		}
	}
	problems = append(problems, trusted.canSign("old", gone), next.canSign("new", gone))
	return broken(next.Version, problems)
}

// canSign tells whether the keys that are not lost reach the root threshold.
func (root *Root) canSign(which string, lost map[string]bool) error {
	if len(lost) == 0 && which == "new" {
		return nil // said by problems already
	}
	role := root.Roles[rstuf.RoleRoot]
	left := slices.DeleteFunc(slices.Clone(role.KeyIDs), func(id string) bool {
		key, err := keys.FromKey(root.Keys[id])
		return lost[id] || err == nil && lost[key.Identity()]
	})
	if can := root.parsed.delegation(rstuf.RoleRoot, root.Keys, left, role.Threshold).DistinctKeys(); can < role.Threshold {
		return fmt.Errorf("the %s root's threshold is %d, keys that can still sign: %d", which, role.Threshold, can)
	}
	return nil
}

// sameContent compares everything but the version.
func sameContent(a, b *Root) (bool, error) {
	b = b.Next()
	b.Version = a.Version
	first, err := a.appendCanonical(nil)
	if err != nil {
		return false, err
	}
	second, err := b.appendCanonical(nil)
	return bytes.Equal(first, second), err
}
