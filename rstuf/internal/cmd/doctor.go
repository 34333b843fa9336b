package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// doctorCommand is what the flags of rstuf doctor say.
type doctorCommand struct {
	*app
	repo      repositoryFlags
	soon      time.Duration
	strict    bool
	skipRoles bool
	soonGiven func() bool
}

func newDoctorCommand(a *app) *cobra.Command {
	c := &doctorCommand{app: a}
	cmd := &cobra.Command{
		Use:   "doctor [URL]",
		Short: "Find out how a repository is",
		Long: `Find out how a repository is: versions and lives of all roles, thresholds and how
many keys may be lost, what waits for signatures (and since when, for delegated
roles), what changed from one root to the next, which TUF clients can read it
and what not, and how many bytes of metadata people download.

URL is that of the API or of the metadata files, which is found out; with
--api-server it is that of the metadata files, and with --metadata-url or
--repository that of the API, so that both are looked at. The root is
compared with --root or the settings; without either it is taken as it comes,
which a finding says.

Exit codes, for cron and CI: 0 nothing is wrong (warnings apart), 1 something
is wrong or could not be looked at, 4 nothing is wrong and signatures are
awaited. With --strict a warning is as an error.`,
		Example: `  rstuf doctor https://metadata.example.com --root root.json
  rstuf doctor https://rstuf.example.com -m https://metadata.example.com --json
  rstuf doctor --strict --soon 720h || mail -s "repository" ops@example.com`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.add(cmd)
	cmd.Flags().BoolVar(&c.strict, "strict", false, "let warnings fail too")
	return cmd
}

// add adds the flags that say what to look at, and how.
func (c *doctorCommand) add(cmd *cobra.Command) {
	c.api.add(cmd)
	c.repo.add(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&c.soon, "soon", 30*24*time.Hour, "warn of offline roles that expire within this `TIME`; unless it is given, not before three quarters of their life are over")
	c.soonGiven = func() bool { return flags.Changed("soon") }
	flags.BoolVar(&c.skipRoles, "skip-delegated", false, "do not read the delegated roles, which may be many")
}

// doctorResult is the report, and what it comes to.
type doctorResult struct {
	*health.Report
	Healthy bool `json:"healthy"`
}

// config says what to look at.
func (c *doctorCommand) config(ctx context.Context, args []string) (health.Config, error) {
	cfg := health.Config{SkipDelegated: c.skipRoles, Policy: c.policy()}
	api, files, err := c.places(ctx, args)
	if err == nil && api {
		cfg.API, err = c.connect()
	}
	if err != nil || !files {
		return cfg, err
	}
	cfg.Reader, cfg.Unpinned, err = c.readerToExamine(ctx, cfg.API)
	if missing := (unreadError{}); cfg.API != nil && errors.As(err, &missing) {
		cfg.Unread, err = missing.err, nil // of the API there is something to say
	}
	return cfg, err
}

func (c *doctorCommand) run(ctx context.Context, args []string) error {
	cfg, err := c.config(ctx, args)
	if err != nil {
		return err
	}
	report := health.Examine(ctx, cfg)
	if err := ctx.Err(); err != nil {
		return err
	}
	healthy := !report.Has(health.Error) && (!c.strict || !report.Has(health.Warning))
	result := doctorResult{report, healthy}
	if err := c.result(result, func() { c.printReport(result) }); err != nil {
		return err
	}
	switch {
	case !healthy:
		return errors.New("the repository is not healthy")
	case len(report.Pending) > 0:
		return waitingError{"signatures are awaited"}
	}
	return nil
}

// policy is the usual one, with what the flags say.
func (c *doctorCommand) policy() health.Policy {
	if !c.soonGiven() {
		return health.Policy{}
	}
	if c.soon == 0 {
		c.soon = -1 // no role is too near its end
	}
	return health.Policy{Soon: c.soon, SoonShare: 1}
}

// unreadError is why the metadata server gives no root to begin with.
type unreadError struct{ err error }

func (e unreadError) Error() string { return e.err.Error() }
func (e unreadError) Unwrap() error { return e.err }

// readerToExamine begins with the pinned root, else with the server's first, else
// with the API's.
func (c *doctorCommand) readerToExamine(ctx context.Context, api *client.Client) (reader *repository.Reader, unpinned bool, err error) {
	repo, err := c.repository(&c.repo)
	if err != nil {
		return nil, false, err
	}
	var trusted *metadata.Document
	if c.repo.root != "" || len(repo.TrustedRoot) > 0 {
		trusted, err = c.trustedRoot(ctx, &c.repo, repo)
	} else {
		unpinned = true
		trusted, err = c.unpinnedRoot(ctx, repo.MetadataURL, api)
	}
	if err == nil {
		reader, err = c.lookFrom(repo.MetadataURL, trusted)
	}
	return reader, unpinned, err
}

func (c *doctorCommand) unpinnedRoot(ctx context.Context, metadataURL string, api *client.Client) (*metadata.Document, error) {
	http, err := c.fileServers()
	if err != nil {
		return nil, err
	}
	first, err := repository.FirstRootUnsafe(ctx, metadataURL, http)
	if err != nil && api != nil {
		if settings, apiErr := api.Settings(ctx); apiErr == nil && settings.TrustedRoot != nil {
			first, err = settings.TrustedRoot, nil
		}
	}
	if err != nil {
		return nil, unreadError{err}
	}
	return metadata.Parse(first)
}

// places finds out whether there are an API and metadata files to look at.
// With a URL the settings are not asked: they may be about another deployment.
// What a flag names the URL is not.
func (c *doctorCommand) places(ctx context.Context, args []string) (api, files bool, err error) {
	if len(args) == 1 {
		hasAPI, hasFiles := c.api.server != "", c.repo.metadata != "" || c.repo.name != ""
		switch {
		case hasAPI && hasFiles:
			err = usagef("the API and the metadata files are named by flags already: leave %s out", args[0])
		case hasAPI:
			c.repo.metadata = args[0]
		case hasFiles:
			c.api.server = args[0]
		default:
			err = c.place(ctx, args[0])
		}
		return c.api.server != "", c.repo.metadata != "" || c.repo.name != "", err
	}
	if api, err = c.hasServer(); err != nil {
		return false, false, err
	}
	_, err = c.repository(&c.repo)
	if files = err == nil; api && !files && c.repo.name == "" {
		err = nil
	}
	return api, files, err
}

// place finds out whether a URL is that of an API or of metadata files.
func (c *doctorCommand) place(ctx context.Context, url string) error {
	http, err := c.fileServers()
	if err != nil {
		return err
	}
	base, err := transport.New(url, transport.Config(http))
	if err != nil {
		return usage(err)
	}
	_, err = base.Fetch(ctx, metadata.Filename(rstuf.RoleTimestamp, 0), metadata.MaxSize)
	switch {
	case err == nil:
		c.repo.metadata = url
	case errors.Is(err, transport.ErrNotFound), errors.Is(err, transport.ErrForbidden):
		c.api.server = url
	default:
		return err
	}
	return nil
}
