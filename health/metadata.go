package health

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// examineMetadata looks at the chain of roots, and then at all roles.
func (x *examination) examineMetadata(ctx context.Context) {
	x.r.Metadata = x.Reader.URL()
	if x.Unpinned {
		x.find(rootUnpinned, ofRole(rstuf.RoleRoot), "it was not compared with a pinned one")
	}
	roots, err := x.Reader.Roots(ctx)
	if err != nil {
		x.unreadMetadata(ctx, "all metadata but the root that is trusted", err)
		x.examineSeen(ctx)
		return
	}
	x.examineChain(roots)
	defer x.compareRoot(roots[len(roots)-1])
	if err := x.Reader.Refresh(ctx); err != nil {
		x.stopped(ctx, 0, err)
		return
	}
	n := 0
	for role, err := range x.Reader.Roles(ctx) {
		if err != nil {
			x.stopped(ctx, n, err)
			return
		}
		n++
		x.examineRole(role)
		delete(x.custom, edge{role.By, role.Name}) // each delegation is walked once
		if x.SkipDelegated && role.Name == rstuf.RoleTargets && role.By == rstuf.RoleRoot {
			x.notSeen(whatDelegated, "they were skipped, as asked for")
			break
		}
		if x.bins != nil && x.MostBins > 0 && x.bins.Count > x.MostBins {
			break // a role with hash bins has no others
		}
	}
	x.examineSnapshots(ctx)
}

// withoutMetadata looks at what the API tells of the metadata.
func (x *examination) withoutMetadata(ctx context.Context) {
	const some = "timestamp, snapshot and delegated roles"
	switch {
	case x.Unread != nil:
		x.unreadMetadata(ctx, "all metadata", x.Unread)
	case x.nothing:
		x.notSeen("all metadata", nothingYet)
	default:
		x.find(metadataSkipped, finding{}, "no metadata URL is known: %s were not looked at", some)
		x.notSeen(some, "no metadata URL is known")
	}
	x.examineSettings()
}

// unreadMetadata is a finding about metadata that could not be read; where there
// is no repository yet, what is not there is none.
func (x *examination) unreadMetadata(ctx context.Context, what string, err error) {
	if x.nothing && !errors.Is(err, repository.ErrUnavailable) {
		x.notSeen(what, nothingYet)
		return
	}
	x.unread(ctx, metadataUnread, finding{}, what, err)
}

// stopped notes that the roles end with an error, after n of them.
func (x *examination) stopped(ctx context.Context, n int, err error) {
	if errors.Is(err, repository.ErrRoleRemoved) {
		x.find(roleRemoved, ofRole(rstuf.RoleSnapshot), "%v", err)
		x.notSeen(whatBelowRoot, err.Error())
		x.examineSeen(ctx)
		return
	}
	what := "timestamp, snapshot, targets and all delegated roles"
	if n > 0 {
		x.unreadMetadata(ctx, fmt.Sprintf("the roles after the first %d", n), err)
		return
	}
	x.unreadMetadata(ctx, what, err)
	x.examineSeen(ctx)
}

// examineSeen looks at the top-level roles that were verified before something
// failed.
func (x *examination) examineSeen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // it fetches nothing
	defer cancel()
	seen, err := x.Reader.Seen(ctx)
	if err != nil {
		return
	}
	for _, role := range seen {
		x.examineRole(role)
	}
}

// examineRole looks at one role.
func (x *examination) examineRole(role repository.Role) {
	switch {
	case errors.Is(role.Err, repository.ErrNotSigned):
		x.find(roleUnsigned, ofRole(role.Name), "it is not published yet")
		x.verdicts.unsigned(role.Name)
	case role.Err != nil:
		x.find(roleUnread, ofRole(role.Name), "%v", role.Err)
		x.notSeen("role "+cut(role.Name), role.Err.Error())
	case role.Name == rstuf.RoleRoot && role.By == rstuf.RoleRoot:
		root, err := role.Document.Root()
		if err != nil {
			x.find(roleUnread, ofRole(role.Name), "%v", err)
			return
		}
		x.examineRoot(role.Document, root, FromMetadata)
	default:
		about := Role{By: role.By, From: FromMetadata, Verified: true}
		if role.Document.Type() == rstuf.RoleTargets {
			x.examineTargets(about, role.Document, role.Delegation)
			return
		}
		x.examineLengths(role.Document)
		x.add(x.examineDocument(about, role.Document, role.Delegation))
	}
}

