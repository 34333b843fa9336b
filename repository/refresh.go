package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/metadata"
)

// refresh is the client workflow of the TUF specification, section 5.3 to 5.6.
// Whatever it verifies is kept, also when a later step fails.
func (r *Reader) refresh(ctx context.Context) error {
	if err := r.refreshRoots(ctx); err != nil {
		return err
	}
	root, err := r.seen.root().Root()
	if err != nil {
		return err
	}
	if err := r.checkExpiry(rstuf.RoleRoot, r.seen.root()); err != nil {
		return err
	}
	if err := r.refreshTimestamp(ctx, root); err != nil {
		return err
	}
	meta, err := r.refreshSnapshot(ctx, root)
	if err != nil {
		return err
	}
	v := &view{
		reader: r, fetched: r.now(), root: root, meta: meta, roles: map[edge]*loaded{}, before: r.lastView().known(),
		roots: r.seen.roots[:len(r.seen.roots):len(r.seen.roots)], timestamp: r.seen.timestamp, snapshot: r.seen.snapshot,
	}
	delegation, err := root.Delegation(rstuf.RoleTargets)
	if err != nil {
		return err
	}
	if v.targets, err = v.read(ctx, delegation); err != nil {
		return err
	}
	if v.top, err = v.targets.Targets(); err != nil {
		return err
	}
	if err := r.checkExpiry(rstuf.RoleTargets, v.targets); err != nil {
		return err
	}
	r.setView(v)
	return nil
}

