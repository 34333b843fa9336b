package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/service"
)

// Config says which part of which database to use. All of it has defaults.
type Config struct {
	// Schema is the schema of the repository, which is made if it is not there;
	// empty means "rstuf".
	Schema string
	// Lease is for how long a service that has died keeps others out; 0 means 3
	// seconds. It is renewed three times as often.
	Lease time.Duration
}

// Database is the place of one repository in PostgreSQL. It is service.Config.Replicas.
type Database struct {
	pool     *pgxpool.Pool
	schema   string
	channel  string // of NOTIFY
	lease    time.Duration
	sessions atomic.Bool // checkSessions has found nothing
}

var _ service.Shared = (*Database)(nil)

// New returns the place of a repository in the database of a pool. It asks the
// server for nothing yet. The pool stays the caller's, to be closed after the
// service.
func New(pool *pgxpool.Pool, cfg Config) (*Database, error) {
	if cfg.Schema == "" {
		cfg.Schema = "rstuf"
	}
	if cfg.Lease == 0 {
		cfg.Lease = 3 * time.Second
	}
	switch {
	case pool == nil:
		return nil, errors.New("postgres: the pool is nil: make one with pgxpool.New")
	case pool.Config().MaxConns < 2:
		return nil, errors.New("postgres: the pool has one connection: allow two at least, since the lease is renewed beside what is committed (pool_max_conns in the address)")
	case len(cfg.Schema) > maxSchema:
		return nil, fmt.Errorf("postgres: the name of the schema has %d bytes: PostgreSQL takes %d", len(cfg.Schema), maxSchema)
	case cfg.Lease < minLease:
		return nil, fmt.Errorf("postgres: a lease of %s is too short: take %s at least", cfg.Lease, minLease)
	}
	// The name of a schema may be as long as that of a channel.
	return &Database{pool: pool, schema: cfg.Schema, channel: fmt.Sprintf("rstuf_%x", sha256.Sum256([]byte(cfg.Schema)))[:maxSchema], lease: cfg.Lease}, nil
}

const (
	maxSchema = 63
	minLease  = 100 * time.Millisecond
)

// Open is service.Config.Store: it brings the schema up to date and takes the lease.
// The error is service.ErrLocked if another service has it.
func (d *Database) Open(ctx context.Context) (service.Store, error) {
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	s := newStore(d)
	if err := s.take(ctx); err != nil {
		return nil, d.explain("take the lease", err)
	}
	go s.renewAll()
	return s, nil
}

// prepare checks the server and brings the schema up to date.
func (d *Database) prepare(ctx context.Context) error {
	if err := d.checkServer(ctx); err != nil {
		return d.explain("open", err)
	}
	return d.explain("bring the schema up to date", d.migrate(ctx))
}

// patience is for how long to wait for the answer to a question.
func (d *Database) patience() time.Duration { return max(d.lease, time.Second) }

// table is the name of one of the schema's tables, for a statement.
func (d *Database) table(name string) string { return pgx.Identifier{d.schema, name}.Sanitize() }

// opError is what went wrong in one line; the driver's error, which can be of
// several, is behind it.
type opError struct {
	text string
	err  error
}

func (e *opError) Error() string { return e.text }
func (e *opError) Unwrap() error { return e.err }

// explain says what was to be done and why it was not.
func (d *Database) explain(verb string, err error) error {
	if err == nil {
		return nil
	}
	return &opError{quote.OneLine(fmt.Sprintf("PostgreSQL, schema %s: %s: %v", d.schema, verb, err), maxText), err}
}

// maxText is the longest error, for a server may answer anything.
const maxText = 500

// The server's settings and the way to it that a service can't work with.
var (
	errStandby = errors.New("the server is a standby, which takes no changes: connect to the primary (target_session_attrs=read-write)")
	errPooler  = errors.New("a pooler gives each transaction another connection: connect to the server itself, or let the pooler keep a session's connection (pool_mode=session)")
)

// checkServer refuses a server that does not keep what it acknowledges, and a way to
// it that is no session.
func (d *Database) checkServer(ctx context.Context) error {
	if !d.sessions.Load() {
		if err := d.checkSessions(ctx); err != nil {
			return err
		}
		d.sessions.Store(true)
	}
	var standby bool
	var commit string
	err := d.one(ctx, []any{&standby, &commit}, "select pg_is_in_recovery(), current_setting('synchronous_commit')")
	switch {
	case err != nil:
		return err
	case standby:
		return errStandby
	case commit != "on" && commit != "remote_apply":
		return fmt.Errorf("synchronous_commit is %s: what is acknowledged could be lost: set it to on for this role (alter role … set synchronous_commit = on) or in the address", commit)
	}
	return nil
}

// checkSessions tries on two connections, one after the other and again, whether
// each stays with one process of the server. A pooler would have both use the one
// that is free.
func (d *Database) checkSessions(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	first, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	alone := first.Hijack() // else all who share the pool may have one, and wait for another
	defer hangUp(alone)
	second, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer second.Release()
	var process [2]int
	for range 3 {
		for i, c := range []*pgx.Conn{alone, second.Conn()} {
			var now int
			// Without a prepared statement: that would be another session's.
			if err := c.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&now); err != nil {
				return err
			}
			if process[i] != 0 && process[i] != now {
				return errPooler
			}
			process[i] = now
		}
		if process[0] == process[1] {
			return errPooler
		}
	}
	return nil
}

// hangUp closes a connection that is not the pool's any more.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), pause)
	defer cancel()
	_ = conn.Close(ctx)
}
