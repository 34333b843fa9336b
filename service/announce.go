package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// checkSnapshot reads the published snapshot and compares it with what the
// database says.
func (s *Service) checkSnapshot(ctx context.Context) error {
	data, err := readRole(ctx, s.storage, rstuf.RoleSnapshot, s.repo.roles.get(rstuf.RoleSnapshot))
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
	s.repo.snapshot = doc
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
