package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNewer is the error of a schema that a newer release has made.
var ErrNewer = errors.New("a newer release of this program has made it")

// migrations bring a schema from each version to the next. What was released is
// never changed: another one follows. %[1]s is the lease's table, %[2]s that of the
// entries, %[3]s that of the replicas, and %[4]s the sequence of numbers.
var migrations = []string{
	`create table %[1]s (
		one    boolean primary key default true check (one),
		epoch  bigint not null,
		writes bigint not null,
		holder text not null,
		since  timestamptz not null,
		ends   timestamptz not null
	);
	insert into %[1]s (epoch, writes, holder, since, ends) values (0, 0, '', now(), '-infinity');
	create table %[2]s (
		tab   text collate "C",
		key   bytea,
		value bytea not null,
		primary key (tab, key)
	);
	alter table %[2]s alter column value set storage external`,
	`create table %[3]s (
		id     bigint primary key,
		writes bigint not null default 0,
		holder text not null,
		seen   timestamptz not null default clock_timestamp()
	);
	create sequence %[4]s`,
}

// What a schema has. The names are told from those of others, for somebody
// may name the schema public.
const (
	versionTable   = "rstuf_version"
	leaseTable     = "rstuf_lease"
	entriesTable   = "rstuf_entries"
	replicasTable  = "rstuf_replicas"
	numberSequence = "rstuf_number"
)

// migrate makes the schema, or brings it up to date, in one transaction and for one
// program at a time.
func (d *Database) migrate(ctx context.Context) error {
	// Who finds it up to date waits for nobody.
	var version int
	if err := d.one(ctx, []any{&version}, "select version from "+d.table(versionTable)); err == nil && version == len(migrations) {
		return nil
	}
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		// A program that is held here keeps others waiting no longer than that.
		if _, err := tx.Exec(ctx, "select set_config('idle_in_transaction_session_timeout', '10s', true), pg_advisory_xact_lock(hashtextextended('rstuf schema ' || $1, 0))", d.schema); err != nil {
			return err
		}
		version, err := d.version(ctx, tx)
		if err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("%w: its schema has version %d, and this one knows %d: install that release", ErrNewer, version, len(migrations))
		}
		for ; version < len(migrations); version++ {
			// Several statements: without the extended protocol.
			statements := fmt.Sprintf(migrations[version], d.table(leaseTable), d.table(entriesTable), d.table(replicasTable), d.table(numberSequence))
			if _, err := tx.Exec(ctx, statements, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "update "+d.table(versionTable)+" set version = $1 where version < $1", version)
		return err
	})
}

// version is that of the schema, which is made if it is not there.
func (d *Database) version(ctx context.Context, tx pgx.Tx) (version int, err error) {
	var schema, table bool
	err = tx.QueryRow(ctx, "select exists (select from pg_namespace where nspname = $1), to_regclass($2) is not null", d.schema, d.table(versionTable)).Scan(&schema, &table)
	if err != nil {
		return 0, err
	}
	if !schema { // "if not exists" would ask for the right to make one in any case
		if _, err := tx.Exec(ctx, "create schema "+pgx.Identifier{d.schema}.Sanitize()); err != nil {
			return 0, err
		}
	}
	if !table {
		if _, err := tx.Exec(ctx, "create table "+d.table(versionTable)+" (version int not null)"); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, "insert into "+d.table(versionTable)+" values (0)"); err != nil {
			return 0, err
		}
	}
	return version, tx.QueryRow(ctx, "select version from "+d.table(versionTable)).Scan(&version)
}
