package service

import (
	"context"
	"fmt"
)

// removePassed removes files that were passed by, once a later version of their
// role is published.
func (s *Service) removePassed(ctx context.Context) error {
	names := s.files.below(s.current().roles)
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		if err := s.storage.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	var c changes
	for _, name := range names {
		c.delete(tablePassed, name)
	}
	if err := s.store.Commit(ctx, c); err != nil {
		return err
	}
	s.files.forget(names)
	return nil
}
