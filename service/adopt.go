package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/metadata"
	published "example.org/rstuf/repository"
)

// The signed files are the store of what is published, so a service can begin
// from them. All is read and verified first, as a client does it; then it is
// copied; and one commit of the database decides, as for any publication.

// Source is a repository that [Adopt] takes over, and what its files do not
// tell. URL and Root are required.
type Source struct {
	// URL is the folder of its metadata files, http:, https: or file:. That of
	// Config.Dir itself is the way back when state.db is lost.
	URL string
	// HTTP says how to connect to it.
	HTTP published.HTTPConfig
	// Root is the root that is trusted. All is verified from it on.
	Root []byte

	// Wait is how long timestamp.json must stand still: two services with one
	// online key would publish two histories. 0 means 10 seconds.
	Wait time.Duration
	// AllowExpiredUnsafe takes a repository whose time is over, and signs it
	// anew. Whoever holds an old copy can pass it off as the newest state.
	AllowExpiredUnsafe bool

	// Expiration are the lives of roles in days, "bins" for all hash bins. What
	// is not here comes from Settings, from the delegations (custom roles), or
	// is a ceremony's default, which [Adopted.Notes] tells.
	Expiration map[string]int
	// Settings is the old service's answer to GET /config/, and Pending to GET
	// /metadata/sign; nil where it can't be asked.
	Settings *rstuf.RepositorySettings
	Pending  *rstuf.PendingMetadata
	// Unpublished is what the old service had accepted and not published, where
	// its database tells. The new one publishes it when it is opened.
	Unpublished []Unpublished
}

const defaultWait = 10 * time.Second

// Adopted is what [Adopt] has done.
type Adopted struct {
	// Root is the version of the newest root, and Timestamp that of the
	// timestamp which the adoption has published.
	Root      int64 `json:"root"`
	Timestamp int64 `json:"timestamp"`
	// Roles is how many roles there are beside root, and Files how many files
	// were copied.
	Roles int `json:"roles"`
	Files int `json:"files"`
	// Expiration are the lives that roles have from now on, in days.
	Expiration map[string]int `json:"expiration"`
	// Relisted are roles that an older snapshot lists and the newest did not:
	// clients that had seen them refused it, and can go on now.
	Relisted []string `json:"relisted"`
	// Signing are the roles that wait for signatures.
	Signing []string `json:"signing"`
	// Queued is how many changes of Source.Unpublished wait now.
	Queued int `json:"queued"`
	// Lost is set where state.db was gone or damaged beside the files.
	Lost *Lost `json:"lost,omitempty"`
	// Notes say what was not known, and what was taken instead.
	Notes []string `json:"notes"`
}

// ErrNotLost is the error of [Adopt] into a folder whose state.db is fine.
var ErrNotLost = errors.New("nothing is to be adopted")

// Adopt takes over a repository from what it has published, into a folder that
// holds none: from a deployed RSTUF, or from the files of the folder itself when
// state.db is lost. Everything is verified from the trusted root on; then the
// files are copied, and a new timestamp is published. Versions go on from those
// of the source, so that no client sees anything go back. The source is only
// read. What its service had accepted and not published is not in its files:
// publish it first, or give it as [Source.Unpublished].
//
// The online key must be there as for [Open]. The service of the source must
// have ended; whether timestamp.json stands still is looked at twice. An error
// or a crash leaves nothing adopted, and Adopt can be called again; or all of
// it, and [Open] goes on.
func Adopt(ctx context.Context, cfg Config, source Source) (*Adopted, error) {
	done, err := adopt(ctx, cfg, source, &durable.Disk{Unsafe: cfg.UnsafeNoSync})
	if err != nil {
		return nil, fmt.Errorf("adopt into %s: %w", cfg.Dir, err)
	}
	return done, nil
}

// adoption is a repository that is taken over.
type adoption struct {
	s      *Service
	source Source
	reader *published.Reader
	done   *Adopted

	found  found
	state  state
	queued []record
}

