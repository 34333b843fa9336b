package mirror

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"example.org/rstuf/metadata"
)

// readAhead is how many delegated roles are read at a time.
const readAhead = 8

// ErrUnpublished: the role is delegated to and has no metadata yet, as long as
// its first version waits for signatures.
var ErrUnpublished = errors.New("the role is not published yet")

// Role reads a role that targets delegates to.
func (r *Repository) Role(ctx context.Context, role string) (*metadata.Document, error) {
	delegation, err := r.targets.Delegation(role)
	if err != nil {
		return nil, err
	}
	want, ok := r.snapshot.Meta[role+".json"]
	if !ok {
		return nil, fmt.Errorf("role %s: %w", role, ErrUnpublished)
	}
	return r.read(ctx, delegation, want)
}

// roleNames yields the names of all roles that targets delegates to.
func (r *Repository) roleNames() (iter.Seq[string], error) {
	d := r.targets.Delegations
	if d == nil {
		return func(func(string) bool) {}, nil
	}
	if d.Succinct != nil {
		bins, err := d.Succinct.Bins()
		if err != nil {
			return nil, err
		}
		return bins.Names(), nil
	}
	return func(yield func(string) bool) {
		for _, role := range d.Roles {
			if !yield(role.Name) {
				return
			}
		}
	}, nil
}

// A Role is one delegated role, or why it could not be read.
type Role struct {
	Name     string
	Document *metadata.Document
	Err      error
}

// Roles yields all roles that targets delegates to, in order. It reads a few
// at a time, and has ended all reading when it returns.
func (r *Repository) Roles(ctx context.Context) iter.Seq[Role] {
	return func(yield func(Role) bool) {
		names, err := r.roleNames()
		if err != nil {
			yield(Role{Err: err})
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		var reading sync.WaitGroup
		defer reading.Wait()
		defer cancel()
		ordered := make(chan chan Role, readAhead)
		reading.Go(func() {
			defer close(ordered)
			for name := range names {
				one := make(chan Role, 1)
				select {
				case ordered <- one:
				case <-ctx.Done():
					return
				}
				reading.Go(func() {
					document, err := r.Role(ctx, name)
					one <- Role{name, document, err}
				})
			}
		})
		for one := range ordered {
			if !yield(<-one) {
				return
			}
		}
	}
}
