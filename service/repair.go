package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// What a start does before anything else: it brings the files to what the
// database says, and refuses what does not fit together.

// repair finishes what a crash cut short, and reads what is published.
func (s *Service) repair(ctx context.Context) error {
	r := s.repo
	if !r.bootstrapped() {
		return s.refuseForeign(ctx)
	}
	if err := s.announce(ctx, r, true); err != nil {
		return err
	}
	if err := s.checkSnapshot(ctx); err != nil {
		return err
	}
	data, err := s.readRole(ctx, rstuf.RoleTargets, r.roles.get(rstuf.RoleTargets))
	if err != nil {
		return err
	}
	if r.targets, err = metadata.Parse(data); err != nil {
		return err
	}
	view, err := r.targets.Targets()
	if err != nil {
		return err
	}
	r.delegations = view.Delegations
	return s.removeUnpublished(ctx)
}

// checkSnapshot compares what the database says with the published snapshot.
func (s *Service) checkSnapshot(ctx context.Context) error {
	data, err := s.readRole(ctx, rstuf.RoleSnapshot, s.repo.roles.get(rstuf.RoleSnapshot))
	if err != nil {
		return err
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return err
	}
	snapshot, err := doc.Snapshot()
	if err != nil {
		return err
	}
	for role, info := range s.repo.roles.all() {
		if role == rstuf.RoleSnapshot || role == rstuf.RoleTimestamp {
			continue
		}
		if listed := snapshot.Meta[role+".json"].Version; listed != info.version {
			return fmt.Errorf("state.db is damaged: it has version %d of %s, the snapshot has %d", info.version, role, listed)
		}
	}
	return nil
}

// refuseForeign refuses a storage with a repository that the database does not
// know: it would be overwritten.
func (s *Service) refuseForeign(ctx context.Context) error {
	name := metadata.Filename(rstuf.RoleTimestamp, 0)
	switch _, err := s.storage.Read(ctx, name); {
	case err == nil:
		return fmt.Errorf("the metadata folder holds a repository (%s) that state.db does not know: restore state.db, or choose an empty folder", name)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// announce replaces the files by which clients find the rest: the timestamp,
// then the root. With check, files that are right already are left alone.
func (s *Service) announce(ctx context.Context, r *repository, check bool) error {
	for _, file := range []struct {
		name string
		data []byte
	}{
		{metadata.Filename(rstuf.RoleTimestamp, 0), r.timestamp},
		{metadata.Filename(rstuf.RoleRoot, r.root.Version()), r.root.Bytes()},
	} {
		old, err := s.storage.Read(ctx, file.name)
		if err == nil && string(old) == string(file.data) {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read %s: %w", file.name, err)
		}
		if check {
			s.cfg.Logger.Info("repair a file after a crash", "file", file.name)
		}
		if err := s.storage.Replace(ctx, file.name, file.data); err != nil {
			return fmt.Errorf("write %s: %w", file.name, err)
		}
	}
	return nil
}

// removeUnpublished deletes files of publications that a crash cut short: they
// are newer than what is published.
func (s *Service) removeUnpublished(ctx context.Context) error {
	names, err := s.storage.List(ctx)
	if err != nil {
		return fmt.Errorf("list metadata files: %w", err)
	}
	for _, name := range names {
		version, role, ok := splitFilename(name)
		if strings.HasSuffix(name, temporary) || ok && role != rstuf.RoleRoot && version > s.repo.roles.get(role).version {
			if err := s.storage.Remove(ctx, name); err != nil {
				return fmt.Errorf("remove %s: %w", name, err)
			}
		}
	}
	return nil
}
