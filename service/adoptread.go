package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	published "example.org/rstuf/repository"
)

// found is what a source has published, verified.
type found struct {
	roots                        []*metadata.Document // one after the other, the newest last
	timestamp, snapshot, targets *metadata.Document
	delegations                  *metadata.Delegations
	// infos are the roles that the snapshot names and somebody delegates to,
	// with snapshot and timestamp.
	infos map[string]roleInfo
	// unsigned are the delegated roles that the snapshot does not name.
	unsigned []string
	// listed are the other roles that this snapshot or an older one names, with
	// their last versions.
	listed map[string]int64
	// signing are the documents that wait for signatures, and anew those of
	// them whose time is over: they are to be made again.
	signing, anew map[string]*metadata.Document
}

func (f *found) root() *metadata.Document { return f.roots[len(f.roots)-1] }

// read verifies all that the source has published, and changes nothing.
func (a *adoption) read(ctx context.Context) (err error) {
	a.reader, err = published.New(published.Config{
		MetadataURL: a.source.URL, HTTP: a.source.HTTP, Now: a.s.cfg.Now,
		AllowExpiredUnsafe: a.source.AllowExpiredUnsafe, MaxRoots: math.MaxInt,
	}, published.TrustRoot(a.source.Root))
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := a.reader.Refresh(ctx); err != nil {
		return explainSource(err)
	}
	if err := a.readRoots(ctx); err != nil {
		return err
	}
	if err := a.checkOnlineKey(ctx); err != nil {
		return err
	}
	if err := a.readRoles(ctx); err != nil {
		return explainSource(err)
	}
	if err := a.checkDelegations(); err != nil {
		return err
	}
	a.readOlder(ctx)
	timer := time.NewTimer(a.source.Wait - time.Since(begun))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return a.standsStill(ctx)
}

// explainSource says what to do about a source that does not verify.
func explainSource(err error) error {
	switch {
	case errors.Is(err, published.ErrExpired):
		return fmt.Errorf("%w: if it is known to be the newest state, --adopt-expired-unsafe (Source.AllowExpiredUnsafe) takes it and signs it anew", err)
	case errors.Is(err, published.ErrThreshold):
		return fmt.Errorf("%w: the trusted root is not this repository's, or files of another one are among its own", err)
	case errors.Is(err, published.ErrUnpublished):
		return fmt.Errorf("%w: the source is not whole, name one that is", err)
	}
	return err
}

// errMoves is the error of a source that somebody still publishes to.
var errMoves = errors.New("the source still changes: stop the service that publishes there, for two with one online key publish two histories")

// standsStill looks again whether the source is what was read.
func (a *adoption) standsStill(ctx context.Context) error {
	if err := a.reader.Refresh(ctx); err != nil {
		return explainSource(err)
	}
	seen, err := a.reader.Seen(ctx)
	if err != nil {
		return err
	}
	for _, role := range seen {
		now, was := role.Document.Version(), int64(0)
		switch role.Name {
		case rstuf.RoleRoot:
			was = a.found.root().Version()
		case rstuf.RoleTimestamp:
			was = a.found.timestamp.Version()
		default:
			continue
		}
		if now != was {
			return fmt.Errorf("%w (%s was version %d and is version %d)", errMoves, role.Name, was, now)
		}
	}
	return nil
}

// checkOnlineKey opens the online key, without which nothing can be published.
func (a *adoption) checkOnlineKey(ctx context.Context) error {
	root, err := a.found.root().Root()
	if err != nil {
		return err
	}
	if !root.ConsistentSnapshot {
		return errors.New("root does not say consistent_snapshot: such a repository is not RSTUF's")
	}
	if err := a.s.signers.start(a.s.cfg); err != nil {
		return err
	}
	_, err = a.s.signers.forRoot(ctx, trusted(a.found.root()))
	return err
}

