package service

import (
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"
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
	err := s.db.commit(func(tx *bolt.Tx) error {
		for _, name := range names {
			if err := tx.Bucket(bucketPassed).Delete([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.files.forget(names)
	}
	return err
}
