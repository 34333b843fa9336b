package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// Both sides of a move: what may be one.

// openSource opens the source and looks whether it is whole.
func (m *moving) openSource(ctx context.Context) error {
	s := m.from
	if s.cfg.Store == nil {
		if err := hasDatabase(s.cfg.Dir); err != nil {
			return err // openDatabase would make one
		}
	}
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if s.storage == nil {
		s.storage = &Folder{path: s.folder(), disk: s.disk}
	}
	arriving, moved, err := marks(ctx, s.store)
	switch {
	case err != nil:
		return err
	case arriving != nil:
		return elsewhere(ctx, s.store)
	case moved != nil:
		m.mark, m.ending = *moved, true // if the target is that of this move
	}
	if err := s.loadTables(ctx); err != nil {
		return err
	}
	if s.repo.state.BootstrapID == "" {
		return errors.New("nothing is there to be moved yet: a ceremony comes first")
	}
	if m.ending {
		return nil
	}
	report := &Report{}
	if err := s.checkFiles(ctx, report); err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return inconsistent(report.Problems)
	}
	return nil
}

// openTarget opens the target and refuses one that holds something else.
func (m *moving) openTarget(ctx context.Context) error {
	s := m.to
	if err := s.openStore(ctx); err != nil {
		return fmt.Errorf("the target, %s: %w", s.cfg.Dir, err)
	}
	arriving, moved, err := marks(ctx, s.store)
	if err == nil && m.ending && (arriving == nil || arriving.Move != m.mark.Move) {
		return m.mark.left()
	}
	if err == nil {
		err = m.checkDatabase(ctx, arriving, moved)
	}
	if err != nil {
		return fmt.Errorf("the target, %s: %w", s.cfg.Dir, err)
	}
	if s.cfg.Replicas != nil || s.storage != nil && !m.same {
		if err := s.probe(ctx); err != nil {
			return fmt.Errorf("the target, %s: %w", s.cfg.Dir, err)
		}
	}
	if m.same {
		s.storage = m.from.storage
		return nil
	}
	if s.storage == nil {
		if s.storage, err = newFolder(s.folder(), s.disk); err != nil {
			return err
		}
	}
	if err := m.checkStorage(ctx); err != nil {
		return fmt.Errorf("the target, %s: %w", s.cfg.Dir, err)
	}
	return nil
}

// checkDatabase looks into the target's database, which has these marks.
func (m *moving) checkDatabase(ctx context.Context, arriving, moved *mark) error {
	id := m.from.repo.state.BootstrapID
	for _, there := range []*mark{arriving, moved} {
		if there != nil && there.Repository != id {
			return errors.New("the database is that of another repository: choose an empty one")
		}
	}
	if arriving != nil || moved != nil {
		return nil
	}
	if err := m.to.loadTables(ctx); err != nil {
		return err
	}
	if m.to.knowsRepository() {
		return errors.New("the database knows a repository: choose an empty one, another folder or another schema")
	}
	return nil
}

// checkStorage refuses a storage with what is not an earlier state of this
// repository.
func (m *moving) checkStorage(ctx context.Context) error {
	name := metadata.Filename(rstuf.RoleTimestamp, 0)
	there, err := m.to.storage.Read(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read %s: %w", name, err)
	case string(there) == string(m.from.repo.timestamp):
		return nil
	}
	first := max(1, m.from.repo.state.FirstRoot)
	root, err := m.to.storage.Read(ctx, metadata.Filename(rstuf.RoleRoot, first))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the first root: %w", err)
	}
	doc, parseErr := metadata.Parse(there)
	if err != nil || parseErr != nil || !m.from.repo.bootstrapped() || rootSum(root) != m.from.repo.rootSum(first) ||
		doc.Type() != rstuf.RoleTimestamp || doc.Version() >= m.from.repo.roles.get(rstuf.RoleTimestamp).version {
		return fmt.Errorf("the metadata folder holds a repository (%s) that is not an earlier state of this one: choose an empty folder", name)
	}
	return nil
}
