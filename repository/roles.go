package repository

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"sync"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// readAhead is how many delegated roles are read at a time.
const readAhead = 8

// maxWalked bounds how many delegations are followed when all roles are read.
const maxWalked = 1 << 20

// Role is one role of a repository, or why it could not be read.
type Role struct {
	Name string
	// By is the role that delegates to it: root for the top-level roles.
	By string
	// Delegation says who signs it; its Verify tells who has.
	Delegation metadata.Delegation
	// Document is verified. It is nil with Err.
	Document *metadata.Document
	// Err is [ErrNotSigned] as long as the first version waits for signatures.
	// An expired role is one with a Document; its time is for the caller to
	// look at.
	Err error

	targets *metadata.Targets // of a delegated role and of targets
}

// Roles yields all roles: root, timestamp, snapshot and targets, then those
// that are delegated to, each after the one that delegates to it. It reads a
// few at a time, keeps none, and has ended all reading when it returns. An
// error without a role ends the sequence.
func (r *Reader) Roles(ctx context.Context) iter.Seq2[Role, error] {
	return func(yield func(Role, error) bool) {
		v, err := r.current(ctx)
		if err != nil {
			yield(Role{}, err)
			return
		}
		for _, doc := range []*metadata.Document{v.roots[len(v.roots)-1], v.timestamp, v.snapshot} {
			delegation, err := v.root.Delegation(doc.Type())
			if !yield(Role{Name: doc.Type(), By: rstuf.RoleRoot, Delegation: delegation, Document: doc, Err: err}, nil) {
				return
			}
		}
		w := newWalker(ctx, v)
		if err := w.walk(func(role Role) bool { return yield(role, nil) }); err != nil {
			yield(Role{}, err)
		}
	}
}

// Role gives one role by its name. Like the others that [Reader.Roles] yields
// it may have expired; the error is that of reading it.
func (r *Reader) Role(ctx context.Context, name string) (Role, error) {
	v, err := r.current(ctx)
	if err != nil {
		return Role{}, err
	}
	if delegation, err := v.top.Delegation(name); err == nil {
		doc, err := v.read(ctx, delegation)
		return Role{Name: name, By: rstuf.RoleTargets, Delegation: delegation, Document: doc}, err
	}
	for role, err := range r.Roles(ctx) {
		if err != nil || role.Name == name {
			return role, errors.Join(err, role.Err)
		}
	}
	return Role{}, fmt.Errorf("the repository has no role %q", name)
}

// Artifacts yields all artifacts, role by role: those that [Reader.Find] finds,
// with the role that it names. A role that can't be read comes as an error with
// an Artifact that names the role alone, and the rest follows; an error without
// a role ends the sequence. It keeps no more in memory than a few roles at a
// time, and some bytes for each artifact where the delegations are no hash
// bins.
func (r *Reader) Artifacts(ctx context.Context) iter.Seq2[Artifact, error] {
	return func(yield func(Artifact, error) bool) {
		v, err := r.current(ctx)
		if err != nil {
			yield(Artifact{}, err)
			return
		}
		w := newWalker(ctx, v)
		w.content = map[edge]*metadata.Targets{}
		err = w.walk(func(role Role) bool {
			if role.Err == nil {
				role.Err = r.checkExpiry(role.Name, role.Document)
			}
			if role.Err != nil {
				return yield(Artifact{Role: role.Name}, role.Err)
			}
			for artifact := range w.artifacts(role) {
				if !yield(artifact, nil) {
					return false
				}
			}
			return true
		})
		if err != nil {
			yield(Artifact{}, err)
		}
	}
}

// shadows are the paths that an earlier role has spoken for, as hashes.
type shadows struct {
	seed  maphash.Seed
	paths map[uint64]bool
}

// add tells whether the path is new.
func (s *shadows) add(path string) bool {
	sum := maphash.String(s.seed, path)
	if s.paths[sum] {
		return false
	}
	s.paths[sum] = true
	return true
}

// walker follows all delegations of a view.
type walker struct {
	v      *view
	ctx    context.Context
	read   func(context.Context, metadata.Delegation) (*metadata.Document, error)
	walked map[edge]bool
	// content, unless nil, keeps those roles that delegate to others, as
	// artifacts needs them.
	content map[edge]*metadata.Targets
	seen    shadows
}

