package service

import (
	"context"
	"errors"
	"math"

	"example.org/rstuf/metadata"
	published "example.org/rstuf/repository"
)

// readRoots takes all roots, from the first that is there on: clients of every
// age are to follow. Those before the trusted one lead to it, or are left out.
func (a *adoption) readRoots(ctx context.Context) error {
	f := &a.found
	var err error
	if f.roots, err = a.reader.Roots(ctx); err != nil {
		return err
	}
	trustedRoot := f.roots[0]
	if trustedRoot.Version() == 1 {
		return nil
	}
	first, err := published.FirstRootUnsafe(ctx, a.source.URL, a.source.HTTP)
	var all []*metadata.Document
	if err == nil {
		all, err = a.rootsFrom(ctx, first)
	}
	if err == nil {
		// Nothing else vouches for the first root but that it leads here.
		if i := trustedRoot.Version() - 1; i >= int64(len(all)) || string(all[i].Canonical()) != string(trustedRoot.Canonical()) {
			err = errors.New("1.root.json does not lead to the trusted root")
		}
	}
	if err != nil {
		a.note("roots before version %d are left out, and clients that have none of the later ones can't follow: %v", trustedRoot.Version(), err)
		return nil
	}
	f.roots = append(all[:trustedRoot.Version()-1:trustedRoot.Version()-1], f.roots...)
	return nil
}

func (a *adoption) rootsFrom(ctx context.Context, first []byte) ([]*metadata.Document, error) {
	reader, err := published.New(published.Config{MetadataURL: a.source.URL, HTTP: a.source.HTTP, Now: a.s.cfg.Now, MaxRoots: math.MaxInt}, published.TrustRoot(first))
	if err != nil {
		return nil, err
	}
	return reader.Roots(ctx)
}
