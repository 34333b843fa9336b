package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"example.org/rstuf/service"
)

// joined is a [service.Joined]: a user whose row is among those of the replicas.
type joined struct {
	user
	told   chan struct{}         // holds one when something may have happened
	ended  chan struct{}         // closed when nobody listens any more
	unwell atomic.Pointer[error] // why the server can't be heard just now
}

// Join implements [service.Shared]: it brings the schema up to date, and opens what
// replicas do beside the one that has the lease.
func (d *Database) Join(ctx context.Context) (service.Joined, error) {
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	j := &joined{user: newUser(d, replicasTable, "id"), told: make(chan struct{}, 1), ended: make(chan struct{})}
	j.missing = j.lost
	if err := j.register(ctx); err != nil {
		return nil, d.explain("join", err)
	}
	if err := d.numberOn(ctx); err != nil {
		return nil, d.explain("join", err)
	}
	go j.listen()
	return j, nil
}

// longGone is for how long a replica has accepted nothing whose row is removed. If it
// is there after all it makes another one.
const longGone = "1 day"

// register makes a row for this replica. Its id is one that no replica has had, not
// even before the database went back.
func (j *joined) register(ctx context.Context) error {
	var random [8]byte
	rand.Read(random[:])
	id := int64(binary.BigEndian.Uint64(random[:]) >> 1)
	_, err := j.db.pool.Exec(ctx, `with gone as (
		delete from `+j.row+` where id in (select id from `+j.row+` where seen < clock_timestamp() - $3::interval for update skip locked)
	) insert into `+j.row+` (id, holder) values ($1, $2)`, id, whoami(), longGone)
	if err == nil {
		j.id, j.writes = id, 0
	}
	return err
}

// numberOn has the numbers go on after those that a service has counted itself, while
// it had the store for itself: it has given fewer than one a microsecond, beginning
// with what was the highest.
func (d *Database) numberOn(ctx context.Context) error {
	sequence := d.table(numberSequence)
	_, err := d.pool.Exec(ctx, `select setval($1::text::regclass, greatest(nextval($1::text::regclass), (extract(epoch from clock_timestamp()) * 1000000)::bigint))
		from (select pg_advisory_xact_lock(hashtextextended('rstuf number ' || $1, 0))) as alone`, sequence)
	return err
}

// Number implements [service.Joined].
func (j *joined) Number(ctx context.Context) (number uint64, err error) {
	var n int64
	err = j.one(ctx, `select nextval($1::text::regclass)`, &n, j.db.table(numberSequence))
	return uint64(n), j.db.explain("take a number", err)
}

// version is that of the lease's row. The time tells two leases of the same epoch, if
// the database went back.
const version = `concat_ws(' ', epoch, writes, extract(epoch from since))`

// Version implements [service.Joined].
func (j *joined) Version(ctx context.Context) (text string, err error) {
	err = j.one(ctx, `select `+version+` from `+j.db.table(leaseTable), &text)
	return text, j.db.explain("read the version", err)
}

// View implements [service.Joined]: one statement, since that is of one moment.
func (j *joined) View(ctx context.Context, tables []service.Table, f func(table service.Table, key string, value []byte) error) (text string, err error) {
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = string(table)
	}
	var n int
	var key, value pgtype.DriverBytes
	err = j.rows(ctx, []any{&n, &key, &value}, func() error {
		if n == 0 {
			text = string(value)
			return nil
		}
		return f(tables[n-1], string(key), value)
	}, `select 0, null::bytea, convert_to(`+version+`, 'UTF8') from `+j.db.table(leaseTable)+` union all
		select w.n, e.key, e.value from unnest($1::text[]) with ordinality as w (tab, n) join `+j.entries+` e on e.tab = w.tab order by 1, 2`, names)
	return text, err
}

// one asks for one value.
func (j *joined) one(ctx context.Context, text string, value any, args ...any) error {
	if j.ctx.Err() != nil {
		return errClosed
	}
	return j.db.one(ctx, []any{value}, text, args...)
}

// Keys implements [service.Joined].
func (j *joined) Keys(ctx context.Context, table service.Table) (keys []string, err error) {
	var key pgtype.DriverBytes
	err = j.rows(ctx, []any{&key}, func() error { keys = append(keys, string(key)); return nil },
		`select key from `+j.entries+` where tab = $1 order by key`, string(table))
	return keys, err
}

