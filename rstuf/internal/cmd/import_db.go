package cmd

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// uniqueViolation is PostgreSQL's code for a value that is there already.
const uniqueViolation = "23505"

// throughDatabase puts the artifacts into a deployment's PostgreSQL, all or
// none, and has them published.
func (c *importCommand) throughDatabase(ctx context.Context, total int64) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	settings, err := api.Settings(ctx)
	if err != nil {
		return err
	}
	roleOf, err := roleFinder(settings)
	if err != nil {
		return err
	}
	db, err := c.database.connect(ctx)
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))
	if err := c.copyAll(ctx, db, roleOf); err != nil {
		return fmt.Errorf("database: %w: nothing was imported", err)
	}
	c.progress("imported %s", quote.Count(total, "artifact"))
	if c.skipPublish {
		return c.result(map[string]int64{"imported": total}, func() {
			c.printf("imported %s, not published: see rstuf artifact publish", quote.Count(total, "artifact"))
		})
	}
	return c.perform(ctx, func(ctx context.Context, api *client.Client) (*client.Task, error) { return api.Publish(ctx) })
}

// roleFinder finds the delegated role of a path; false if there is none.
func roleFinder(settings *rstuf.RepositorySettings) (func(path string) (string, bool), error) {
	if settings.NumberOfDelegatedBins > 0 {
		bins, err := metadata.NewHashBins(settings.NumberOfDelegatedBins)
		if err != nil {
			return nil, err
		}
		return func(path string) (string, bool) { return bins.Bin(path), true }, nil
	}
	doc, err := metadata.Parse(settings.TrustedTargets)
	if err != nil {
		return nil, fmt.Errorf("the targets that the API sent: %w", err)
	}
	targets, err := doc.Targets()
	if err != nil {
		return nil, fmt.Errorf("the targets that the API sent: %w", err)
	}
	if targets.Delegations == nil {
		return nil, errors.New("the repository delegates to no roles")
	}
	return func(path string) (string, bool) {
		for role := range targets.Delegations.RolesFor(path) {
			return role.Name, true
		}
		return "", false
	}, nil
}

// copyAll copies all artifacts in one transaction.
func (c *importCommand) copyAll(ctx context.Context, db *pgconn.PgConn, roleOf func(string) (string, bool)) error {
	if _, err := db.Exec(ctx, "BEGIN").ReadAll(); err != nil {
		return err
	}
	answer := db.ExecParams(ctx, selectRoles, nil, nil, nil, nil).Read()
	if answer.Err != nil {
		return answer.Err
	}
	ids := map[string]string{}
	for _, row := range answer.Rows {
		ids[string(row[0])] = string(row[1])
	}
	rows, out := io.Pipe()
	go func() { out.CloseWithError(c.writeRows(out, ids, roleOf)) }()
	_, err := db.CopyFrom(ctx, rows, copyFiles)
	rows.Close() // ends the writer, should the database have had enough
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		return fmt.Errorf("an artifact is there already, or twice in the files: %s", refused.Detail)
	}
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, "COMMIT").ReadAll()
	return err
}

// writeRows writes the artifacts as the worker's own table has them.
func (c *importCommand) writeRows(out io.Writer, ids map[string]string, roleOf func(string) (string, bool)) error {
	w := csv.NewWriter(out)
	now := time.Now().UTC().Format("2006-01-02 15:04:05.999999")
	for artifact, err := range c.artifacts() {
		if err != nil {
			return err
		}
		role, ok := roleOf(artifact.Path)
		if !ok {
			return fmt.Errorf("artifact %q matches no delegation", artifact.Path)
		}
		id, ok := ids[role]
		if !ok {
			return fmt.Errorf("the database has no role %q, which artifact %q belongs to", role, artifact.Path)
		}
		info, err := json.Marshal(artifact.Info)
		if err != nil {
			return err
		}
		if err := w.Write([]string{artifact.Path, string(info), "false", "ADD", now, id}); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
