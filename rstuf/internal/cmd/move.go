package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/service"
)

// moveCommand is what the flags of rstuf move say.
type moveCommand struct {
	*app
	from, to placeFlags
}

func newMoveCommand(a *app) *cobra.Command {
	c := &moveCommand{app: a}
	cmd := &cobra.Command{
		Use:   "move",
		Short: "Move the repository of rstuf serve to another folder, database or bucket, or back",
		Long: `Move the repository of rstuf serve to another folder, database or bucket: all that
was accepted, decided and published, with the results of tasks and what waits.
The flags are those of serve, once for where it is and once with --to- for where
it goes. What is the same on both sides stays where it is: with --to-database
alone the metadata files, and the keys, do.

The service must not run. All of the copy is verified before the old place is
marked: a service that is started there says where the repository is. After an
error, or when it was interrupted, give the same command again. Versions go on,
so clients notice nothing, and it can be moved back the same way.`,
		Example: `  rstuf move --dir /var/lib/rstuf --to-dir /srv/rstuf
  rstuf move --dir /var/lib/rstuf --to-database /etc/rstuf/database --to-bucket s3://NAME/PREFIX`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	c.from.add(flags, "", "rstuf-data", "`FOLDER` of the repository")
	c.to.add(flags, "to-", "", "`FOLDER` to move to (default that of --dir)")
	return cmd
}

func (c *moveCommand) run(ctx context.Context) error {
	if c.to.dir == "" {
		c.to.dir = c.from.dir
	}
	if c.from.database == c.to.database && c.from.schema == c.to.schema && (c.from.database != "" || c.from.dir == c.to.dir) {
		return usagef("both sides have the same database: give --to-dir, --to-database or another --to-schema")
	}
	from, err := c.from.open(ctx, c.app, "", 0)
	if err != nil {
		return err
	}
	to, err := c.to.open(ctx, c.app, "to-", 0)
	if err != nil {
		return err
	}
	if c.from.bucket != "" && c.from.bucket == c.to.bucket {
		to.Storage = from.Storage
	}
	where, err := c.to.words()
	if err != nil {
		return err
	}
	done, err := service.Move(ctx, from, to, where)
	if errors.Is(err, service.ErrLocked) {
		return fmt.Errorf("%w: stop it, and of replicas all", err)
	}
	if err != nil {
		return err
	}
	return c.result(done, func() {
		c.printf("moved: root version %d, timestamp version %d, %s copied, %s waiting, results of %s", done.Root, done.Timestamp,
			quote.Count(done.Files, "metadata file"), quote.Count(done.Waiting, "request"), quote.Count(done.Tasks, "task"))
		for _, role := range done.Signing {
			c.printf("%s goes on waiting for signatures", quote.Word(role))
		}
		c.printf("it goes on with: %s", where)
		c.printf("not carried along:")
		for _, line := range done.Left {
			c.printf("- %s", line)
		}
	})
}

// words are the command that serves the place.
func (p *placeFlags) words() (string, error) {
	list := []string{"rstuf", "serve"}
	for _, flag := range []struct {
		name, value string
		isPath      bool
	}{{"dir", p.dir, true}, {"database", p.database, true}, {"schema", p.schema, false}, {"bucket", p.bucket, false}} {
		if flag.value == "" {
			continue
		}
		if flag.isPath {
			path, err := filepath.Abs(flag.value)
			if err != nil {
				return "", err
			}
			flag.value = path
		}
		list = append(list, "--"+flag.name, quote.Word(flag.value))
	}
	return strings.Join(list, " "), nil
}