// Accept implements [service.Joined].
func (j *joined) Accept(ctx context.Context, entries []service.Change) error {
	return j.inTurn(ctx, func() error {
		// From here on the end of ctx changes nothing: whoever has asked must know.
		return j.db.explain("accept", j.add(newBatch(entries)))
	})
}

func (j *joined) add(b *batch) error {
	if len(b.goneKeys) > 0 {
		return errors.New("an entry without a value is no entry")
	}
	err := j.commit(b, `with mine as (
		update `+j.row+` set writes = $2::bigint + 1, seen = clock_timestamp() where id = $1 and writes = $2 returning 1
	), put as (
		insert into `+j.entries+` (tab, key, value)
		select p.tab, p.key, p.value from mine, unnest($3::text[], $4::bytea[], $5::bytea[]) as p (tab, key, value)
	) select pg_notify($6, '') is not null from mine`, func() []any {
		return []any{j.id, j.writes, b.tables, b.keys, b.values, j.db.channel}
	}, j.rejoin)
	if errors.Is(err, ErrBack) {
		return errUnknown
	}
	return err
}

// errUnknown is of an acceptance whose answer was lost together with what it could be
// looked up by. The next one is made.
var errUnknown error = &opError{"nobody knows whether it was accepted, since the database is not as this replica left it: look whether it was published, and send it again", service.ErrLost}

// rejoin makes another row, since ours is gone or not as we left it: it was thought to
// be of a replica that is long gone, or the database went back.
func (j *joined) rejoin() error {
	ctx, cancel := context.WithTimeout(j.ctx, askTimeout)
	defer cancel()
	return j.register(ctx)
}

// lost is of a row that went away while a commit was looked up.
func (j *joined) lost(context.Context) (known bool, err error) { return true, ErrBack }

// Wait implements [service.Joined].
func (j *joined) Wait(ctx context.Context) error {
	timer := time.NewTimer(j.db.poll())
	defer timer.Stop()
	select {
	case <-j.told:
	case <-timer.C:
	case <-ctx.Done():
	case <-j.ctx.Done():
	}
	if j.ctx.Err() != nil {
		return j.db.explain("wait", errClosed)
	}
	return ctx.Err()
}

// poll is how often to look whether something has happened that was not told of, such
// as the end of a lease.
func (d *Database) poll() time.Duration { return min(d.lease/3, time.Second) }

// tell has Wait return.
func (j *joined) tell() {
	select {
	case j.told <- struct{}{}:
	default:
	}
}

// listen waits for what others tell, on a connection of its own, until this is closed.
func (j *joined) listen() {
	defer close(j.ended)
	for j.ctx.Err() == nil {
		if err := j.hear(); j.ctx.Err() == nil {
			j.db.distrust(err)
			j.unwell.Store(&err)
		}
		select {
		case <-time.After(pause):
		case <-j.ctx.Done():
		}
	}
}

// hear listens until the connection breaks.
func (j *joined) hear() error {
	ctx, cancel := context.WithTimeout(j.ctx, askTimeout)
	defer cancel()
	pooled, err := j.db.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn := pooled.Hijack() // it listens, as no other use of it should
	defer hangUp(conn)
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{j.db.channel}.Sanitize()); err != nil {
		return err
	}
	j.tell() // something may have been missed
	for {
		j.unwell.Store(nil)
		if err := j.next(conn); err != nil {
			return err
		}
	}
}

// next waits for what is told. A server that tells nothing for a while is asked.
func (j *joined) next(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(j.ctx, j.db.poll())
	defer cancel()
	_, err := conn.WaitForNotification(ctx)
	if err == nil {
		j.tell()
	}
	if err == nil || ctx.Err() == nil || j.ctx.Err() != nil {
		return err
	}
	ctx, cancel = context.WithTimeout(j.ctx, j.db.patience())
	defer cancel()
	return conn.Ping(ctx)
}

var _ service.Failing = (*joined)(nil)

// Err implements [service.Failing].
func (j *joined) Err() error {
	if reason := j.unwell.Load(); reason != nil {
		return j.db.explain("listen", *reason)
	}
	return nil
}

// Close implements [service.Joined].
func (j *joined) Close() error {
	if j.ctx.Err() != nil {
		return nil
	}
	j.cancel()
	<-j.ended
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := j.inTurn(ctx, func() error {
		_, err := j.db.pool.Exec(ctx, `delete from `+j.row+` where id = $1`, j.id)
		return err
	})
	if err != nil {
		return j.db.explain(fmt.Sprintf("leave the replicas, which others have forgotten after %s", longGone), err)
	}
	return nil
}
