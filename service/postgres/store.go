package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"example.org/rstuf/service"
)

// store is a [service.Store]: a user that has the lease, whose row is its own.
type store struct {
	user
	renewed chan struct{}         // closed when nothing renews the lease any more
	failed  atomic.Pointer[error] // why nothing is committed any more
	unwell  atomic.Pointer[error] // why the lease was not renewed just now
}

func newStore(d *Database) *store {
	s := &store{user: newUser(d, leaseTable, "epoch"), renewed: make(chan struct{})}
	s.missing = s.gone
	return s
}

// fail notes why nothing is committed any more, and returns it.
func (s *store) fail(err error) error {
	s.failed.CompareAndSwap(nil, &err)
	return *s.failed.Load()
}

var _ service.Failing = (*store)(nil)

// Err implements [service.Failing].
func (s *store) Err() error {
	for _, reason := range []*error{s.failed.Load(), s.unwell.Load()} {
		if reason != nil {
			return s.db.explain("renew the lease", *reason)
		}
	}
	return nil
}

// Commit implements [service.Store].
func (s *store) Commit(ctx context.Context, list []service.Change) error {
	return s.inTurn(ctx, func() error {
		if err := s.failed.Load(); err != nil {
			return s.db.explain("commit", *err)
		}
		// From here on the end of ctx changes nothing: whoever has asked must know.
		return s.db.explain("commit", s.change(newBatch(list)))
	})
}

func (s *store) change(b *batch) error {
	err := s.commit(b, `with mine as (
		update `+s.row+` set writes = $2::bigint + 1, ends = clock_timestamp() + $3::interval
		where epoch = $1 and writes = $2 and ends > clock_timestamp() returning 1
	), gone as (
		delete from `+s.entries+` e using mine, unnest($4::text[], $5::bytea[]) as d (tab, key) where e.tab = d.tab and e.key = d.key
	), put as (
		insert into `+s.entries+` (tab, key, value)
		select p.tab, p.key, p.value from mine, unnest($6::text[], $7::bytea[], $8::bytea[]) as p (tab, key, value)
		on conflict (tab, key) do update set value = excluded.value
	) select pg_notify($9, '') is not null from mine`, func() []any {
		return []any{s.id, s.writes, s.db.lease, b.goneTables, b.goneKeys, b.tables, b.keys, b.values, s.db.channel}
	}, s.regain)
	if errors.Is(err, ErrBack) {
		return s.fail(err)
	}
	return err
}

// regain finds out why a commit was not ours to make, and renews the lease where it
// has only ended.
func (s *store) regain() error {
	ctx, cancel := context.WithTimeout(s.ctx, askTimeout)
	defer cancel()
	writes, err := s.renew(ctx)
	if err == nil && writes != s.writes {
		err = ErrBack
	}
	return err
}

// Close implements [service.Store]: it gives the lease back.
func (s *store) Close() error {
	if s.ctx.Err() != nil {
		return nil
	}
	s.cancel()
	<-s.renewed
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.release(ctx); err != nil {
		return s.db.explain(fmt.Sprintf("release the lease, which ends by itself in %s", s.db.lease), err)
	}
	return nil
}
