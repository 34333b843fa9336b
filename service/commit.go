package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// store writes what changed into the database.
func (p *publication) store(tx *bolt.Tx) error {
	values := tx.Bucket(bucketState)
	if p.next.root != p.old.root {
		p.next.state.Roots = append(slices.Clip(p.next.state.Roots), rootSum(p.next.root.Bytes()))
	}
	raw, err := json.Marshal(p.next.state)
	if err != nil {
		return err
	}
	if err := values.Put(keyState, seal(raw)); err != nil {
		return err
	}
	if p.next.root != p.old.root {
		if err := values.Put(keyRoot, seal(slices.Clone(p.next.root.Bytes()))); err != nil {
			return err
		}
	}
	if len(p.changed) > 0 {
		if err := values.Put(keyTimestamp, seal(slices.Clone(p.next.timestamp))); err != nil {
			return err
		}
	}
	roles := tx.Bucket(bucketRoles)
	for _, role := range slices.Sorted(maps.Keys(p.changed)) {
		if err := roles.Put([]byte(role), p.changed[role].encode()); err != nil {
			return err
		}
	}
	if p.also != nil {
		if err := p.also(tx); err != nil {
			return err
		}
	}
	return p.storeSigning(tx.Bucket(bucketSigning))
}

func rootSum(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// storeSigning writes the documents that wait for signatures.
func (p *publication) storeSigning(bucket *bolt.Bucket) error {
	for role := range p.old.signing {
		if _, still := p.next.signing[role]; !still {
			if err := bucket.Delete([]byte(role)); err != nil {
				return err
			}
		}
	}
	for role, doc := range p.next.signing {
		if p.old.signing[role] == doc {
			continue
		}
		if err := bucket.Put([]byte(role), seal(slices.Clone(doc.Bytes()))); err != nil {
			return err
		}
	}
	return nil
}

// finish completes a publication and commits it.
func (s *Service) finish(ctx context.Context, p *publication) error {
	if err := p.complete(ctx); err != nil {
		return err
	}
	return s.commit(ctx, p)
}

// commit makes a publication the state of the service: in the database first,
// which decides, then in the files that clients start from, then in memory.
func (s *Service) commit(ctx context.Context, p *publication) error {
	if err := ctx.Err(); err != nil {
		return err // what was made may not be whole
	}
	var kept taskStats
	committed := p.filenames()
	err := s.db.commit(func(tx *bolt.Tx) (err error) {
		if err = p.store(tx); err != nil {
			return err
		}
		if err = s.suspects.forget(tx, p.ended); err != nil {
			return err
		}
		if err = storePassed(tx, s.files.leftover(committed), committed); err != nil {
			return err
		}
		if err = s.queue.take(tx, p.ended); err != nil {
			return err
		}
		kept, err = s.results.put(tx, p.ended)
		return err
	})
	if err != nil {
		return fmt.Errorf("store the publication: %w", err)
	}
	s.files.settle(committed)
	if len(p.changed) > 0 {
		p.next.committedSkips = p.next.skips
	}
	if p.published() {
		// What is committed must be announced before anything else happens.
		if !s.attempt(ctx, func() error { return s.announce(ctx, p.next, false) }) {
			return ctx.Err() // the next start announces it
		}
		s.metrics.published(p)
	}
	for _, e := range p.ended {
		s.metrics.ended(e.state)
		s.logTask(e)
	}
	s.results.kept = kept
	s.replace(p.next)
	s.queue.remove(p.ended)
	s.tellPublication(p)
	return nil
}

// replace makes a repository the current one.
func (s *Service) replace(next *repository) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repo = next
}
