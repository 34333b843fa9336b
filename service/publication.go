package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// publication is the next state of the repository in the making. What it
// writes nobody sees until it is committed.
type publication struct {
	storage Storage
	files   *ledger
	recent  *recent
	keys    *signerCache
	log     *slog.Logger
	now     time.Time
	began   time.Time // on a clock that nobody sets
	old     *repository
	next    *repository // a copy of old; its roles are in changed until the end
	// signers sign what this publication makes. While the online key changes
	// there are two, and top-level roles carry both signatures, so that
	// clients with the old root and with the new one can read them.
	signers []onlineSigner // by openSigners
	ended   []ended
	// also is what else becomes true with this publication.
	also changes

	mu      sync.Mutex
	changed map[string]roleInfo
}

// newPublication begins a publication. It knows nothing of the service that it
// is made for.
func (s *Service) newPublication() *publication {
	return &publication{
		storage: s.storage, files: s.files, recent: s.recent, keys: s.signers, log: s.cfg.Logger, now: s.cfg.Now(), began: time.Now(),
		old: s.repo, next: s.repo.clone(), changed: map[string]roleInfo{},
	}
}

// published tells whether clients will see anything new.
func (p *publication) published() bool { return len(p.changed) > 0 || p.next.root != p.old.root }

// online opens the online key of the next root.
func (p *publication) online(ctx context.Context) (onlineSigner, error) {
	signers, err := p.openSigners(ctx)
	if err != nil {
		return onlineSigner{}, err
	}
	return signers[0], nil
}

// openSigners are the signers, the online key of the next root first.
func (p *publication) openSigners(ctx context.Context) ([]onlineSigner, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.signers) == 0 {
		signer, err := p.keys.forRoot(ctx, p.next.root)
		if err != nil {
			return nil, err
		}
		p.signers = []onlineSigner{signer}
	}
	return p.signers, nil
}

// isOnline tells whether the online key signs a role.
func (p *publication) isOnline(ctx context.Context, role string) (bool, error) {
	online, err := p.online(ctx)
	return p.next.online(role, online.id), err
}

// put signs a role's next version and writes its file. Other goroutines may do
// the same with other roles.
func (p *publication) put(ctx context.Context, role string, doc *metadata.Document) error {
	if err := p.sign(ctx, role, doc); err != nil {
		return err
	}
	return p.putSigned(ctx, role, doc)
}

func (p *publication) sign(ctx context.Context, role string, doc *metadata.Document) error {
	signers, err := p.openSigners(ctx)
	if err != nil {
		return err
	}
	for i, signer := range signers {
		if i > 0 && !rules.IsTopLevelRole(role) {
			break
		}
		if err := signer.sign(ctx, doc); err != nil {
			return fmt.Errorf("%s: %w", role, err)
		}
	}
	return nil
}

// putSigned writes the file of a role that is signed already.
func (p *publication) putSigned(ctx context.Context, role string, doc *metadata.Document) error {
	if len(doc.Bytes()) > metadata.MaxSize {
		return &unpublishable{role, fmt.Errorf("%d bytes are too many for one role, the most is %d", len(doc.Bytes()), metadata.MaxSize)}
	}
	return p.putFile(ctx, role, doc.Version(), doc.Expires(), doc.Bytes())
}

func (p *publication) putFile(ctx context.Context, role string, version int64, expires time.Time, data []byte) error {
	p.files.write(role, version)
	err := p.storage.Create(ctx, metadata.Filename(role, version), data)
	if errors.Is(err, fs.ErrExist) { // of somebody else, who may publish it: the next attempt passes it by
		p.files.taken(role, version)
	}
	if err != nil {
		return fmt.Errorf("write %s version %d: %w", role, version, err)
	}
	info := roleInfo{version, expires, sha256.Sum256(data), p.old.skips}
	p.recent.keep(role, info, data)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed[role] = info
	return nil
}

// writers is how many roles are made at once: enough for a storage that is far
// away.
const writers = 16

