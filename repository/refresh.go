package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// refresh is the client workflow of the TUF specification, section 5.3 to 5.6.
// Whatever it verifies is kept, also when a later step fails; but for a root,
// what is over when it comes is not.
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
	if v != nil {
		r.consistent.Store(v.root.ConsistentSnapshot)
	}
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
		if err := r.checkExpiry(rstuf.RoleTimestamp, next); err != nil {
			return err // it was over when it came: section 5.4.4 discards it
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
	if err := r.checkExpiry(rstuf.RoleSnapshot, next); err != nil {
		return nil, err // as a timestamp: section 5.5.6
	}
	if err := r.cache.put(delegation, next); err != nil {
		return nil, err
	}
	r.seen.snapshot = next
	return content.Meta, nil
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
	if err := r.begin(ctx); err != nil { // such as a cache that is not ours
		return r.explain(err)
	}
	return r.forget()
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
