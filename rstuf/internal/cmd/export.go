package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/service"
)

// exportCommand is what the flags of rstuf export say.
type exportCommand struct {
	*app
	serviceFlags
}

func newExportCommand(a *app) *cobra.Command {
	c := &exportCommand{app: a}
	cmd := &cobra.Command{
		Use:   "export FOLDER",
		Short: "Write what a deployed RSTUF needs to go on from the repository of rstuf serve",
		Long: `Write what a deployed RSTUF (API, workers, Redis, PostgreSQL) needs to go on from
the repository of rstuf serve, with the same root, keys and versions, into a new
folder: the metadata files, the worker's tables as a script for psql, its settings
as commands for redis-cli, and a README.md that says how to load them and what is
not carried along. No private key is copied, and none is needed.

The service must not run, and never again once the deployment does: two that sign
with one online key publish two histories. Nothing of its folder is changed.`,
		Example: `  rstuf export for-the-deployment --dir /var/lib/rstuf`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0]) },
	}
	c.serviceFlags.add(cmd.Flags())
	return cmd
}

func (c *exportCommand) run(ctx context.Context, folder string) error {
	cfg, err := c.serviceFlags.config(ctx, c.app)
	if err != nil {
		return err
	}
	done, err := service.Export(ctx, cfg, folder)
	if errors.Is(err, service.ErrLocked) {
		return fmt.Errorf("%w: stop it for good", err)
	}
	if err != nil {
		return err
	}
	return c.result(done, func() {
		c.printf("%s: root version %d, timestamp version %d, %s, %s in the table of roles, %s", folder, done.Root, done.Timestamp,
			quote.Count(done.Files, "metadata file"), quote.Count(done.Roles, "row"), quote.Count(done.Artifacts, "artifact"))
		if done.Unpublished > 0 {
			c.printf("%s not published yet: rstuf artifact publish does it there", quote.Count(done.Unpublished, "change"))
		}
		for _, role := range done.Signing {
			c.printf("%s goes on waiting for signatures", quote.Word(role))
		}
		c.printf("not carried along:")
		for _, line := range done.Left {
			c.printf("- %s", line)
		}
		c.printf("README.md in it says how to load it")
	})
}