// each does something for many roles at once.
func each[T any](ctx context.Context, list []T, do func(context.Context, T) error) error {
	group, groupCtx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(writers, len(list)) {
		group.Go(func() error {
			for groupCtx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(list)) {
					break
				}
				if err := guarded(func() error { return do(groupCtx, list[i]) }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err() // else some may have been left out
}

// read returns the published document of a role; nil if there is none.
func (p *publication) read(ctx context.Context, role string) (*metadata.Document, error) {
	info := p.old.roles.get(role)
	if info.version == 0 {
		return nil, nil
	}
	data, ok := p.recent.get(role, info)
	if !ok {
		var err error
		if data, err = readRole(ctx, p.storage, role, info); err != nil {
			return nil, err
		}
	}
	return metadata.Parse(data)
}

// readRole reads a role's file and compares it with what was written.
func readRole(ctx context.Context, storage Storage, role string, info roleInfo) ([]byte, error) {
	name := metadata.Filename(role, info.version)
	data, err := storage.Read(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if sha256.Sum256(data) != info.sum {
		return nil, fmt.Errorf("%s %w: it is not what was published; put the right file in its place", name, errDamaged)
	}
	return data, nil
}

var errDamaged = errors.New("is damaged")

// targetsBody is the frame of a role's next version, without its targets.
func (p *publication) targetsBody(role string) *metadata.Targets {
	body := &metadata.Targets{Version: p.version(role), Expires: p.next.expires(role, p.now)}
	if role == rstuf.RoleTargets {
		body.Delegations = p.next.delegations
	}
	return body
}

// resign makes the next version of an online targets role with the artifacts
// that it has.
func (p *publication) resign(ctx context.Context, role string) error {
	old, err := p.read(ctx, role)
	if err != nil {
		return err
	}
	doc, err := withTargets(p.targetsBody(role), old)
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	if role == rstuf.RoleTargets {
		p.next.targets = doc
	}
	return p.put(ctx, role, doc)
}

// withTargets is a document with the artifacts of another one, which may be
// nil.
func withTargets(body *metadata.Targets, from *metadata.Document) (*metadata.Document, error) {
	w, err := metadata.NewTargetsWriter(body)
	if err != nil {
		return nil, err
	}
	if from == nil {
		return w.Document(), nil
	}
	files, err := from.TargetFiles()
	if err != nil {
		return nil, err
	}
	for path, form := range files {
		if err := w.AddCanonical(path, form); err != nil {
			return nil, err
		}
	}
	return w.Document(), nil
}

// complete makes snapshot and timestamp if anything changed, and waits until
// all files are durable.
func (p *publication) complete(ctx context.Context) error {
	if len(p.changed) == 0 {
		return nil
	}
	if err := p.putSnapshot(ctx); err != nil {
		return err
	}
	if err := p.putTimestamp(ctx); err != nil {
		return err
	}
	if err := p.storage.Sync(ctx); err != nil {
		return fmt.Errorf("sync metadata files: %w", err)
	}
	p.next.roles = p.old.roles.with(p.changed)
	return nil
}

// putSnapshot makes the next snapshot, unless the timestamp alone changes.
func (p *publication) putSnapshot(ctx context.Context) error {
	if _, only := p.changed[rstuf.RoleTimestamp]; only && len(p.changed) == 1 {
		return nil
	}
	version, expires := p.version(rstuf.RoleSnapshot), p.next.expires(rstuf.RoleSnapshot, p.now)
	list := maps.All(p.changed)
	if p.old.snapshot == nil { // the first, or the last one is damaged: the database knows what to list
		list = p.old.roles.with(p.changed).all()
	}
	changed := map[string]int64{}
	for role, info := range list {
		if role != rstuf.RoleSnapshot && role != rstuf.RoleTimestamp {
			changed[role] = info.version
		}
	}
	for role, listed := range p.next.state.Listed {
		if _, again := changed[role]; !again && p.old.roles.get(role).version == 0 {
			changed[role] = listed
		}
	}
	doc, err := metadata.NextSnapshot(p.old.snapshot, version, expires, changed)
	if err != nil {
		return err
	}
	p.next.snapshot = doc
	return p.put(ctx, rstuf.RoleSnapshot, doc)
}

func (p *publication) putTimestamp(ctx context.Context) error {
	snapshot, ok := p.changed[rstuf.RoleSnapshot]
	if !ok {
		snapshot = p.old.roles.get(rstuf.RoleSnapshot)
	}
	doc, err := metadata.NewTimestamp(p.version(rstuf.RoleTimestamp), p.next.expires(rstuf.RoleTimestamp, p.now), snapshot.version)
	if err != nil {
		return err
	}
	if err := p.sign(ctx, rstuf.RoleTimestamp, doc); err != nil {
		return err
	}
	p.next.timestamp = doc.Bytes()
	p.changed[rstuf.RoleTimestamp] = roleInfo{doc.Version(), doc.Expires(), sha256.Sum256(doc.Bytes()), p.old.skips}
	return nil
}

// touch notes that the timestamp, or the snapshot too, is to be made anew
// though nothing else changes.
func (p *publication) touch(role string) { p.changed[role] = p.old.roles.get(role) }

// park puts a document up for signatures.
func (p *publication) park(role string, doc *metadata.Document) {
	if p.next.signing == nil {
		p.next.signing = map[string]*metadata.Document{}
	}
	if p.next.state.Signed == nil {
		p.next.state.Signed = map[string]bool{}
	}
	p.next.signing[role] = doc
	p.next.state.Signed[role] = true
}
