package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// doctorCommand is what the flags of rstuf doctor say.
type doctorCommand struct {
	*app
	repo      repositoryFlags
	soon      time.Duration
	strict    bool
	skipRoles bool
	now       time.Time
}

// onlineMargin is how long before its end a worker signs an online role anew:
// one that is nearer to it was forgotten.
const onlineMargin = 45 * time.Minute

func newDoctorCommand(a *app) *cobra.Command {
	c := &doctorCommand{app: a}
	cmd := &cobra.Command{
		Use:   "doctor [URL]",
		Short: "Find out how a repository is",
		Long: `Find out how a repository is: versions and lives of all roles, thresholds and how
many keys may be lost, what waits for signatures (and since when, for delegated
roles), keys and the clients that can use them, and artifacts that some clients
can't verify.

URL is that of the API or of the metadata files; --api-server and
--metadata-url name the other one, so that both are looked at. The root is
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
	a.api.add(cmd)
	c.repo.add(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&c.soon, "soon", 30*24*time.Hour, "warn of offline roles that expire within this `TIME`")
	flags.BoolVar(&c.strict, "strict", false, "let warnings fail too")
	flags.BoolVar(&c.skipRoles, "skip-delegated", false, "do not read the delegated roles, which may be many")
	return cmd
}

// finding is one thing that is not as it should be.
type finding struct {
	// Level is error, warning or info.
	Level   string `json:"level"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

const (
	levelError   = "error"
	levelWarning = "warning"
	levelInfo    = "info"
)

// roleHealth is how one role is.
type roleHealth struct {
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
	// Left is the time until then in seconds; negative once it has expired.
	Left      int64 `json:"seconds_left"`
	Threshold int   `json:"threshold"`
	Keys      int   `json:"keys"`
	// Slack is how many keys may be lost.
	Slack  int               `json:"slack"`
	Signed []metadata.KeyRef `json:"signed"`
	Online bool              `json:"online"`
}

// pendingHealth is what waits for signatures.
type pendingHealth struct {
	pendingInfo
	// Age is how long it has waited in seconds; 0 if nothing tells. The API
	// does not: a delegated role's end and life do, since the service makes
	// its versions, but people choose the life of each root.
	Age int64 `json:"seconds_waiting,omitempty"`
}

// health is the whole report.
type health struct {
	API       string          `json:"api,omitempty"`
	Metadata  string          `json:"metadata,omitempty"`
	Bootstrap string          `json:"bootstrap,omitempty"`
	Roles     []roleHealth    `json:"roles"`
	Artifacts int             `json:"artifacts"`
	Pending   []pendingHealth `json:"pending"`
	Keys      []keyInfo       `json:"keys"`
	Findings  []finding       `json:"findings"`
	Healthy   bool            `json:"healthy"`
}

func (h *health) find(level, subject, format string, args ...any) {
	h.Findings = append(h.Findings, finding{level, subject, fmt.Sprintf(format, args...)})
}

func (h *health) has(level string) bool {
	for _, f := range h.Findings {
		if f.Level == level {
			return true
		}
	}
	return false
}

func (c *doctorCommand) run(ctx context.Context, args []string) error {
	c.now = time.Now()
	api, files, err := c.places(ctx, args)
	if err != nil {
		return err
	}
	h := &health{Roles: []roleHealth{}, Pending: []pendingHealth{}, Keys: []keyInfo{}, Findings: []finding{}}
	var settings *rstuf.RepositorySettings
	if api {
		if settings, err = c.examineAPI(ctx, h); err != nil {
			return err
		}
	}
	if files {
		err = c.examineMetadata(ctx, h, settings)
	} else {
		h.find(levelInfo, "metadata", "no metadata URL is known: timestamp, snapshot and delegated roles were not looked at")
		if settings != nil {
			c.examineSettings(h, settings)
		}
	}
	if err != nil {
		return err
	}
	return c.finish(h)
}

// places finds out whether there are an API and metadata files to look at.
// With a URL the settings are not asked: they may be about another deployment.
func (c *doctorCommand) places(ctx context.Context, args []string) (api, files bool, err error) {
	if len(args) == 1 {
		err := c.place(ctx, args[0])
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

// examineAPI looks at the bootstrap and at what waits for signatures. The
// settings are nil before the bootstrap is finished.
func (c *doctorCommand) examineAPI(ctx context.Context, h *health) (*rstuf.RepositorySettings, error) {
	api, err := c.connect()
	if err != nil {
		return nil, err
	}
	h.API = api.URL()
	state, err := api.BootstrapState(ctx)
	if err != nil {
		return nil, err
	}
	h.Bootstrap = state.State
	var settings *rstuf.RepositorySettings
	switch {
	case state.State == wire.BootstrapSigning:
		h.find(levelWarning, "bootstrap", "it waits for root signatures")
	case !state.Bootstrap:
		h.find(levelError, "bootstrap", "there is no repository yet")
		return nil, nil
	default:
		if settings, err = api.Settings(ctx); err != nil {
			return nil, err
		}
	}
	return settings, c.examinePending(ctx, api, h, settings)
}

func (c *doctorCommand) examinePending(ctx context.Context, api *client.Client, h *health, settings *rstuf.RepositorySettings) error {
	drafts, err := ceremony.Pending(ctx, api)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		h.find(levelError, "pending", "%v", err)
	}
	for _, draft := range drafts {
		doc, status := draft.Document(), draft.Status()
		p := pendingHealth{pendingInfo: pendingInfo{draft.Role(), doc.Version(), doc.Expires(), status}}
		waiting := ""
		if age := c.age(draft, settings); age > 0 {
			p.Age = int64(age.Seconds())
			waiting = ", for about " + roughly(age)
		}
		h.Pending = append(h.Pending, p)
		h.find(levelWarning, draft.Role(), "version %d waits for signatures%s: %s", doc.Version(), waiting, status)
		if err := doc.CheckExpiry(c.now); err != nil {
			h.find(levelError, draft.Role(), "what waits for signatures has expired: stop it and begin anew")
		}
	}
	return nil
}

// age is how long a delegated role has waited, or 0. Deployments of RSTUF let
// some first versions expire as they make them: those tell nothing.
func (c *doctorCommand) age(draft *ceremony.Draft, settings *rstuf.RepositorySettings) time.Duration {
	doc := draft.Document()
	if settings == nil || draft.Role() == rstuf.RoleRoot || doc.CheckExpiry(c.now) != nil {
		return 0
	}
	days := settings.Expiration[draft.Role()]
	if days == 0 {
		return 0
	}
	return max(c.now.Sub(doc.Expires().AddDate(0, 0, -days)), time.Second)
}

// examineSettings looks at what the API says of root and targets, where there
// are no metadata files to look at.
func (c *doctorCommand) examineSettings(h *health, settings *rstuf.RepositorySettings) {
	doc, err := metadata.Parse(settings.TrustedRoot)
	if err != nil {
		h.find(levelError, rstuf.RoleRoot, "the API sent %v", err)
		return
	}
	root, err := doc.Root()
	if err != nil {
		h.find(levelError, rstuf.RoleRoot, "the API sent %v", err)
		return
	}
	c.examineRoot(h, doc, root)
	if targets, err := metadata.Parse(settings.TrustedTargets); err == nil {
		if delegation, err := root.Delegation(rstuf.RoleTargets); err == nil {
			c.examineRole(h, targets, delegation, true)
		}
	}
}

// finish prints the report and says what it comes to.
func (c *doctorCommand) finish(h *health) error {
	h.Healthy = !h.has(levelError) && (!c.strict || !h.has(levelWarning))
	if err := c.result(h, func() { c.printHealth(h) }); err != nil {
		return err
	}
	switch {
	case !h.Healthy:
		return errors.New("the repository is not healthy")
	case len(h.Pending) > 0:
		return waitingError{"signatures are awaited"}
	}
	return nil
}

// roughly is a duration in its largest unit.
func roughly(d time.Duration) string {
	unit := func(n int64, name string) string {
		if n == 1 {
			return "1 " + name
		}
		return fmt.Sprintf("%d %ss", n, name)
	}
	switch {
	case d < 0:
		return "-" + roughly(-d)
	case d < time.Minute:
		return unit(int64(d/time.Second), "second")
	case d < time.Hour:
		return unit(int64(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return unit(int64(d/time.Hour), "hour")
	}
	return unit(int64(d/(24*time.Hour)), "day")
}
