package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/service"
)

// fsckCommand is what the flags of rstuf fsck say.
type fsckCommand struct {
	*app
	serviceFlags
	url                       string
	complete, repair, restore bool
	letGo, drop               string
	token                     secretFlags
}

func newFsckCommand(a *app) *cobra.Command {
	c := &fsckCommand{app: a}
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check the files of rstuf serve against its database and their signatures",
		Long: `Check the files of rstuf serve against its database: whether all that was
published is there, and with --complete whether it is what was published and is
signed as it must be. The service must not run, or be asked by its --url.

--repair writes timestamp.json and the newest root anew as the database has them,
and makes a damaged snapshot anew. --restore also gives each damaged role that the
online key alone signs a next version with the artifacts of its newest good
version: what was added to or removed from that role since is to be done again.

A request that the service died of three times is set aside: --let-go has it tried
again when the service starts, --drop drops it.

The exit status is 0 if nothing is wrong, or nothing is wrong any more.`,
		Example: `  rstuf fsck --dir /var/lib/rstuf --complete
  rstuf fsck --url http://127.0.0.1:8080 --token-file token
  rstuf fsck --dir /var/lib/rstuf --key-dir /etc/rstuf/keys --repair`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	c.serviceFlags.add(flags)
	flags.StringVar(&c.url, "url", "", "ask the service that runs at this `URL`")
	flags.BoolVar(&c.complete, "complete", false, "read every file and verify its signatures")
	flags.BoolVar(&c.repair, "repair", false, "mend what can be mended safely")
	flags.BoolVar(&c.restore, "restore", false, "also restore damaged roles from their newest good version")
	flags.StringVar(&c.letGo, "let-go", "", "have the request of a `TASK` that was set aside tried again")
	flags.StringVar(&c.drop, "drop", "", "drop the request of a `TASK` that was set aside")
	c.token.add(flags, "token", "a bearer token of the service")
	return cmd
}

func (c *fsckCommand) run(ctx context.Context) error {
	if c.url != "" {
		if c.repair || c.restore {
			return usagef("--repair and --restore want a service that does not run: leave --url out")
		}
		report, err := c.ask(ctx)
		if err != nil {
			return err
		}
		return c.report(report)
	}
	cfg, err := c.serviceFlags.config(ctx, c.app)
	if err != nil {
		return err
	}
	if c.letGo != "" || c.drop != "" {
		if c.letGo != "" && c.drop != "" {
			return usagef("--let-go and --drop do not go together")
		}
		return explainLocked(service.Decide(ctx, cfg, c.letGo+c.drop, c.drop != ""))
	}
	if !c.repair && !c.restore {
		report, err := service.Check(ctx, cfg, c.complete)
		if err != nil {
			return explainLocked(err)
		}
		return c.report(report)
	}
	done, err := service.Repair(ctx, cfg, c.restore)
	if err != nil {
		return explainLocked(err)
	}
	err = c.result(done, func() {
		for _, name := range done.Written {
			c.printf("%s: written anew", name)
		}
		for _, r := range done.Restored {
			c.printf("%s: restored from version %d; what was added or removed after that, up to version %d, is to be done again", r.Role, r.From, r.Lost)
		}
		c.printProblems(done.Left)
	})
	if err == nil && len(done.Left) > 0 {
		err = fmt.Errorf("%s left", quote.Count(len(done.Left), "problem"))
	}
	return err
}

func explainLocked(err error) error {
	if errors.Is(err, service.ErrLocked) {
		return fmt.Errorf("%w: stop it, and all other replicas if it is one, or ask with --url", err)
	}
	return err
}

func (c *fsckCommand) report(report *service.Report) error {
	err := c.result(report, func() {
		c.printProblems(report.Problems)
		if len(report.Problems) == 0 {
			looked := "all that was published is there"
			if report.Complete {
				looked = "all that was published is there, as it was published, and signed"
			}
			c.printf("%s: %s", quote.Count(report.Files, "file"), looked)
		}
	})
	if err == nil && len(report.Problems) > 0 {
		err = fmt.Errorf("%s found", quote.Count(len(report.Problems), "problem"))
	}
	return err
}

func (c *fsckCommand) printProblems(problems []service.Problem) {
	for _, p := range problems {
		c.printf("%s: %s\n  %s", p.File, p.Text, p.Remedy)
	}
}

// ask has a running service check itself.
func (c *fsckCommand) ask(ctx context.Context) (*service.Report, error) {
	url := strings.TrimSuffix(c.url, "/") + "/fsck"
	if c.complete {
		url += "?complete"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, usagef("--url: %v", err)
	}
	token, err := c.token.get(ctx, "")
	if err != nil {
		return nil, err
	}
	if token != nil {
		r.Header.Set("Authorization", "Bearer "+string(token))
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %s", url, resp.StatusCode, quote.OneLine(string(body), 1000))
	}
	var report service.Report
	if err := json.Unmarshal(body, &report); err != nil {
		return nil, fmt.Errorf("%s: the answer is not that of rstuf serve: %w", url, err)
	}
	return &report, nil
}