func adopt(ctx context.Context, cfg Config, source Source, disk *durable.Disk) (_ *Adopted, err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	setDefault(&source.Wait, defaultWait)
	a := &adoption{s: newService(cfg, disk), source: source, done: &Adopted{Relisted: []string{}, Signing: []string{}, Notes: []string{}}}
	defer func() {
		if a.s.store != nil {
			err = errors.Join(err, a.s.store.Close())
		}
	}()
	if err := a.checkDatabase(ctx); err != nil {
		return nil, err
	}
	if err := a.read(ctx); err != nil {
		return nil, err
	}
	if err := a.settle(); err != nil {
		return nil, err
	}
	a.queueUnpublished()
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	if err := a.publish(ctx); err != nil {
		return nil, err
	}
	return a.done, nil
}

// open makes the folder and its database where they are not there. From here on
// the folder is changed.
func (a *adoption) open(ctx context.Context) (err error) {
	s := a.s
	if s.store == nil {
		if err := a.setAside(); err != nil {
			return err
		}
		if err := s.openStore(ctx); err != nil {
			return err
		}
		if err := s.load(ctx); err != nil {
			return err
		}
	}
	if s.storage == nil && s.cfg.Replicas == nil {
		s.storage, err = newFolder(s.folder(), s.disk)
		return err
	}
	return s.probe(ctx)
}

// publish makes the repository that was read the service's own.
func (a *adoption) publish(ctx context.Context) error {
	s := a.s
	names, err := a.names(ctx)
	if err != nil {
		return err
	}
	a.missDatabase(ctx)
	s.repo = a.repository(s.repo.skips)
	if err := s.begin(ctx, names); err != nil {
		return err
	}
	if err := s.store.Commit(ctx, changes{{tableState, keyAdopting, []byte{1}}}); err != nil {
		return err
	}
	if err := a.copy(ctx); err != nil {
		return err
	}
	p := s.newPublication()
	if err := a.fill(ctx, p); err != nil {
		return err
	}
	if err := p.complete(ctx); err != nil {
		return err
	}
	if err := a.standsStill(ctx); err != nil {
		return err
	}
	p.also = a.unchanged(p)
	for _, request := range a.queued {
		p.also.put(tableQueue, s.queue.nextID().key(), seal(request))
	}
	if err := s.commit(ctx, p); err != nil {
		return err
	}
	a.done.Root, a.done.Timestamp = s.repo.root.Version(), s.repo.roles.get(rstuf.RoleTimestamp).version
	return s.end(ctx)
}

// repository is what the source has published, as the state before the first
// publication here. Versions skip one, as after a crash: a file that nothing
// named may have been fetched all the same.
func (a *adoption) repository(skips int64) *repository {
	f := &a.found
	return &repository{
		state: a.state, root: trusted(f.root()), timestamp: f.timestamp.Bytes(), snapshot: f.snapshot, targets: f.targets,
		delegations: f.delegations, roles: newRoleTable(f.infos), skips: skips, signing: map[string]*metadata.Document{}, adopting: true,
	}
}

// fill makes what is new: the timestamp, and whatever is due or missing.
func (a *adoption) fill(ctx context.Context, p *publication) error {
	if err := p.bump(ctx, p.due(p.now.Add(a.s.cfg.BumpBefore))); err != nil {
		return err
	}
	for role, doc := range a.found.signing {
		p.park(role, doc)
	}
	if err := a.parkAnew(ctx, p); err != nil {
		return err
	}
	for role := range p.next.signing {
		a.done.Signing = append(a.done.Signing, role)
	}
	slices.Sort(a.done.Signing)
	if len(a.done.Relisted) > 0 {
		p.touch(rstuf.RoleSnapshot)
	}
	p.touch(rstuf.RoleTimestamp)
	return nil
}

// unchanged is what a publication leaves as it is, and the database does not know.
func (a *adoption) unchanged(p *publication) (c changes) {
	c.put(tableState, keyRoot, seal(a.found.root().Bytes()))
	for role, info := range a.found.infos {
		if _, again := p.changed[role]; !again {
			c.put(tableRoles, role, info.encode())
		}
	}
	return c
}