// readRoles verifies every role.
func (a *adoption) readRoles(ctx context.Context) error {
	f := &a.found
	f.infos = map[string]roleInfo{}
	var failed []error
	for role, err := range a.reader.Roles(ctx) {
		if err != nil {
			return err
		}
		switch {
		case errors.Is(role.Err, published.ErrNotSigned):
			f.unsigned = append(f.unsigned, role.Name)
			continue
		case role.Err != nil:
			failed = append(failed, fmt.Errorf("role %s: %w", quote.Word(role.Name), role.Err))
			continue
		}
		doc := role.Document
		switch role.Name {
		case rstuf.RoleRoot:
			continue
		case rstuf.RoleTimestamp:
			f.timestamp = doc
		case rstuf.RoleSnapshot:
			f.snapshot = doc
		case rstuf.RoleTargets:
			f.targets = doc
		}
		f.infos[role.Name] = roleInfo{version: doc.Version(), expires: doc.Expires(), sum: sha256.Sum256(doc.Bytes())}
	}
	if len(failed) == 0 {
		return nil
	}
	if more := len(failed) - 1; more > 0 {
		return fmt.Errorf("%w (and %s more)", failed[0], quote.Count(more, "role"))
	}
	return failed[0]
}

// checkDelegations refuses delegations that this service could not go on with.
func (a *adoption) checkDelegations() error {
	view, err := a.found.targets.Targets()
	if err != nil {
		return err
	}
	d := view.Delegations
	if d == nil {
		return errors.New("its targets role delegates to no other: such a repository is not RSTUF's")
	}
	a.found.delegations = d
	root, err := a.found.root().Root()
	if err != nil {
		return err
	}
	online, err := metadata.OnlineKey(root)
	if err != nil {
		return err
	}
	id := root.Roles[rstuf.RoleTimestamp].KeyIDs[0]
	if d.Succinct != nil {
		if len(d.Succinct.KeyIDs) != 1 || d.Succinct.KeyIDs[0] != id {
			return errors.New("its hash bins are not the online key's alone: such a repository is not RSTUF's")
		}
		bins, err := d.Succinct.Bins()
		if err != nil {
			return err
		}
		_, err = metadata.NewHashBins(bins.Count())
		return err
	}
	for _, role := range d.Roles {
		if !rules.IsDelegatedRoleName(role.Name) {
			return fmt.Errorf("the role name %s is not allowed here: have the old service remove that role first", quote.Word(role.Name))
		}
		for _, by := range role.KeyIDs {
			key, err := keys.FromKey(d.Keys[by])
			if by != id && err == nil && key.Same(online) || by == id && len(role.KeyIDs) > 1 {
				return fmt.Errorf("the role %s has the online key beside others or under another id: have the old service remove that role first", role.Name)
			}
		}
	}
	return nil
}

// readOlder finds the roles that snapshots list and nobody delegates to any
// more. RSTUF's worker takes removed roles out of the snapshot, and clients that
// hold one with them refuse every later one without. Hash bins are never removed.
func (a *adoption) readOlder(ctx context.Context) {
	f := &a.found
	f.listed = map[string]int64{}
	newest, err := f.snapshot.Snapshot()
	if err == nil {
		a.listNames(newest)
	}
	if f.delegations.Succinct != nil {
		return
	}
	for doc, err := range a.reader.SnapshotsBefore(ctx, math.MaxInt) {
		var older *metadata.Snapshot
		if err == nil {
			older, err = doc.Snapshot()
		}
		if err != nil {
			a.note("not all older snapshots can be read, and roles that they alone list are not known: %v", err)
			break
		}
		a.listNames(older)
	}
	for role := range f.listed {
		if _, there := newest.Meta[role+".json"]; !there {
			a.done.Relisted = append(a.done.Relisted, role)
		}
	}
	slices.Sort(a.done.Relisted)
}

func (a *adoption) listNames(snapshot *metadata.Snapshot) {
	for _, file := range slices.Sorted(maps.Keys(snapshot.Meta)) {
		role := strings.TrimSuffix(file, ".json")
		if _, there := a.found.infos[role]; !there {
			a.found.listed[role] = max(a.found.listed[role], snapshot.Meta[file].Version)
		}
	}
}

func (a *adoption) note(format string, args ...any) {
	a.done.Notes = append(a.done.Notes, quote.Line(fmt.Sprintf(format, args...)))
}