func (r *Reader) setView(v *view) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view = v
}

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
// keys is not answered from any more.
func (r *Reader) follow(next *metadata.Document) error {
	rotated, err := keysRotated(r.seen.root(), next)
	if err != nil {
		return err
	}
	r.seen.roots = append(r.seen.roots, next)
	if !rotated {
		return nil
	}
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

// refreshTimestamp fetches the timestamp (section 5.4).
func (r *Reader) refreshTimestamp(ctx context.Context, root *metadata.Root) error {
	delegation, err := root.Delegation(rstuf.RoleTimestamp)
	if err != nil {
		return err
	}
	name := metadata.Filename(rstuf.RoleTimestamp, 0)
	data, err := r.metadata.Fetch(ctx, name, maxTimestamp)
	if err != nil {
		return lacks(err)
	}
	next, err := verified(name, data, delegation)
	if err != nil {
		return err
	}
	content, err := next.Timestamp()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if old := r.seen.timestamp; old == nil || next.Version() > old.Version() {
		if old != nil {
			known, err := old.Timestamp()
			if err != nil {
				return err
			}
			if was, is := known.Meta[snapshotFile].Version, content.Meta[snapshotFile].Version; is < was {
				return fmt.Errorf("%s: it names snapshot version %d: %w: version %d", name, is, ErrRollback, was)
			}
		}
		if err := r.cache.put(delegation, next); err != nil {
			return err
		}
		r.seen.timestamp = next
	} else if next.Version() < old.Version() {
		return fmt.Errorf("%s: version %d: %w: version %d", name, next.Version(), ErrRollback, old.Version())
	}
	return r.checkExpiry(rstuf.RoleTimestamp, r.seen.timestamp)
}

const snapshotFile = rstuf.RoleSnapshot + ".json"

// refreshSnapshot makes sure that the snapshot is the one that the timestamp
// names (section 5.5), and returns what it lists.
func (r *Reader) refreshSnapshot(ctx context.Context, root *metadata.Root) (map[string]metadata.MetaFile, error) {
	timestamp, err := r.seen.timestamp.Timestamp()
	if err != nil {
		return nil, err
	}
	want := timestamp.Meta[snapshotFile]
	var meta map[string]metadata.MetaFile
	if old := r.seen.snapshot; old != nil {
		known, err := old.Snapshot()
		if err != nil {
			return nil, err
		}
		meta = known.Meta
		if old.Version() == want.Version && checkFile(ctx, old.Bytes(), want) == nil {
			return meta, r.checkExpiry(rstuf.RoleSnapshot, old)
		}
	}
	delegation, err := root.Delegation(rstuf.RoleSnapshot)
	if err != nil {
		return nil, err
	}
	name := filename(rstuf.RoleSnapshot, want.Version, root.ConsistentSnapshot)
	next, err := r.fetch(ctx, name, delegation, want)
	if err != nil {
		return nil, err
	}
	content, err := next.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for file, was := range meta {
		is, listed := content.Meta[file]
		switch role := strings.TrimSuffix(file, ".json"); {
		case !listed:
			return nil, fmt.Errorf("%s: %w: %q", name, ErrRoleRemoved, role)
		case is.Version < was.Version:
			return nil, fmt.Errorf("%s: it names %q version %d: %w: version %d", name, role, is.Version, ErrRollback, was.Version)
		}
	}
	if err := r.cache.put(delegation, next); err != nil {
		return nil, err
	}
	r.seen.snapshot = next
	return content.Meta, r.checkExpiry(rstuf.RoleSnapshot, next)
}

// ForgetVersionsUnsafe begins anew from the newest trusted root, as if no
// timestamp and no snapshot had been seen: a server can then go back to any
// older state that has not expired. It is the way out of [ErrRoleRemoved], for
// when people know that the role was removed on purpose.
func (r *Reader) ForgetVersionsUnsafe(ctx context.Context) error {
	if err := r.acquire(ctx); err != nil {
		return r.explain(err)
	}
	defer r.release()
	r.seen.timestamp, r.seen.snapshot = nil, nil
	r.setView(nil)
	return r.cache.drop(rstuf.RoleTimestamp, rstuf.RoleSnapshot)
}

// fetch reads a file that another one names, and verifies it.
func (r *Reader) fetch(ctx context.Context, name string, delegation metadata.Delegation, want metadata.MetaFile) (*metadata.Document, error) {
	if want.Version < 1 {
		return nil, fmt.Errorf("nothing names a version of %s", delegation.Role)
	}
	data, err := r.metadata.Fetch(ctx, name, limit(want))
	if err != nil {
		return nil, lacks(err)
	}
	if err := checkFile(ctx, data, want); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	doc, err := verified(name, data, delegation)
	if err != nil {
		return nil, err
	}
	if doc.Version() != want.Version {
		return nil, fmt.Errorf("%s: it has version %d, not %d", name, doc.Version(), want.Version)
	}
	return doc, nil
}

// verified reads a document that is signed as the delegation asks.
func verified(name string, data []byte, delegation metadata.Delegation) (*metadata.Document, error) {
	doc, err := metadata.Parse(data)
	if err == nil {
		err = delegation.Verify(doc).Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc, nil
}

// lacks tells a metadata file that is not there from an artifact that no role
// has.
func lacks(err error) error {
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %s", ErrUnpublished, err)
	}
	return err
}

// filename is the name of a role's file on the server: without the version
// where root says that snapshots are not consistent.
func filename(role string, version int64, consistent bool) string {
	name := metadata.Filename(role, version)
	if !consistent {
		name = strings.TrimPrefix(name, strconv.FormatInt(version, 10)+".")
	}
	return name
}

// checkFile compares a metadata file with the length and the hashes that its
// parent names, if it names any.
func checkFile(ctx context.Context, data []byte, want metadata.MetaFile) error {
	if want.Length != nil && *want.Length != int64(len(data)) {
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrMismatch, len(data), *want.Length)
	}
	if len(want.Hashes) == 0 {
		return nil
	}
	if len(checkable(want.Hashes)) == 0 {
		return errNoHash
	}
	return compare(ctx, bytes.NewReader(data), int64(len(data)), want.Hashes)
}

// limit is how many bytes a file may have.
func limit(want metadata.MetaFile) int64 {
	if want.Length != nil {
		return min(*want.Length, maxOther)
	}
	return maxOther
}
