package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// edge is a delegation: a role may be delegated to by several others, and is
// verified by the keys that each of them names.
type edge struct{ by, role string }

// loaded is a delegated role that was verified.
type loaded struct {
	doc     *metadata.Document
	targets *metadata.Targets
}

// errAbsent: no role has the artifact, by the specification.
var errAbsent = errors.New("no role has it")

// find looks for an artifact as the specification says (section 5.6.7): from
// the top-level targets on, in pre-order, depth first, no role twice.
func (v *view) find(ctx context.Context, path string) (found Artifact, err error) {
	err = v.search(path, func(e edge, by *metadata.Targets) (*metadata.Targets, bool, error) {
		targets := v.top
		if e.role != rstuf.RoleTargets {
			role, err := v.load(ctx, e, by)
			if err != nil {
				return nil, false, err
			}
			targets = role.targets
		}
		file, ok := targets.Targets[path]
		if ok {
			found = Artifact{path, e.role, file.ArtifactInfo}
		}
		return targets, ok, nil
	})
	if err == nil && found.Role == "" {
		err = errAbsent
	}
	return found, err
}

// step looks at a role that may speak for a path, of which by is the delegator;
// it returns the role's content, and whether that ends the search.
type step func(e edge, by *metadata.Targets) (targets *metadata.Targets, end bool, err error)

// search takes the steps for a path in the order of the specification.
func (v *view) search(path string, look step) error {
	type next struct {
		edge
		by *metadata.Targets
	}
	visited := map[string]bool{}
	stack := []next{{edge{rstuf.RoleRoot, rstuf.RoleTargets}, nil}}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if visited[at.role] {
			continue
		}
		if len(visited) > v.reader.maxRoles {
			return fmt.Errorf("%w: %d delegated roles were searched", ErrLimit, v.reader.maxRoles)
		}
		visited[at.role] = true
		targets, end, err := look(at.edge, at.by)
		if err != nil || end {
			return err
		}
		if targets == nil || targets.Delegations == nil {
			continue
		}
		var children []next
		for role := range targets.Delegations.RolesFor(path) {
			children = append(children, next{edge{at.role, role.Name}, targets})
			if role.Terminating {
				stack = nil // what would have come later may not speak for it
			}
		}
		slices.Reverse(children)
		stack = append(stack, children...)
	}
	return nil
}

// load gives a delegated role, read before or now. It has not expired.
func (v *view) load(ctx context.Context, e edge, by *metadata.Targets) (*loaded, error) {
	v.mu.Lock()
	role := v.roles[e]
	v.mu.Unlock()
	if role == nil {
		delegation, err := by.Delegation(e.role)
		if err != nil {
			return nil, err
		}
		doc, err := v.read(ctx, delegation)
		if err != nil {
			return nil, err
		}
		targets, err := doc.Targets()
		if err != nil {
			return nil, fmt.Errorf("role %s: %w", e.role, err)
		}
		role = &loaded{doc, targets}
		v.hold(e, role)
	}
	return role, v.reader.checkExpiry(e.role, role.doc)
}

// maxHeld bounds the delegated roles that are held in memory, by the size of
// their files.
const maxHeld = 64 << 20

// hold keeps a role for the next search.
func (v *view) hold(e edge, role *loaded) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.held += len(role.doc.Bytes()); v.held > maxHeld {
		clear(v.roles)
		v.held = len(role.doc.Bytes())
	}
	v.roles[e] = role
}

// known are the documents that are held, for the view that comes next. They are
// verified anew there.
func (v *view) known() map[string]*metadata.Document {
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	known := map[string]*metadata.Document{rstuf.RoleTargets: v.targets}
	for e, role := range v.roles {
		known[e.role] = role.doc
	}
	return known
}

// read reads the role's document that the snapshot names: the one of the view
// before, of the cache, or of the server.
func (v *view) read(ctx context.Context, delegation metadata.Delegation) (*metadata.Document, error) {
	role := delegation.Role
	want, listed := v.meta[role+".json"]
	if !listed {
		return nil, fmt.Errorf("role %s: %w", role, ErrNotSigned)
	}
	r := v.reader
	if doc := v.before[role]; doc != nil && v.accepts(ctx, doc, delegation, want) {
		return doc, nil
	}
	if doc := r.cache.document(role); doc != nil && v.accepts(ctx, doc, delegation, want) {
		return doc, nil
	}
	doc, err := r.fetch(ctx, v.filename(role, want.Version), delegation, want)
	if err != nil {
		return nil, err
	}
	if r.checkExpiry(role, doc) != nil {
		return doc, nil // for those who look at it; section 5.6.5 keeps it not
	}
	return doc, r.cache.put(delegation, doc)
}

// accepts tells whether a document that was kept is the one that the snapshot
// names.
func (v *view) accepts(ctx context.Context, doc *metadata.Document, delegation metadata.Delegation, want metadata.MetaFile) bool {
	return doc.Version() == want.Version && checkFile(ctx, doc.Bytes(), want) == nil && delegation.Verify(doc).OK()
}

func (v *view) filename(role string, version int64) string {
	return filename(role, version, v.root.ConsistentSnapshot)
}