// examineLengths notes the files whose length the timestamp or the snapshot
// tells: clients take them whatever size they have.
func (x *examination) examineLengths(doc *metadata.Document) {
	var meta map[string]metadata.MetaFile
	if doc.Type() == rstuf.RoleTimestamp {
		if timestamp, err := doc.Timestamp(); err == nil {
			meta = timestamp.Meta
		}
	} else if snapshot, err := doc.Snapshot(); err == nil {
		meta = snapshot.Meta
	}
	for file, told := range meta {
		if told.Length != nil {
			x.lengths[file] = true
		}
	}
	if doc.Type() == rstuf.RoleSnapshot {
		x.listed, x.snapshot = meta, doc
	}
}

// compareRoot compares the newest root with the one that the API trusts.
func (x *examination) compareRoot(newest *metadata.Document) {
	if x.settings == nil {
		return
	}
	if known, err := metadata.Parse(x.settings.TrustedRoot); err == nil && known.Version() != newest.Version() {
		x.find(rootDiffers, ofRole(rstuf.RoleRoot), "the API has version %d and the metadata server version %d", known.Version(), newest.Version())
	}
}

// mostSnapshots bounds the bytes of older snapshots that are read.
const mostSnapshots = 4 << 20

// examineSnapshots looks at the snapshots before the newest, for roles that were
// removed and for when something was published.
func (x *examination) examineSnapshots(ctx context.Context) {
	// Of hash bins none is deleted, and when something was published is known if
	// it is known how long a snapshot lives.
	life := x.life(rstuf.RoleRoot, rstuf.RoleSnapshot)
	x.published(x.snapshot, life)
	if x.policy.OldSnapshots < 0 || x.snapshot == nil || x.bins != nil && life == 0 {
		return
	}
	size := 0
	for doc, err := range x.Reader.SnapshotsBefore(ctx, x.policy.OldSnapshots) {
		if err != nil {
			x.unread(ctx, snapshotsUnread, ofRole(rstuf.RoleSnapshot), "the snapshots before the newest one", err)
			return
		}
		today := x.published(doc, life)
		if x.bins == nil {
			x.examineRemoved(doc)
		}
		if size += len(doc.Bytes()); size > mostSnapshots || x.bins != nil && !today {
			return
		}
	}
}

// published notes when a snapshot was made, if that is known and within a day.
func (x *examination) published(snapshot *metadata.Document, life time.Duration) bool {
	if snapshot == nil || life == 0 {
		return false
	}
	at := snapshot.Expires().Add(-life)
	if at.Before(x.now.Add(-24 * time.Hour)) {
		return false
	}
	x.r.Published = append(x.r.Published, Publication{snapshot.Version(), at})
	return true
}

// examineRemoved looks for roles that an older snapshot lists and the newest one
// does not: clients that hold the older one refuse the newest, as the
// specification has it (section 5.5.5). RSTUF's worker makes such snapshots when
// a delegation is deleted.
func (x *examination) examineRemoved(doc *metadata.Document) {
	snapshot, err := doc.Snapshot()
	if err != nil {
		x.find(snapshotsUnread, ofRole(rstuf.RoleSnapshot), "%v", err)
		return
	}
	for _, file := range slices.Sorted(maps.Keys(snapshot.Meta)) {
		if _, listed := x.listed[file]; !listed {
			x.listed[file] = metadata.MetaFile{} // told once
			x.find(roleRemoved, ofRole(strings.TrimSuffix(file, ".json")), "snapshot version %d lists it and the newest does not: clients that hold a snapshot up to that one refuse every later one", doc.Version())
		}
	}
}
