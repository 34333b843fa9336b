package repository

import (
	"context"
	"errors"
	"iter"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/metadata"
)

// URL is where the metadata is, without credentials.
func (r *Reader) URL() string {
	if r.metadata == nil {
		return ""
	}
	return r.metadata.URL()
}

// Seen gives the top-level roles that were verified so far, for those who want
// to see how a repository is of which [Reader.Refresh] fails: root, and the
// timestamp and the snapshot if it came to them. It fetches nothing.
func (r *Reader) Seen(ctx context.Context) ([]Role, error) {
	if err := r.acquire(ctx); err != nil {
		return nil, r.explain(err)
	}
	defer r.release()
	if r.seen.roots == nil {
		return nil, nil
	}
	root, err := r.seen.root().Root()
	if err != nil {
		return nil, r.explain(err)
	}
	var seen []Role
	for _, doc := range []*metadata.Document{r.seen.root(), r.seen.timestamp, r.seen.snapshot} {
		if doc == nil {
			continue
		}
		delegation, err := root.Delegation(doc.Type())
		seen = append(seen, Role{Name: doc.Type(), By: rstuf.RoleRoot, Delegation: delegation, Document: doc, Err: err})
	}
	return seen, nil
}

// SnapshotsBefore yields the snapshots before the newest one that the server
// still has, the latest first, out of the last most versions. Those that the
// newest root does not verify are left out, such as all from before a rotation of
// keys. Clients may hold any of the others: each was the newest once. It is an
// error if one can't be read; after an error there are no more. Where root does
// not say consistent_snapshot there are none.
func (r *Reader) SnapshotsBefore(ctx context.Context, most int) iter.Seq2[*metadata.Document, error] {
	return func(yield func(*metadata.Document, error) bool) {
		v, err := r.current(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		delegation, err := v.root.Delegation(rstuf.RoleSnapshot)
		if err != nil {
			yield(nil, err)
			return
		}
		if !v.root.ConsistentSnapshot {
			return
		}
		newest := v.snapshot.Version()
		for version := newest - 1; version > 0 && newest-version <= int64(most); version-- {
			doc, err := r.fetch(ctx, v.filename(rstuf.RoleSnapshot, version), delegation, metadata.MetaFile{Version: version})
			if errors.Is(err, ErrThreshold) {
				continue
			}
			if errors.Is(err, ErrUnpublished) || errors.Is(err, transport.ErrForbidden) {
				return
			}
			if err != nil {
				err = r.explain(err)
			}
			if !yield(doc, err) || err != nil {
				return
			}
		}
	}
}
