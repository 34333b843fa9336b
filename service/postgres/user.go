package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"example.org/rstuf/service"
)

// Times that no answer may take, beside those of the pool's connections.
const (
	askTimeout   = 10 * time.Second
	closeTimeout = 5 * time.Second
	pause        = 200 * time.Millisecond
	mostTries    = 3    // of a commit that connections break under
	slowest      = 1000 // bytes in a millisecond that a commit comes to, beside askTimeout
)

// user is who reads the entries, and changes them under a row of its own: whoever has
// the lease, or a replica that accepts. Each commit is one statement that changes the
// row's count too, if it is as the user left it. So a commit whose answer was lost can
// be looked up, and one that was not made by then is never made.
type user struct {
	db      *Database
	entries string // the table
	ctx     context.Context
	cancel  context.CancelFunc                            // closes it
	row     string                                        // the table that the row is in
	key     string                                        // the column that tells it from others
	missing func(context.Context) (known bool, err error) // why the row is not there

	turn   chan struct{} // holds one while somebody commits, and guards what follows
	id     int64         // of the row
	writes int64         // its count
}

func newUser(d *Database, row, key string) user {
	u := user{db: d, entries: d.table(entriesTable), row: d.table(row), key: key, turn: make(chan struct{}, 1)}
	u.ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

var errClosed = fmt.Errorf("it is closed (%w)", service.ErrLost)

// Read implements [service.Store].
func (u *user) Read(ctx context.Context, table service.Table, f func(key string, value []byte) error) error {
	return u.query(ctx, f, `select key, value from `+u.entries+` where tab = $1 order by key`, string(table))
}

// Get implements [service.Store] and [service.Joined].
func (u *user) Get(ctx context.Context, table service.Table, keys []string, f func(key string, value []byte) error) error {
	list := make([][]byte, len(keys))
	for i, key := range keys {
		list[i] = []byte(key)
	}
	return u.query(ctx, f, `select w.key, e.value from unnest($2::bytea[]) with ordinality as w (key, n)
		left join `+u.entries+` e on e.tab = $1 and e.key = w.key order by w.n`, string(table), list)
}

// query calls f with the keys and values of a query's rows.
func (u *user) query(ctx context.Context, f func(key string, value []byte) error, text string, args ...any) error {
	var key, value pgtype.DriverBytes
	return u.rows(ctx, []any{&key, &value}, func() error { return f(string(key), value) }, text, args...)
}

// rows calls f with each row of a query in what it is given for them.
func (u *user) rows(ctx context.Context, row []any, f func() error, text string, args ...any) error {
	if u.ctx.Err() != nil {
		return u.db.explain("read", errClosed)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(askTimeout, func() { cancel(errSilent) })
	defer silence.Stop()
	failed := func(err error) error {
		if err != nil && context.Cause(ctx) == errSilent {
			err = errSilent
			u.db.distrust(err)
		}
		return u.db.explain("read", err)
	}
	rows, err := u.db.pool.Query(ctx, text, args...)
	if err != nil {
		return failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		silence.Stop()
		if err := rows.Scan(row...); err != nil {
			return failed(err)
		}
		if err := f(); err != nil {
			return err
		}
		silence.Reset(askTimeout)
	}
	return failed(rows.Err())
}

// errSilent is of a server that gives no answer, or does not go on with one.
var errSilent = fmt.Errorf("no answer in %s: %w", askTimeout, context.DeadlineExceeded)

// one asks for one row.
func (d *Database) one(ctx context.Context, row []any, text string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := d.pool.QueryRow(ctx, text, args...).Scan(row...)
	d.distrust(err)
	return err
}

// inTurn does something while nobody else commits.
func (u *user) inTurn(ctx context.Context, f func() error) error {
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f()
}

// commit makes changes; the caller has the turn. It is given the statement, which
// returns a row if the user's own was as it was left, and what to do if it was not:
// nothing has changed then.
func (u *user) commit(b *batch, statement string, args func() []any, amiss func() error) error {
	for tries := 1; ; tries++ {
		if u.ctx.Err() != nil {
			return errClosed
		}
		made, err := u.try(b, statement, args())
		switch {
		case made:
			u.writes++
			return nil
		case err == nil:
			err = amiss()
		case !certain(err):
			made, lost := u.lookUp()
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

// try makes changes once. It returns false without an error if the row is not as it
// was left.
func (u *user) try(b *batch, statement string, args []any) (made bool, err error) {
	asking, cancel := context.WithTimeout(u.ctx, askTimeout)
	defer cancel()
	conn, err := u.db.pool.Acquire(asking)
	if err != nil {
		u.db.distrust(err)
		return false, errUnsent{err}
	}
	defer conn.Release()
	ctx, cancel := context.WithTimeout(u.ctx, askTimeout+time.Duration(b.size/slowest)*time.Millisecond)
	defer cancel()
	err = conn.QueryRow(ctx, statement, args...).Scan(&made)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	u.db.distrust(err)
	return err == nil, err // a row alone says nothing: a server that ends sends it before the commit
}

// distrust drops all connections if one gave no answer in time: others may lead
// nowhere as well.
func (d *Database) distrust(err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		d.pool.Reset()
	}
}

// lookUp finds out how a commit has ended whose answer did not come, as often as it
// takes. One that has not been made by then is not made later.
func (u *user) lookUp() (made bool, err error) {
	for {
		made, known, err := u.ask()
		if known {
			return made, err
		}
		select {
		case <-time.After(pause):
		case <-u.ctx.Done():
			return false, errors.Join(errClosed, err)
		}
	}
}

// ask waits for the lock of the row, so that the commit has ended, and takes the
// number that it would have needed.
func (u *user) ask() (made, known bool, err error) {
	ctx, cancel := context.WithTimeout(u.ctx, u.db.patience())
	defer cancel()
	if err := u.db.endStuck(ctx, u.row); err != nil {
		return false, false, err
	}
	var writes int64
	err = u.db.pool.QueryRow(ctx, `update `+u.row+` set writes = case writes when $2::bigint then $2::bigint + 2 else writes end
		where `+u.key+` = $1 returning writes`, u.id, u.writes).Scan(&writes)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		known, err := u.missing(ctx)
		return false, known, err
	case err != nil:
		u.db.distrust(err)
		return false, false, err
	}
	before := u.writes
	u.writes = writes
	switch writes {
	case before + 1:
		return true, true, nil
	case before + 2:
		return false, true, nil
	}
	return false, true, ErrBack
}

// endStuck ends the sessions that have a row of a table locked and wait for their
// client: a commit arrived without its end, since the client was held or cut off in
// the middle, and neither keepalives nor limits of PostgreSQL 15 would end that.
func (d *Database) endStuck(ctx context.Context, table string) error {
	_, err := d.pool.Exec(ctx, `select pg_terminate_backend(a.pid) from `+table+` r
		join pg_locks l on l.locktype = 'transactionid' and l.transactionid = r.xmax and l.granted
		join pg_stat_activity a on a.pid = l.pid and a.wait_event = 'ClientRead' and a.usename = current_user`)
	return err
}

// batch is what one statement changes: of each key what was said last.
type batch struct {
	goneTables, tables     []string
	goneKeys, keys, values [][]byte
	size                   int
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
			b.size += len(c.Value)
		}
	}
	return b
}
