package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/pflag"

	"example.org/rstuf/service"
)

// The tables of a deployed RSTUF's worker (models/targets), as its migrations
// of 2025 make them.
const (
	selectRoles = "SELECT rolename, id FROM rstuf_target_roles WHERE active"
	copyFiles   = "COPY rstuf_target_files (path, info, published, action, last_update, targets_role) FROM STDIN (FORMAT csv)"
	// A path has one row, so the order is that of whoever reads it.
	selectUnpublished = "SELECT f.path, f.info, f.action, r.active FROM rstuf_target_files f " +
		"LEFT JOIN rstuf_target_roles r ON r.id = f.targets_role WHERE NOT f.published ORDER BY f.action, f.id"
)

// databaseFlags say where a deployed RSTUF's PostgreSQL is.
type databaseFlags struct {
	uri      string
	password secretFlags
}

func (f *databaseFlags) add(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&f.uri, "db-uri", "", usage)
	f.password.add(flags, "db-password", "the database's password")
}

// connect reads the URI, in SQLAlchemy's form too, and the password from where
// the flags say, and connects.
func (f *databaseFlags) connect(ctx context.Context) (*pgconn.PgConn, error) {
	uri := f.uri
	if scheme, rest, ok := strings.Cut(uri, "://"); ok {
		scheme, _, _ = strings.Cut(scheme, "+") // postgresql+psycopg2
		uri = scheme + "://" + rest
	}
	config, err := pgconn.ParseConfig(uri)
	if err != nil {
		return nil, usagef("--db-uri: %w", err)
	}
	password, err := f.password.get(ctx, "")
	if err != nil {
		return nil, err
	}
	if password != nil {
		config.Password = string(password)
	}
	db, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return db, nil
}

// unpublished reads the changes of artifacts that a deployed RSTUF has accepted
// and not published; left is how many belong to no role that it still has.
func (f *databaseFlags) unpublished(ctx context.Context) (list []service.Unpublished, left int, err error) {
	db, err := f.connect(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer db.Close(context.WithoutCancel(ctx))
	answer := db.ExecParams(ctx, selectUnpublished, nil, nil, nil, nil)
	for answer.NextRow() {
		row := answer.Values() // which the next row overwrites
		change := service.Unpublished{Path: string(row[0])}
		switch action := string(row[2]); action {
		case "ADD":
			change.Info = json.RawMessage(string(row[1]))
		case "REMOVE":
		default:
			err = fmt.Errorf("the action of artifact %q is %q, and ADD and REMOVE are known", change.Path, action)
		}
		if string(row[3]) != "t" {
			left++
			continue
		}
		list = append(list, change)
	}
	if _, closed := answer.Close(); closed != nil {
		err = closed
	}
	if err != nil {
		return nil, 0, fmt.Errorf("database: %w", err)
	}
	return list, left, nil
}