func newWalker(ctx context.Context, v *view) *walker {
	return &walker{v: v, ctx: ctx, read: v.read, walked: map[edge]bool{}, seen: shadows{maphash.MakeSeed(), map[uint64]bool{}}}
}

// artifacts yields those of a role that it is the one to speak for.
func (w *walker) artifacts(role Role) iter.Seq[Artifact] {
	top := w.v.top.Delegations
	bin := top != nil && top.Succinct != nil && role.By == rstuf.RoleTargets
	return func(yield func(Artifact) bool) {
		for path, file := range role.targets.Targets {
			if !w.speaks(edge{role.By, role.Name}, path) || !bin && !w.seen.add(path) {
				continue
			}
			if !yield(Artifact{path, role.Name, file.ArtifactInfo}) {
				return
			}
		}
	}
}

// errStop: nobody wants more.
var errStop = errors.New("stopped")

// walk calls yield with targets and every role below it, until that returns
// false.
func (w *walker) walk(yield func(Role) bool) error {
	delegation, err := w.v.root.Delegation(rstuf.RoleTargets)
	if err != nil {
		return err
	}
	err = w.visit(Role{Name: rstuf.RoleTargets, By: rstuf.RoleRoot, Delegation: delegation, Document: w.v.targets, targets: w.v.top}, yield)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

func (w *walker) visit(role Role, yield func(Role) bool) error {
	if w.content != nil && role.targets != nil && role.targets.Delegations != nil {
		w.content[edge{role.By, role.Name}] = role.targets
	}
	if !yield(role) {
		return errStop
	}
	if role.targets == nil || role.targets.Delegations == nil {
		return nil
	}
	for child := range w.children(role) {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		e := edge{child.By, child.Name}
		if w.walked[e] {
			continue
		}
		if w.walked[e] = true; len(w.walked) > maxWalked {
			return fmt.Errorf("%w: %d delegations", ErrLimit, maxWalked)
		}
		if err := w.visit(child, yield); err != nil {
			return err
		}
	}
	return nil
}

// children reads the roles that a role delegates to, a few ahead of whoever
// uses them, in order.
func (w *walker) children(by Role) iter.Seq[Role] {
	return func(yield func(Role) bool) {
		ctx, cancel := context.WithCancel(w.ctx)
		var reading sync.WaitGroup
		defer reading.Wait()
		defer cancel()
		ordered := make(chan chan Role, readAhead)
		reading.Go(func() {
			defer close(ordered)
			for name := range delegated(by.targets.Delegations) {
				one := make(chan Role, 1)
				select {
				case ordered <- one:
				case <-ctx.Done():
					return
				}
				reading.Go(func() { one <- w.role(ctx, by, name) })
			}
		})
		for one := range ordered {
			if !yield(<-one) {
				return
			}
		}
	}
}

func (w *walker) role(ctx context.Context, by Role, name string) Role {
	role := Role{Name: name, By: by.Name}
	if role.Delegation, role.Err = by.targets.Delegation(name); role.Err != nil {
		return role
	}
	if role.Document, role.Err = w.read(ctx, role.Delegation); role.Err != nil {
		return role
	}
	if role.targets, role.Err = role.Document.Targets(); role.Err != nil {
		role.Document = nil
	}
	return role
}

// delegated yields the names of all roles that are delegated to.
func delegated(d *metadata.Delegations) iter.Seq[string] {
	if d.Succinct != nil {
		if bins, err := d.Succinct.Bins(); err == nil {
			return bins.Names()
		}
	}
	return func(yield func(string) bool) {
		for _, role := range d.Roles {
			if !yield(role.Name) {
				return
			}
		}
	}
}

// speaks tells whether a search for the path comes to the role by way of this
// delegation, if no role before it has the path. Those that delegate on the way
// were walked before.
func (w *walker) speaks(role edge, path string) bool {
	found := false
	w.v.search(path, func(e edge, _ *metadata.Targets) (*metadata.Targets, bool, error) {
		found = e == role
		return w.content[e], found, nil
	})
	return found
}
