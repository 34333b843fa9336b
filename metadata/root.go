package metadata

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
)

// Root is the content of a root document (TUF specification, section 4.3).
// It is a copy: change it and make the next document of it with [New].
type Root struct {
	Version            int64
	SpecVersion        string
	Expires            time.Time
	ConsistentSnapshot bool
	// Keys by key id.
	Keys map[string]rstuf.Key
	// Roles has the four top-level roles.
	Roles map[string]RoleKeys
	Extra map[string]json.RawMessage

	parsed *parsedKeys
}

// RoleKeys says who signs a top-level role.
type RoleKeys struct {
	KeyIDs    []string
	Threshold int
	Extra     map[string]json.RawMessage
}

// Root returns the content of a root document.
func (d *Document) Root() (*Root, error) {
	root := &Root{Keys: map[string]rstuf.Key{}, Roles: map[string]RoleKeys{}, parsed: &parsedKeys{}}
	return root, d.read(rstuf.RoleRoot, func(h header, r *reader) error {
		root.Version, root.SpecVersion, root.Expires = h.version, h.specVersion, h.expires
		if _, ok := r.rest["consistent_snapshot"]; ok {
			root.ConsistentSnapshot = r.bool("consistent_snapshot")
		}
		root.Keys = r.keys()
		r.each("roles", func(name string, raw []byte) (err error) {
			if !rules.IsTopLevelRole(name) {
				return errors.New("root delegates to the four top-level roles only")
			}
			root.Roles[name], err = readRoleKeys(raw)
			return err
		})
		root.Extra = r.extra()
		if r.err != nil {
			return r.err
		}
		for _, role := range topLevelRoles {
			if _, ok := root.Roles[role]; !ok {
				return atField("roles", atField(role, errors.New("the role is missing")))
			}
		}
		return nil
	})
}

var topLevelRoles = [...]string{rstuf.RoleRoot, rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets}

// read gives the fields of the signed part to a typed view.
func (d *Document) read(typ string, view func(header, *reader) error) error {
	if d.empty() {
		return errEmptyDocument
	}
	if d.typ != typ {
		return fmt.Errorf("the document is of type %q, not %q", d.typ, typ)
	}
	r := readObject(d.signed)
	h, err := readHeader(r)
	if err == nil {
		err = view(h, r)
	}
	if err != nil {
		return fmt.Errorf("read %s version %d: %w", d.typ, d.version, err)
	}
	return nil
}

// keys takes the field "keys".
func (r *reader) keys() map[string]rstuf.Key {
	list := map[string]rstuf.Key{}
	r.each("keys", func(id string, raw []byte) (err error) {
		if id == "" {
			return errors.New("a key id must not be empty")
		}
		list[id], err = readKey(raw)
		return err
	})
	return list
}

func readRoleKeys(raw []byte) (RoleKeys, error) {
	r := readObject(raw)
	role := RoleKeys{KeyIDs: r.keyIDs(), Threshold: r.count("threshold")}
	role.Extra = r.extra()
	return role, r.err
}

// keyIDs takes the field "keyids"; a key must not be there twice.
func (r *reader) keyIDs() []string {
	ids := r.strings("keyids")
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			r.fail("keyids", fmt.Errorf("the key %q is there twice", quote.Cut(id, maxShown)))
		}
		seen[id] = true
	}
	return ids
}

func (root *Root) appendCanonical(dst []byte) ([]byte, error) {
	w := newWriter(root.Extra)
	header{typ: rstuf.RoleRoot, version: root.Version, specVersion: root.SpecVersion, expires: root.Expires}.write(w)
	w.bool("consistent_snapshot", root.ConsistentSnapshot)
	w.keys(root.Keys)
	roles := newWriter(nil)
	for name, role := range root.Roles {
		inner := newWriter(role.Extra)
		inner.strings("keyids", role.KeyIDs)
		inner.integer("threshold", int64(role.Threshold))
		roles.object(name, inner)
	}
	w.object("roles", roles)
	return w.append(dst)
}

func (root *Root) check(d *Document) error {
	_, err := d.Root()
	return err
}

// Delegation says who signs a top-level role.
func (root *Root) Delegation(role string) (Delegation, error) {
	r, ok := root.Roles[role]
	if !ok {
		return Delegation{}, fmt.Errorf("root version %d has no role %q", root.Version, role)
	}
	return root.parsed.delegation(role, root.Keys, r.KeyIDs, r.Threshold), nil
}
