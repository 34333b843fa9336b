package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// store is what a publication changes in the database.
func (p *publication) store(c *changes) error {
	if p.next.root != p.old.root {
		p.next.state.Roots = append(slices.Clip(p.next.state.Roots), rootSum(p.next.root.Bytes()))
	}
	raw, err := json.Marshal(p.next.state)
	if err != nil {
		return err
	}
	c.put(tableState, keyState, seal(raw))
	if p.next.root != p.old.root {
		c.put(tableState, keyRoot, seal(slices.Clone(p.next.root.Bytes())))
	}
	if len(p.changed) > 0 {
		c.put(tableState, keyTimestamp, seal(slices.Clone(p.next.timestamp)))
	}
	for _, role := range slices.Sorted(maps.Keys(p.changed)) {
		c.put(tableRoles, role, p.changed[role].encode())
	}
	*c = append(*c, p.also...)
	p.storeSigning(c)
	return nil
}

func rootSum(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// storeSigning writes the documents that wait for signatures.
func (p *publication) storeSigning(c *changes) {
	for role := range p.old.signing {
		if _, still := p.next.signing[role]; !still {
			c.delete(tableSigning, role)
		}
	}
	for role, doc := range p.next.signing {
		if p.old.signing[role] != doc {
			c.put(tableSigning, role, seal(slices.Clone(doc.Bytes())))
		}
	}
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
	var c changes
	if err := p.store(&c); err != nil {
		return err
	}
	committed := p.filenames()
	s.noteEnding(&c, p)
	s.suspects.forget(&c, p.ended)
	s.files.settled(&c, committed)
	s.queue.take(&c, p.ended)
	kept, err := s.results.put(&c, p.ended)
	if err == nil {
		err = s.store.Commit(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("store the publication: %w", err)
	}
	s.files.settle(committed)
	if len(p.changed) > 0 {
		p.next.committedSkips = p.next.skips
	}
	if p.published() {
		// What is committed must be announced before anything else happens.
		announce := s.announce
		if p.next.root == p.old.root && !p.old.adopting {
			announce = s.announceTimestamp // the root was announced before
		}
		if !s.attempt(ctx, func() error { return announce(ctx, p.next, afterCommit) }) {
			return cmp.Or(ctx.Err(), s.Status().Paused) // the next start announces it
		}
		s.metrics.published(p)
	}
	for _, e := range p.ended {
		s.metrics.ended(e.state)
		s.logTask(e)
	}
	if n := len(p.changed); n >= writers {
		s.pace = time.Since(p.began) / time.Duration(n)
	}
	s.results.settle(kept)
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
