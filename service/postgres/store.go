package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"example.org/rstuf/service"
)

// Times that no answer may take, beside those of the pool's connections. A commit may
// be of 192 MiB.
const (
	commitTimeout = 2 * time.Minute
	askTimeout    = 10 * time.Second
	closeTimeout  = 5 * time.Second
	pause         = 200 * time.Millisecond
	mostTries     = 3 // of a commit that connections break under
)

// store is a [service.Store] that has the lease.
type store struct {
	db      *Database
	lease   string // the table
	entries string // the table
	epoch   int64
	ctx     context.Context // until it is closed
	cancel  context.CancelFunc
	renewed chan struct{}         // closed when nothing renews the lease any more
	failed  atomic.Pointer[error] // why nothing is committed any more
	unwell  atomic.Pointer[error] // why the lease was not renewed just now

	turn   chan struct{} // holds one while somebody commits, and guards what follows
	writes int64         // the count of commits, in the lease
}

func newStore(d *Database) *store {
	s := &store{db: d, lease: d.table(leaseTable), entries: d.table(entriesTable), renewed: make(chan struct{}), turn: make(chan struct{}, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

var errClosed = fmt.Errorf("it is closed (%w)", service.ErrLost)

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

// Read implements [service.Store].
func (s *store) Read(ctx context.Context, table service.Table, f func(key string, value []byte) error) error {
	return s.query(ctx, f, `select key, value from `+s.entries+` where tab = $1 order by key`, string(table))
}

// Get implements [service.Store].
func (s *store) Get(ctx context.Context, table service.Table, keys []string, f func(key string, value []byte) error) error {
	list := make([][]byte, len(keys))
	for i, key := range keys {
		list[i] = []byte(key)
	}
	return s.query(ctx, f, `select w.key, e.value from unnest($2::bytea[]) with ordinality as w (key, n)
		left join `+s.entries+` e on e.tab = $1 and e.key = w.key order by w.n`, string(table), list)
}

// query calls f with the keys and values of a query's rows.
func (s *store) query(ctx context.Context, f func(key string, value []byte) error, text string, args ...any) error {
	if s.ctx.Err() != nil {
		return s.db.explain("read", errClosed)
	}
	rows, err := s.db.pool.Query(ctx, text, args...)
	if err != nil {
		return s.db.explain("read", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key, value pgtype.DriverBytes
		if err := rows.Scan(&key, &value); err != nil {
			return s.db.explain("read", err)
		}
		if err := f(string(key), value); err != nil {
			return err
		}
	}
	return s.db.explain("read", rows.Err())
}

// Commit implements [service.Store].
func (s *store) Commit(ctx context.Context, list []service.Change) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// From here on the end of ctx changes nothing: whoever has asked must know.
	return s.db.explain("commit", s.commit(newBatch(list)))
}

// commit makes changes; the caller has the turn.
func (s *store) commit(b *batch) error {
	for tries := 1; ; tries++ {
		if err := s.failed.Load(); err != nil {
			return *err
		}
		if s.ctx.Err() != nil {
			return errClosed
		}
		made, err := s.try(b)
		switch {
		case made:
			s.writes++
			return nil
		case err == nil: // it is not our lease, or not any more
			err = s.regain()
		case !certain(err):
			made, lost := s.lookUp()
			switch {
			case made:
				return nil
			case lost != nil:
				return lost
			case tries < mostTries:
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// errUnsent is of a statement that did not leave: there was no connection.
type errUnsent struct{ error }

func (e errUnsent) Unwrap() error { return e.error }

// certain tells whether a statement that failed has changed nothing: it was not
// sent, or the server says so.
func certain(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.SeverityUnlocalized == "ERROR" { // others end the session, perhaps after the commit
		return true
	}
	return errors.As(err, &errUnsent{}) || pgconn.SafeToRetry(err)
}

// try commits once. It returns false without an error if the lease is not as we
// left it.
func (s *store) try(b *batch) (made bool, err error) {
	asking, cancel := context.WithTimeout(s.ctx, askTimeout)
	defer cancel()
	conn, err := s.db.pool.Acquire(asking)
	if err != nil {
		return false, errUnsent{err}
	}
	defer conn.Release()
	ctx, cancel := context.WithTimeout(s.ctx, commitTimeout)
	defer cancel()
	err = conn.QueryRow(ctx, `with mine as (
		update `+s.lease+` set writes = $2::bigint + 1, ends = clock_timestamp() + $3::interval
		where epoch = $1 and writes = $2 and ends > clock_timestamp() returning 1
	), gone as (
		delete from `+s.entries+` e using mine, unnest($4::text[], $5::bytea[]) as d (tab, key) where e.tab = d.tab and e.key = d.key
	), put as (
		insert into `+s.entries+` (tab, key, value)
		select p.tab, p.key, p.value from mine, unnest($6::text[], $7::bytea[], $8::bytea[]) as p (tab, key, value)
		on conflict (tab, key) do update set value = excluded.value
	) select exists (select from mine)`,
		s.epoch, s.writes, s.db.lease, b.goneTables, b.goneKeys, b.tables, b.keys, b.values).Scan(&made)
	return made, err
}

// regain finds out why a commit was not ours to make, and renews the lease where it
// has only ended.
func (s *store) regain() error {
	ctx, cancel := context.WithTimeout(s.ctx, askTimeout)
	defer cancel()
	writes, err := s.renew(ctx)
	if err == nil && writes != s.writes {
		err = s.fail(ErrBack)
	}
	return err
}

// lookUp finds out how a commit has ended whose answer did not come, as often as it
// takes. One that has not been made by then is not made later.
func (s *store) lookUp() (made bool, err error) {
	for {
		made, known, err := s.ask()
		if known {
			return made, err
		}
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return false, errors.Join(errClosed, err)
		}
	}
}

// ask waits for the lock of the lease's row, so that the commit has ended, and takes
// the number that it would have needed.
func (s *store) ask() (made, known bool, err error) {
	ctx, cancel := context.WithTimeout(s.ctx, askTimeout)
	defer cancel()
	var writes int64
	err = s.db.pool.QueryRow(ctx, `update `+s.lease+` set writes = case writes when $2::bigint then $2::bigint + 2 else writes end
		where epoch = $1 returning writes`, s.epoch, s.writes).Scan(&writes)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		known, err := s.gone(ctx)
		return false, known, err
	case err != nil:
		return false, false, err
	}
	before := s.writes
	s.writes = writes
	switch writes {
	case before + 1:
		return true, true, nil
	case before + 2:
		return false, true, nil
	}
	return false, true, s.fail(ErrBack)
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

// batch is what one statement changes: of each key what was said last.
type batch struct {
	goneTables, tables     []string
	goneKeys, keys, values [][]byte
}

func newBatch(list []service.Change) *batch {
	type place struct {
		table service.Table
		key   string
	}
	last := make(map[place]int, len(list))
	for i, c := range list {
		last[place{c.Table, c.Key}] = i
	}
	b := &batch{}
	for i, c := range list {
		switch {
		case last[place{c.Table, c.Key}] != i:
		case c.Value == nil:
			b.goneTables, b.goneKeys = append(b.goneTables, string(c.Table)), append(b.goneKeys, []byte(c.Key))
		default:
			b.tables, b.keys, b.values = append(b.tables, string(c.Table)), append(b.keys, []byte(c.Key)), append(b.values, c.Value)
		}
	}
	return b
}
