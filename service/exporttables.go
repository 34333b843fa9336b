package service

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/rstuf/internal/rules"
)

// tablesHead makes the tables as the worker's migration 1effe827d0cd does, where
// the worker has not, and refuses tables that have rows.
const tablesHead = `\set ON_ERROR_STOP on
BEGIN;
SELECT to_regclass('alembic_version') IS NULL AS fresh \gset
\if :fresh
CREATE TYPE targetaction AS ENUM ('ADD', 'REMOVE');
CREATE TABLE rstuf_target_roles (
	id serial PRIMARY KEY,
	rolename varchar NOT NULL,
	expires timestamp NOT NULL,
	version integer NOT NULL,
	active boolean NOT NULL,
	last_update timestamp
);
CREATE INDEX ix_rstuf_target_roles_id ON rstuf_target_roles (id);
CREATE UNIQUE INDEX ix_rstuf_target_roles_rolename ON rstuf_target_roles (rolename);
CREATE TABLE rstuf_target_files (
	id serial PRIMARY KEY,
	path varchar NOT NULL,
	info json NOT NULL,
	published boolean NOT NULL,
	action targetaction NOT NULL,
	last_update timestamp,
	targets_role integer REFERENCES rstuf_target_roles (id)
);
CREATE INDEX ix_rstuf_target_files_id ON rstuf_target_files (id);
CREATE UNIQUE INDEX ix_rstuf_target_files_path ON rstuf_target_files (path);
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('1effe827d0cd');
\endif
LOCK TABLE rstuf_target_roles, rstuf_target_files;
DO $$ BEGIN
	IF EXISTS (SELECT FROM rstuf_target_roles) OR EXISTS (SELECT FROM rstuf_target_files) THEN
		RAISE EXCEPTION 'this database holds a repository already: nothing was changed';
	END IF;
END $$;
COPY rstuf_target_roles (id, rolename, expires, version, active, last_update) FROM stdin;
`

const tablesFiles = `\.
COPY rstuf_target_files (path, info, published, action, last_update, targets_role) FROM stdin;
`

const tablesEnd = `\.
SELECT setval(pg_get_serial_sequence('rstuf_target_roles', 'id'), max(id)) FROM rstuf_target_roles;
COMMIT;
`

// tables writes a script for psql with the rows of the worker's tables.
func (e *exporter) tables(ctx context.Context, f io.Writer) error {
	w := bufio.NewWriterSize(f, 1<<16)
	w.WriteString(tablesHead)
	delegated := e.delegatedNames()
	now := sqlTime(e.now)
	for _, role := range append(slices.Clip(delegated), e.removed(delegated)...) {
		e.done.Roles++
		info := e.repo.roles.get(role)
		if waits := e.repo.signing[role]; info.version == 0 && waits != nil {
			info.version, info.expires = waits.Version(), waits.Expires()
		} else if info.version == 0 {
			info.version, info.expires = 1, e.now // a name that was used once
		}
		active := "f"
		if e.done.Roles <= len(delegated) {
			active = "t"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%s\t%s\n", e.done.Roles, copyText(role), sqlTime(info.expires), info.version, active, now)
	}
	w.WriteString(tablesFiles)
	if err := e.artifacts(ctx, w, delegated); err != nil {
		return err
	}
	w.WriteString(tablesEnd)
	return w.Flush()
}

// delegatedNames are the roles that targets delegates to, in that order.
func (e *exporter) delegatedNames() (names []string) {
	d := e.repo.delegations
	if d.Succinct != nil {
		if bins, err := d.Succinct.Bins(); err == nil {
			return slices.Collect(bins.Names())
		}
	}
	for _, role := range d.Roles {
		names = append(names, role.Name)
	}
	return names
}

// removed are the names that were used once and are not any more.
func (e *exporter) removed(delegated []string) []string {
	used := maps.Clone(e.repo.state.UsedNames)
	if used == nil {
		used = map[string]bool{}
	}
	for role := range e.repo.state.Listed {
		used[role] = true
	}
	for role := range e.repo.roles.all() {
		if !rules.IsTopLevelRole(role) {
			used[role] = true
		}
	}
	for _, role := range delegated {
		delete(used, role)
	}
	return slices.Sorted(maps.Keys(used))
}

func sqlTime(t time.Time) string { return t.UTC().Format(time.DateTime) }

var copyEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// copyText is a value in the text format of PostgreSQL's COPY.
func copyText(text string) string { return copyEscapes.Replace(text) }
