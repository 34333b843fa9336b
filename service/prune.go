package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/rstuf"
)

// Retention. A version that a later publication replaced is kept for
// Config.KeepVersions from then on, so that clients in the middle of an update
// find what their snapshot names. Roots are kept for ever: clients follow them
// one by one.

// cleanAll removes what nobody needs any more, beside publications, until the
// context ends.
func (s *Service) cleanAll(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if s.current().bootstrapped() {
			err := errors.Join(s.removePassed(ctx), s.prune(ctx))
			if err != nil && ctx.Err() == nil {
				s.cfg.Logger.Warn("old versions could not be removed", "error", err)
			}
		}
		timer.Reset(s.cfg.BumpEvery)
	}
}

// prune removes the files whose time is over.
func (s *Service) prune(ctx context.Context) error {
	if s.cfg.KeepVersions == 0 {
		return nil
	}
	names, err := s.storage.List(ctx)
	if err != nil {
		return err
	}
	known, err := s.replaced(ctx)
	if err != nil {
		return err
	}
	now, roles := s.cfg.Now(), s.current().roles
	next := map[string]int64{}
	removed := 0
	for _, name := range names {
		version, role, ok := splitFilename(name)
		if !ok || role == rstuf.RoleRoot || version >= roles.get(role).version {
			continue
		}
		since, seen := known[name]
		if !seen {
			since = now.Unix()
		}
		if now.Sub(time.Unix(since, 0)) < s.cfg.KeepVersions {
			next[name] = since
			continue
		}
		if err := s.storage.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
		removed++
	}
	if removed > 0 {
		s.cfg.Logger.Info("removed old versions", "files", removed)
	}
	if maps.Equal(known, next) {
		return nil
	}
	return s.setReplaced(ctx, known, next)
}

// replaced reads since when files are known to be replaced.
func (s *Service) replaced(ctx context.Context) (map[string]int64, error) {
	known := map[string]int64{}
	return known, s.store.Read(ctx, tableReplaced, func(name string, value []byte) error {
		since, err := strconv.ParseInt(string(value), 10, 64)
		known[name] = since
		return err
	})
}

// pruneStep is how many entries one write changes: publications wait for
// it.
const pruneStep = 1000

// setReplaced writes what has changed between two states, in steps.
func (s *Service) setReplaced(ctx context.Context, before, after map[string]int64) error {
	var changed []string
	for name := range before {
		if _, still := after[name]; !still {
			changed = append(changed, name)
		}
	}
	for name := range after {
		if _, already := before[name]; !already {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	for part := range slices.Chunk(changed, pruneStep) {
		var c changes
		for _, name := range part {
			if since, kept := after[name]; kept {
				c.put(tableReplaced, name, strconv.AppendInt(nil, since, 10))
			} else {
				c.delete(tableReplaced, name)
			}
		}
		if err := s.store.Commit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// splitFilename takes a versioned metadata file's name apart.
func splitFilename(name string) (version int64, role string, ok bool) {
	stem, isJSON := strings.CutSuffix(name, ".json")
	number, role, found := strings.Cut(stem, ".")
	if !isJSON || !found || role == "" || number == "" || number[0] < '1' || number[0] > '9' {
		return 0, "", false
	}
	version, err := strconv.ParseInt(number, 10, 64)
	return version, role, err == nil
}
