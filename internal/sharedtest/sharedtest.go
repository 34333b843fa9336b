// Package sharedtest has a place where replicas meet that is in memory, for tests: it
// can be away, lose an answer, and take the right to publish from whoever has it.
package sharedtest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"example.org/rstuf/service"
)

// Shared is a service.Shared in memory. It is ready for use.
type Shared struct {
	mu      sync.Mutex
	tables  map[service.Table]map[string][]byte
	holder  *store
	number  uint64
	version int
	away    bool
	lose    bool
	joined  map[*joined]bool
}

var (
	errAway   = errors.New("failed to connect to host=db.example.com user=rstuf")
	errClosed = errors.New("it is closed")
	errUsed   = errors.New("an entry with this key is there already")
	errEmpty  = errors.New("an entry without a value is no entry")
)

// asked is why nothing is answered, if so, to what asks with this context on what is
// closed or not; the caller holds mu.
func (s *Shared) asked(ctx context.Context, closed bool) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case closed:
		return errClosed
	case s.away:
		return errAway
	}
	return nil
}

// Depose takes the right to publish from whoever has it, who notices at the next commit,
// or by itself after a while.
func (s *Shared) Depose(while time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder != nil {
		s.holder.told = time.Now().Add(while)
		s.holder = nil
	}
	s.notify()
}

// SetAway has the database be away, or back.
func (s *Shared) SetAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// LoseAnswer has the next request be accepted without an answer that says so.
func (s *Shared) LoseAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = true
}

// notify wakes all who wait; the caller holds mu.
func (s *Shared) notify() {
	for j := range s.joined {
		select {
		case j.wake <- struct{}{}:
		default:
		}
	}
}

// Open implements service.Shared.
func (s *Shared) Open(ctx context.Context) (service.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.asked(ctx, false); err != nil {
		return nil, err
	}
	if s.holder != nil {
		return nil, service.ErrLocked
	}
	s.holder = &store{Shared: s}
	return s.holder, nil
}

// Join implements service.Shared.
func (s *Shared) Join(ctx context.Context) (service.Joined, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.asked(ctx, false); err != nil {
		return nil, err
	}
	j := &joined{Shared: s, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	if s.joined == nil {
		s.joined = map[*joined]bool{}
	}
	s.joined[j] = true
	s.number = max(s.number, uint64(time.Now().UnixMicro()))
	return j, nil
}

// entry is one of a table.
type entry struct {
	table service.Table
	key   string
	value []byte
}

// entries are those of tables, in order; the caller holds mu.
func (s *Shared) entries(tables ...service.Table) (list []entry) {
	for _, table := range tables {
		for _, key := range slices.Sorted(maps.Keys(s.tables[table])) {
			list = append(list, entry{table, key, s.tables[table][key]})
		}
	}
	return list
}

// change makes changes; the caller holds mu.
func (s *Shared) change(list []service.Change) {
	if s.tables == nil {
		s.tables = map[service.Table]map[string][]byte{}
	}
	for _, c := range list {
		if s.tables[c.Table] == nil {
			s.tables[c.Table] = map[string][]byte{}
		}
		if delete(s.tables[c.Table], c.Key); c.Value != nil {
			s.tables[c.Table][c.Key] = append([]byte{}, c.Value...)
		}
	}
	s.notify()
}

// get is what both Get methods do.
func (s *Shared) get(ctx context.Context, closed *bool, table service.Table, keys []string, f func(string, []byte) error) error {
	s.mu.Lock()
	err := s.asked(ctx, *closed)
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = s.tables[table][key]
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for i, key := range keys {
		if err := f(key, values[i]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *Shared) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errAway
	}
	return nil
}

// store is what the one has who publishes.
type store struct {
	*Shared
	closed bool
	told   time.Time // when it notices by itself that it was deposed; zero if it was not
}

// Err implements service.Failing.
func (s *store) Err() error {
	s.mu.Lock()
	told := s.told
	s.mu.Unlock()
	if !told.IsZero() && !time.Now().Before(told) {
		return service.ErrLost
	}
	return s.err()
}

// Read implements service.Store.
func (s *store) Read(ctx context.Context, table service.Table, f func(string, []byte) error) error {
	s.mu.Lock()
	list, err := s.entries(table), s.asked(ctx, s.closed)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := f(e.key, e.value); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Get implements service.Store.
func (s *store) Get(ctx context.Context, table service.Table, keys []string, f func(string, []byte) error) error {
	return s.get(ctx, &s.closed, table, keys, f)
}

// Commit implements service.Store.
func (s *store) Commit(_ context.Context, list []service.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.away:
		return errAway
	case s.holder != s:
		return service.ErrLost
	}
	s.version++
	s.change(list)
	return nil
}

// Close implements service.Store.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.holder == s {
		s.holder = nil
		s.notify()
	}
	return nil
}

type joined struct {
	*Shared
	wake   chan struct{} // holds one when something has happened
	ended  chan struct{} // closed when this is
	closed bool
}

// Err implements service.Failing.
func (j *joined) Err() error { return j.err() }

// View implements service.Joined.
func (j *joined) View(ctx context.Context, tables []service.Table, f func(service.Table, string, []byte) error) (string, error) {
	j.mu.Lock()
	list, version, err := j.entries(tables...), j.version, j.asked(ctx, j.closed)
	j.mu.Unlock()
	if err != nil {
		return "", err
	}
	for _, e := range list {
		if err := f(e.table, e.key, bytes.Clone(e.value)); err != nil {
			return "", err
		}
	}
	return strconv.Itoa(version), ctx.Err()
}

// Get implements service.Joined.
func (j *joined) Get(ctx context.Context, table service.Table, keys []string, f func(string, []byte) error) error {
	return j.get(ctx, &j.closed, table, keys, f)
}

// Keys implements service.Joined.
func (j *joined) Keys(ctx context.Context, table service.Table) ([]string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.asked(ctx, j.closed); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(j.tables[table])), nil
}

// Number implements service.Joined.
func (j *joined) Number(ctx context.Context) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.asked(ctx, j.closed); err != nil {
		return 0, err
	}
	j.number++
	return j.number, nil
}

// Accept implements service.Joined.
func (j *joined) Accept(ctx context.Context, entries []service.Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.asked(ctx, j.closed); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Value == nil {
			return errEmpty
		}
		if j.tables[e.Table][e.Key] != nil {
			return errUsed
		}
	}
	j.change(entries)
	if j.lose {
		j.lose = false
		return service.ErrLost
	}
	return nil
}

// Version implements service.Joined.
func (j *joined) Version(ctx context.Context) (string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.asked(ctx, j.closed); err != nil {
		return "", err
	}
	return strconv.Itoa(j.version), nil
}

// Wait implements service.Joined.
func (j *joined) Wait(ctx context.Context) error {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-j.ended:
	case <-ctx.Done():
	case <-j.wake:
	case <-timer.C:
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return errClosed
	}
	return ctx.Err()
}

// Close implements service.Joined.
func (j *joined) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.closed = true
		close(j.ended)
		delete(j.joined, j)
	}
	return nil
}
