package service

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// A name never holds two contents that anybody could have fetched, whichever
// web server is in front of the storage. So a version number is used once: what
// a publication has written and not committed is passed by, and the next one
// takes a later number. After a start that follows a crash each role's next
// version skips one, since the crash may have taken along a file that somebody
// has fetched. Timestamps and roots are committed before they are written, and
// skip nothing.

// ledger knows the files that are no part of what is published, though their
// names look so.
type ledger struct {
	mu      sync.RWMutex
	written map[string]bool  // since the last commit
	passed  map[string]bool  // before that
	newest  map[string]int64 // by role, the highest version of both
}

func newLedger() *ledger {
	return &ledger{written: map[string]bool{}, passed: map[string]bool{}, newest: map[string]int64{}}
}

// write notes a file that is about to be written.
func (l *ledger) write(role string, version int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written[metadata.Filename(role, version)] = true
	l.newest[role] = max(l.newest[role], version)
}

// taken notes that a file was not written, for its name was taken. The number is
// not used, and the file is left to whoever made it.
func (l *ledger) taken(role string, version int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.written, metadata.Filename(role, version))
}

// after is the highest version of a role that was written and not committed.
func (l *ledger) after(role string) int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.newest[role]
}

// has tells whether a file is no part of what is published.
func (l *ledger) has(name string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.passed[name] || l.written[name]
}

// leftover are the files that were written and are not among the committed.
func (l *ledger) leftover(committed map[string]bool) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var list []string
	for name := range l.written {
		if !committed[name] {
			list = append(list, name)
		}
	}
	return list
}

// settle notes that files are committed and that all others are passed by.
func (l *ledger) settle(committed map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.passed, l.written)
	for name := range committed {
		delete(l.passed, name)
	}
	clear(l.written)
}

func (l *ledger) load(ctx context.Context, store reader) error {
	return store.Read(ctx, tablePassed, func(name string, _ []byte) error {
		l.pass(name)
		return nil
	})
}

// reload is load, in place of what is known.
func (l *ledger) reload(ctx context.Context, store reader) error {
	next := newLedger()
	err := next.load(ctx, store)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passed, l.newest = next.passed, next.newest
	return err
}

// pass notes a file that is passed by.
func (l *ledger) pass(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passed[name] = true
	if version, role, ok := splitFilename(name); ok {
		l.newest[role] = max(l.newest[role], version)
	}
}

// forget drops files that are gone.
func (l *ledger) forget(names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		delete(l.passed, name)
	}
}

// below are the files passed by whose role has a later version committed, so
// that nothing will take their number.
func (l *ledger) below(roles *roleTable) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var list []string
	for name := range l.passed {
		if version, role, ok := splitFilename(name); ok && version < roles.get(role).version {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// settled is what a commit of files changes in the database: all others that were
// written since the last one are passed by.
func (l *ledger) settled(c *changes, committed map[string]bool) {
	pass(c, l.leftover(committed))
	l.mu.RLock()
	defer l.mu.RUnlock()
	for name := range committed {
		if l.passed[name] {
			c.delete(tablePassed, name)
		}
	}
}

// pass notes in the database that files are passed by.
func pass(c *changes, names []string) {
	for _, name := range names {
		c.put(tablePassed, name, []byte{})
	}
}

// filenames are the names of the files that a publication has made.
func (p *publication) filenames() map[string]bool {
	names := map[string]bool{}
	for role, info := range p.changed {
		if role != rstuf.RoleTimestamp {
			names[metadata.Filename(role, info.version)] = true
		}
	}
	return names
}

// version is the number of the next version of a role.
func (p *publication) version(role string) int64 {
	info := p.old.roles.get(role)
	if role == rstuf.RoleTimestamp {
		return info.version + 1
	}
	since := info.skips
	if info.version == 0 {
		since = p.old.committedSkips
	}
	return max(info.version+1+p.old.skips-since, p.files.after(role)+1)
}

// passBy notes durably what a publication that failed has left, before another
// one begins: versions skip one then, as after a crash.
func (s *Service) passBy(ctx context.Context) error {
	left := s.files.leftover(nil)
	if len(left) == 0 {
		return nil
	}
	next := *s.current()
	next.skips++
	var c changes
	pass(&c, left)
	putNumber(&c, keySkips, next.skips)
	if err := s.store.Commit(ctx, c); err != nil {
		return fmt.Errorf("note the files of a publication that failed: %w", err)
	}
	s.files.settle(nil)
	s.replace(&next)
	return nil
}
