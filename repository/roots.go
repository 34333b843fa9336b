package repository

import (
	"context"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// refreshRoots follows the chain of roots to its end (section 5.3).
func (r *Reader) refreshRoots(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	for n := 0; ; n++ {
		last := r.seen.root()
		name := metadata.Filename(rstuf.RoleRoot, last.Version()+1)
		data, err := r.metadata.Fetch(ctx, name, maxRoot)
		if errors.Is(err, ErrNotFound) || errors.Is(err, transport.ErrForbidden) {
			// So some object stores answer for what they do not have.
			return nil
		}
		if err != nil {
			return err
		}
		if n == r.maxRoots {
			return fmt.Errorf("%w: more than %d roots follow at once", ErrLimit, n)
		}
		next, err := r.nextRoot(name, data)
		if err != nil {
			return err
		}
		if err := r.cache.putRoot(next); err != nil {
			return err
		}
		if err := r.follow(next); err != nil {
			return err
		}
	}
}

// nextRoot verifies the root that follows the newest.
func (r *Reader) nextRoot(name string, data []byte) (*metadata.Document, error) {
	next, err := metadata.Parse(data)
	if err == nil {
		_, _, err = metadata.VerifyNextRoot(r.seen.root(), next)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return next, nil
}

// begin takes up what is trusted: the roots from the given one on, as far as
// the cache knows them, and the timestamp and the snapshot of the cache, where
// another process may have seen newer ones.
func (r *Reader) begin(ctx context.Context) error {
	if r.seen.roots == nil {
		first := r.given
		if first == nil {
			var err error
			if first, err = r.pinned(ctx); err != nil {
				return err
			}
		}
		if err := r.cache.claim(first); err != nil {
			return err
		}
		r.seen.roots = []*metadata.Document{first}
	}
	for {
		next, err := r.cache.root(r.seen.root().Version() + 1)
		if err != nil {
			return err
		}
		if next == nil {
			break
		}
		if _, _, err := metadata.VerifyNextRoot(r.seen.root(), next); err != nil {
			break // the server has the right one
		}
		if err := r.follow(next); err != nil {
			return err
		}
	}
	return r.adopt()
}

// pinned is the root of the first use.
func (r *Reader) pinned(ctx context.Context) (*metadata.Document, error) {
	root, err := r.cache.firstRoot()
	if root != nil || err != nil {
		return root, err
	}
	data, err := fetchFirstRoot(ctx, r.metadata)
	if err != nil {
		return nil, err
	}
	return metadata.Parse(data)
}

// adopt takes the cache's timestamp and snapshot where they are verified by the
// newest root and newer than what this Reader has seen.
func (r *Reader) adopt() error {
	root, err := r.seen.root().Root()
	if err != nil {
		return err
	}
	for role, seen := range map[string]**metadata.Document{rstuf.RoleTimestamp: &r.seen.timestamp, rstuf.RoleSnapshot: &r.seen.snapshot} {
		cached := r.cache.document(role)
		if cached == nil || *seen != nil && cached.Version() <= (*seen).Version() {
			continue
		}
		delegation, err := root.Delegation(role)
		if err != nil {
			return err
		}
		if delegation.Verify(cached).OK() && readable(cached) {
			*seen = cached
		}
	}
	return nil
}

// readable tells whether a document's content has the right form.
func readable(doc *metadata.Document) bool {
	var err error
	if doc.Type() == rstuf.RoleTimestamp {
		_, err = doc.Timestamp()
	} else {
		_, err = doc.Snapshot()
	}
	return err == nil
}

// follow makes a verified root the newest one. After a rotation of their keys
// the timestamp and the snapshot are void, since whoever had the old keys may
// have raised the versions (section 5.3.11), and what was read under the old
// keys is not answered from any more. So they are where the new root asks for
// more signatures than they have.
func (r *Reader) follow(next *metadata.Document) error {
	void, err := keysRotated(r.seen.root(), next)
	if err != nil {
		return err
	}
	root, err := next.Root()
	if err != nil {
		return err
	}
	for _, doc := range []*metadata.Document{r.seen.timestamp, r.seen.snapshot} {
		if doc == nil {
			continue
		}
		delegation, err := root.Delegation(doc.Type())
		if err != nil {
			return err
		}
		void = void || !delegation.Verify(doc).OK()
	}
	r.seen.roots = append(r.seen.roots, next)
	if !void {
		return nil
	}
	return r.forget()
}

// forget makes the timestamp and the snapshot void.
func (r *Reader) forget() error {
	r.seen.timestamp, r.seen.snapshot = nil, nil
	r.setView(nil)
	return r.cache.drop(rstuf.RoleTimestamp, rstuf.RoleSnapshot)
}

// keysRotated tells whether a key of timestamp or snapshot was taken away.
func keysRotated(before, after *metadata.Document) (bool, error) {
	old, err := before.Root()
	if err != nil {
		return false, err
	}
	now, err := after.Root()
	if err != nil {
		return false, err
	}
	for _, role := range []string{rstuf.RoleTimestamp, rstuf.RoleSnapshot} {
		was, err := old.Delegation(role)
		if err != nil {
			return false, err
		}
		is, err := now.Delegation(role)
		if err != nil {
			return false, err
		}
		have := identities(is)
		for key := range identities(was) {
			if !have[key] {
				return true, nil
			}
		}
	}
	return false, nil
}

func identities(d metadata.Delegation) map[string]bool {
	all := map[string]bool{}
	for _, id := range d.KeyIDs {
		all[keyIdentity(id, d.Keys[id])] = true
	}
	return all
}

// keyIdentity is the same for two keys that are one under two ids.
func keyIdentity(id string, key rstuf.Key) string {
	if public, err := keys.FromKey(key); err == nil {
		return public.Identity()
	}
	return id
}
