package cmd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"example.org/rstuf/health"
	"example.org/rstuf/health/page"
	"example.org/rstuf/internal/origin"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// healthCommand is what the flags of rstuf health say.
type healthCommand struct {
	doctorCommand
	html, title, listen string
	force, watch        bool
	every               time.Duration
	hosts               []string
}

func newHealthCommand(a *app) *cobra.Command {
	c := &healthCommand{doctorCommand: doctorCommand{app: a}}
	cmd := &cobra.Command{
		Use:   "health [URL]",
		Short: "Show how a repository is, as a page, or tell what happens to it",
		Long: `Show how a repository is, as one HTML page without script or anything from
elsewhere: --html writes it to a file, --serve shows it live, with a form that
looks artifacts up. It says what rstuf doctor says, with pictures.

--watch looks again and again, until Ctrl-C or SIGTERM, and prints one line of JSON
for each thing that happened: root changed, signatures wait or are complete, a role
is about to end, something is wrong or is well again, servers that do not answer
included. The first look tells all that is not as it should be.

URL and the other flags are those of rstuf doctor. Whoever reaches the address of
--serve sees the page: by default it is for this machine. Behind a proxy on this
machine that passes the name on by which it was called, give that name with --host.`,
		Example: `  rstuf health https://metadata.example.com --root root.json --html health.html
  rstuf health https://rstuf.example.com -m https://metadata.example.com -r root.json \
      --serve 127.0.0.1:8090
  rstuf health https://rstuf.example.com -m https://metadata.example.com -r root.json \
      --watch --every 5m | jq -r --unbuffered .text`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&c.html, "html", "", "write the page to `FILE`")
	flags.BoolVar(&c.force, "force", false, "replace the file if it exists")
	flags.StringVar(&c.listen, "serve", "", "show the page at this `ADDRESS`; port 0 takes a free one")
	flags.BoolVar(&c.watch, "watch", false, "print a line of JSON for each thing that happens")
	flags.DurationVar(&c.every, "every", time.Minute, "with --watch: `TIME` between two looks")
	flags.StringArrayVar(&c.hosts, "host", nil, "`NAME` by which a proxy on this machine calls it; may be repeated")
	flags.StringVar(&c.title, "title", "", "`TITLE` of the page")
	return cmd
}

func (c *healthCommand) run(ctx context.Context, args []string) error {
	given := 0
	for _, is := range []bool{c.html != "", c.listen != "", c.watch} {
		if is {
			given++
		}
	}
	if given != 1 {
		return usagef("give --html FILE, --serve ADDRESS or --watch")
	}
	if err := checkNew(c.html, c.force); err != nil {
		return err
	}
	if c.watch {
		return c.follow(ctx, args)
	}
	cfg, err := c.config(ctx, args)
	if err != nil {
		return err
	}
	if c.listen != "" {
		return c.show(ctx, cfg)
	}
	report := health.Examine(ctx, cfg)
	if err := ctx.Err(); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Write(&b, report, c.options(cfg)); err != nil {
		return err
	}
	if err := writeFile(c.html, b.Bytes(), c.force); err != nil {
		return err
	}
	return c.result(map[string]any{"file": c.html, "bytes": b.Len()}, func() { c.printf("wrote %s", c.html) })
}

func (c *healthCommand) options(cfg health.Config) page.Options {
	trust := "the root of the settings"
	switch {
	case cfg.Unpinned:
		trust = "the first root of the server, which nobody else vouches for,"
	case c.repo.root != "":
		trust = c.repo.root
	}
	return page.Options{Title: c.title, Trust: trust}
}

// show serves the page until the context ends.
func (c *healthCommand) show(ctx context.Context, cfg health.Config) error {
	if cfg.Unread != nil {
		return cfg.Unread // the page would stay without metadata
	}
	live := page.Live{Options: c.options(cfg), Examine: func(ctx context.Context, mostBins int) *health.Report {
		cfg := cfg
		cfg.MostBins = mostBins
		return examineAgain(ctx, cfg)
	}}
	if cfg.Reader != nil {
		live.Find = cfg.Reader.Find
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	if !origin.IsLoopback(origin.HostOf(c.listen)) {
		c.note("warning: %s is open to others: whoever reaches it sees the page", c.listen)
	}
	server := newServer(service.BoundWrites(ownHosts(page.NewHandler(live), c.hosts)), c.stderr)
	group := &servers{list: []*http.Server{server}, failed: make(chan error, 1)}
	go func() { group.failed <- server.Serve(service.LimitListener(listener, maxConnections)) }()
	url := "http://" + listener.Addr().String()
	err = c.result(map[string]string{"page": url}, func() { c.printf("page: %s", url) })
	if err == nil {
		err = group.wait(ctx)
	}
	return errors.Join(err, group.stop())
}

// examineAgain looks at the same repository again and again. What was seen once
// bounds what follows, but for a role that was removed, which would stop it for
// good: the next look begins anew from the trusted root.
func examineAgain(ctx context.Context, cfg health.Config) *health.Report {
	report := health.Examine(ctx, cfg)
	removed := slices.ContainsFunc(report.Findings, func(f health.Finding) bool { return f.Code == "role.removed" })
	if removed && errors.Is(cfg.Reader.Refresh(ctx), repository.ErrRoleRemoved) {
		_ = cfg.Reader.ForgetVersionsUnsafe(ctx) // else the next report says why it can't
	}
	return report
}

// ownHosts refuses requests that a browser sends for a page that was led here.
func ownHosts(h http.Handler, hosts []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !origin.Knows(r, hosts) {
			page.SetHeader(w.Header())
			http.Error(w, "this page is not of the host that was asked for: start it with --host NAME if a proxy calls it by that name", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
