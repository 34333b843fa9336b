package repository

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/metadata"
)

// Reader reads one repository.
type Reader struct {
	given     *metadata.Document // the root that the caller trusts; nil on first use
	metadata  *transport.Base
	artifacts *artifactFiles
	cache     *cache // nil without

	now                func() time.Time
	maxAge             time.Duration
	allowExpired       bool
	maxRoots, maxRoles int

	refreshing chan struct{} // held by the one refresh that is under way, to use seen
	seen       seen

	mu         sync.Mutex  // guards view
	view       *view       // of the last refresh that succeeded; nil before
	consistent atomic.Bool // what the root of the newest view said
}

// seen is the newest of what was verified, which bounds all that follows. The
// timestamp and the snapshot are verified by the newest root, or void.
type seen struct {
	roots     []*metadata.Document // from the trusted one on, one after the other
	timestamp *metadata.Document
	snapshot  *metadata.Document
}

func (s *seen) root() *metadata.Document { return s.roots[len(s.roots)-1] }

// view is one state of the repository, whole and verified. It does not change,
// but for the delegated roles that it has read.
type view struct {
	reader  *Reader
	fetched time.Time

	roots                        []*metadata.Document
	root                         *metadata.Root
	timestamp, snapshot, targets *metadata.Document
	meta                         map[string]metadata.MetaFile // of the snapshot
	top                          *metadata.Targets
	before                       map[string]*metadata.Document // roles of the view before

	mu    sync.Mutex // guards what follows
	roles map[edge]*loaded
	held  int // bytes of their files
}

// Refresh brings the metadata up to date. The first use of a Reader does it by
// itself; a program that runs on calls it whenever it wants to see what is new,
// or sets [Config].MaxAge.
func (r *Reader) Refresh(ctx context.Context) error {
	if err := r.acquire(ctx); err != nil {
		return r.explain(err)
	}
	defer r.release()
	return r.explain(r.refresh(ctx))
}

func (r *Reader) explain(err error) error {
	if err == nil || r.metadata == nil {
		return err
	}
	return fmt.Errorf("metadata of %s: %w", r.metadata.URL(), err)
}

// acquire waits for the refresh of another goroutine, no longer than ctx
// allows.
func (r *Reader) acquire(ctx context.Context) error {
	if r.metadata == nil {
		return errors.New("the Reader was not made with New")
	}
	select {
	case r.refreshing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Reader) release() { <-r.refreshing }

// current is the state to answer from. It has not expired.
func (r *Reader) current(ctx context.Context) (*view, error) {
	v := r.fresh()
	if v == nil {
		if err := r.acquire(ctx); err != nil {
			return nil, r.explain(err)
		}
		if v = r.fresh(); v == nil { // nobody else has refreshed meanwhile
			if err := r.refresh(ctx); err != nil {
				r.release()
				return nil, r.explain(err)
			}
			v = r.lastView()
		}
		r.release()
	}
	return v, r.explain(v.checkExpiry())
}

func (r *Reader) lastView() *view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// fresh is the last state unless there is none or it is too old.
func (r *Reader) fresh() *view {
	v := r.lastView()
	if v != nil && r.maxAge > 0 && r.now().Sub(v.fetched) >= r.maxAge {
		return nil
	}
	return v
}

// checkExpiry is the error of the first top-level role whose time is over.
func (v *view) checkExpiry() error {
	for _, doc := range []*metadata.Document{v.roots[len(v.roots)-1], v.timestamp, v.snapshot, v.targets} {
		if err := v.reader.checkExpiry(doc.Type(), doc); err != nil {
			return err
		}
	}
	return nil
}

// checkExpiry is ErrExpired for a document whose time is over.
func (r *Reader) checkExpiry(role string, doc *metadata.Document) error {
	if r.allowExpired {
		return nil
	}
	err := doc.CheckExpiry(r.now())
	if err != nil && role != doc.Type() {
		return fmt.Errorf("role %s: %w", role, err)
	}
	return err
}

// Info tells what the metadata says of an artifact. If no role has it, the
// error is [ErrNotFound].
func (r *Reader) Info(ctx context.Context, artifact string) (rstuf.ArtifactInfo, error) {
	found, err := r.Find(ctx, artifact)
	return found.ArtifactInfo, err
}

// Artifact is what the metadata says of one artifact, and which role says so.
type Artifact struct {
	Path string
	Role string
	rstuf.ArtifactInfo
}

// Find is [Reader.Info], and tells also which role speaks for the artifact.
func (r *Reader) Find(ctx context.Context, artifact string) (Artifact, error) {
	v, err := r.current(ctx)
	if err != nil {
		return Artifact{}, err
	}
	found, err := v.find(ctx, artifact)
	switch {
	case errors.Is(err, errAbsent):
		return Artifact{}, fmt.Errorf("artifact %s: %w: no role of the repository has it", artifact, ErrNotFound)
	case err != nil:
		return Artifact{}, fmt.Errorf("metadata of artifact %s: %w", artifact, err)
	}
	return found, nil
}

// Roots gives the chain of roots from the trusted one to the newest that the
// server has. It looks at no other role, and at no expiry.
func (r *Reader) Roots(ctx context.Context) ([]*metadata.Document, error) {
	if err := r.acquire(ctx); err != nil {
		return nil, r.explain(err)
	}
	defer r.release()
	if err := r.refreshRoots(ctx); err != nil {
		return nil, r.explain(err)
	}
	return append([]*metadata.Document(nil), r.seen.roots...), nil
}

// FirstRootUnsafe fetches the first root that a server has, signed by its own
// keys. Nothing else vouches for it: whoever passes it to [TrustRoot] trusts
// the server and the way to it.
func FirstRootUnsafe(ctx context.Context, metadataURL string, cfg HTTPConfig) ([]byte, error) {
	base, err := transport.New(metadataURL, transport.Config(cfg))
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return fetchFirstRoot(ctx, base)
}

func fetchFirstRoot(ctx context.Context, base *transport.Base) ([]byte, error) {
	data, err := base.Fetch(ctx, metadata.Filename(rstuf.RoleRoot, 1), maxRoot)
	if err == nil {
		_, err = parseTrusted(data)
	}
	if err != nil {
		return nil, fmt.Errorf("the first root: %w", err)
	}
	return data, nil
}
