package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// The front of a replica: a Service whose store is what all replicas have joined. What
// it knows of the queue and of the repository is as old as its last look. It looks
// before each answer that depends on it: a client that has seen something at one
// replica sees it at all others.

// joinedStore is what a replica may do at any time as a [Store]: what it commits are
// requests that it accepts.
type joinedStore struct{ Joined }

func (j joinedStore) Read(ctx context.Context, table Table, f func(key string, value []byte) error) error {
	_, err := j.View(ctx, []Table{table}, func(_ Table, key string, value []byte) error { return f(key, value) })
	return err
}

// Commit accepts. If the repository moves away meanwhile, what is stored when that is
// noted comes along: nothing that comes later may be acknowledged. Which of both it was
// nobody knows here. That is asked until there is an answer, for what was accepted is not
// refused because the database is away.
func (j joinedStore) Commit(ctx context.Context, list []Change) error {
	if err := j.Accept(ctx, list); err != nil {
		return err
	}
	for {
		asking, cancel := context.WithTimeout(ctx, askTime)
		err := elsewhere(asking, j)
		cancel()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrElsewhere), errors.Is(err, ErrLost), errors.Is(err, errSeal), !sleep(ctx, firstPause):
			return lostAnswer{err}
		}
	}
}

// lostAnswer is the error of a request of which nobody knows whether it will be published.
type lostAnswer struct{ error }

func (e lostAnswer) Unwrap() []error { return []error{ErrLost, e.error} }

func (j joinedStore) Err() error {
	if failing, ok := j.Joined.(Failing); ok {
		return failing.Err()
	}
	return nil
}

// moment is some tables as they are at one moment.
type moment map[Table][]Change

func (m moment) add(table Table, key string, value []byte) error {
	m[table] = append(m[table], Change{table, key, bytes.Clone(value)})
	return nil
}

// Read is as that of a [Store].
func (m moment) Read(_ context.Context, table Table, f func(key string, value []byte) error) error {
	for _, entry := range m[table] {
		if err := f(entry.Key, entry.Value); err != nil {
			return err
		}
	}
	return nil
}

// Get is as that of a [Store].
func (m moment) Get(_ context.Context, table Table, keys []string, f func(key string, value []byte) error) error {
	for _, key := range keys {
		var value []byte
		if i := slices.IndexFunc(m[table], func(c Change) bool { return c.Key == key }); i >= 0 {
			value = m[table][i].Value
		}
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// view says how new the front's view of the repository is.
type view struct {
	loading chan struct{} // holds one while somebody loads it

	mu      sync.Mutex // guards what follows
	version string     // as of Joined
	told    told
}

// told is what clients see, or later: timestamp and root, as they are stored.
type told struct{ timestamp, root string }

func (v *view) is(version string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.version == version
}

// fresh renews the view if somebody has committed since.
func (r *Replica) fresh(ctx context.Context) error {
	if gone := r.noted(&r.gone); gone != nil {
		return gone
	}
	version, err := r.joined.Version(ctx)
	if err != nil || r.view.is(version) {
		return ofDatabase(err)
	}
	select {
	case r.view.loading <- struct{}{}:
		defer func() { <-r.view.loading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.view.is(version) {
		return nil // another one has loaded it meanwhile
	}
	if err = r.load(ctx); errors.Is(err, ErrElsewhere) {
		r.end(err)
	}
	return err
}

// loadTries is how often the targets role may be replaced, and removed, while it is read.
const loadTries = 5

// load reads what the front knows of the repository.
func (r *Replica) load(ctx context.Context) (err error) {
	for range loadTries {
		if err = r.loadOnce(ctx); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("read what is published: %w: are the database and the metadata files those of one repository?", err)
	case err != nil && !errors.Is(err, ErrElsewhere):
		err = fmt.Errorf("read what is published: %w", err)
	}
	return err
}

func (r *Replica) loadOnce(ctx context.Context) error {
	s, m := r.front, moment{}
	version, err := r.joined.View(ctx, []Table{tableState, tableRoles, tableSigning, tableSuspects, tablePassed}, m.add)
	if err != nil {
		return ofDatabase(err)
	}
	if err := elsewhere(ctx, m); err != nil {
		return err
	}
	next, err := loadRepository(ctx, m)
	if err != nil {
		return err
	}
	before := s.current()
	if err := wentBack(before, next); err != nil {
		return err
	}
	if next.bootstrapped() {
		if before != nil && before.bootstrapped() && before.roles.get(rstuf.RoleTargets).sum == next.roles.get(rstuf.RoleTargets).sum {
			next.targets, next.delegations = before.targets, before.delegations
		} else if err := s.readTargets(ctx, next); err != nil {
			return filesError{err}
		}
	}
	if err := errors.Join(s.suspects.read(ctx, m), s.files.reload(ctx, m)); err != nil {
		return err
	}
	s.replace(next)
	r.view.mu.Lock()
	defer r.view.mu.Unlock()
	r.view.version = version
	return nil
}

// wentBack refuses what an older database knows, such as one that was restored: clients
// have seen more.
func wentBack(before, next *repository) error {
	if before == nil || !before.bootstrapped() {
		return nil
	}
	seen, version := before.roles.get(rstuf.RoleTimestamp).version, int64(0)
	if next.bootstrapped() {
		version = next.roles.get(rstuf.RoleTimestamp).version
	}
	if version >= seen {
		return nil
	}
	return inconsistent([]Problem{{File: metadata.Filename(rstuf.RoleTimestamp, 0), Remedy: oldDatabase,
		Text: fmt.Sprintf("this replica has served version %d, and the database has only version %d", seen, version)}})
}

// For how long a request waits for what others have done: a database that is cut off
// gives no answer.
const (
	askTime  = 10 * time.Second
	fileTime = 2 * time.Second
)

// catchUp looks at what a request to a path of the API depends on, if others may have
// changed it.
func (s *Service) catchUp(ctx context.Context, path string) error {
	if s.replica == nil {
		return nil
	}
	if gone := s.replica.noted(&s.replica.gone); gone != nil {
		return gone
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	switch bootstrapped := s.current().bootstrapped(); {
	case path == "/task/", bootstrapped && strings.HasPrefix(path, "/artifacts/"):
		return nil
	case path == "/tasks/" || !bootstrapped:
		// In this order: a bootstrap leaves the queue when the repository is there.
		if err := s.queue.follow(ctx); err != nil {
			return err
		}
	}
	return s.replica.fresh(ctx)
}

// latest is the repository for somebody who fetches a file. While the database is away
// it is the last that is known.
func (s *Service) latest(ctx context.Context, name string) *repository {
	repo := s.current()
	if s.replica == nil || s.replica.noted(&s.replica.gone) != nil || name != metadata.Filename(rstuf.RoleTimestamp, 0) && repo.committed(name) {
		return repo
	}
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	_ = s.replica.fresh(ctx) // keepUp says if that fails
	return s.current()
}
