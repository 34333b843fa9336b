package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"example.org/rstuf/client"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/service"
)

// adoptFlags say which repository serve takes over.
type adoptFlags struct {
	source, root, api string
	token             secretFlags
	publish, wait     time.Duration
	lives             []string
	expired           bool
	database          databaseFlags
}

func (f *adoptFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.source, "adopt", "", "first take over the repository whose metadata is in a `FOLDER` or at a URL; --dir must hold none")
	flags.StringVar(&f.root, "root", "", "with --adopt: the root to trust, a `FILE` that came by a safe way")
	flags.StringVar(&f.api, "adopt-api", "", "with --adopt: `URL` of the old service's API, asked for what files do not tell")
	f.token.add(flags, "adopt-token", "the bearer token of --adopt-api")
	flags.DurationVar(&f.publish, "adopt-publish", 0, "with --adopt-api: first have the old service publish what waits, and wait for it at most `TIME`")
	flags.DurationVar(&f.wait, "adopt-wait", 10*time.Second, "with --adopt: how long timestamp.json must stand still, `TIME`")
	flags.StringArrayVar(&f.lives, "adopt-life", nil, "with --adopt: a role's life in days, `ROLE=DAYS`, bins for all hash bins; may be repeated")
	f.database.add(flags, "with --adopt: `URI` of a deployed RSTUF's PostgreSQL, to take over what it has not published")
	flags.BoolVar(&f.expired, "adopt-expired-unsafe", false, "with --adopt: take what has expired too, and sign it anew; it may be an old copy")
}

// check refuses flags that do not go together.
func (f *adoptFlags) check() error {
	if f.source != "" && f.root == "" {
		return usagef("--adopt needs --root FILE: all is verified from a root that came by a safe way")
	}
	if f.source == "" && (f.root != "" || f.api != "" || f.publish != 0 || len(f.lives) > 0 || f.expired || f.database.uri != "") {
		return usagef("--root, --db-uri and --adopt-… go with --adopt SOURCE")
	}
	if f.database.uri == "" && f.database.password.given() {
		return usagef("--db-password goes with --db-uri")
	}
	if f.publish < 0 || f.publish > 0 && f.api == "" {
		return usagef("--adopt-publish: give a time above 0, and the old service's API with --adopt-api")
	}
	if f.wait <= 0 {
		return usagef("--adopt-wait: give a time above 0")
	}
	return nil
}

// adopt takes over a repository, if the flags name one.
func (c *serveCommand) adopt(ctx context.Context, cfg service.Config) error {
	f := &c.adoption
	if err := f.check(); err != nil || f.source == "" {
		return err
	}
	source, err := c.adoptSource(ctx)
	if err != nil {
		return err
	}
	c.progress("reading %s, and again in %s", quote.Word(f.source), f.wait)
	done, err := service.Adopt(ctx, cfg, source)
	if err != nil {
		return err
	}
	c.adopted = done
	c.note("adopted %s: root version %d, %s, published by timestamp version %d", quote.Word(f.source), done.Root, quote.Count(done.Roles, "role"), done.Timestamp)
	if len(done.Relisted) > 0 {
		c.note("listed again for clients that had seen them: %s", strings.Join(done.Relisted, ", "))
	}
	if len(done.Signing) > 0 {
		c.note("waiting for signatures: %s", strings.Join(done.Signing, ", "))
	}
	if done.Queued > 0 {
		c.note("waiting to be published, from the database: %s", quote.Count(done.Queued, "change"))
	}
	if done.Lost != nil || f.database.uri == "" {
		c.note("%s", lostText(done.Lost))
	}
	for _, note := range done.Notes {
		c.note("%s", note)
	}
	return nil
}

// lostText says what is in no file.
func lostText(lost *service.Lost) string {
	switch {
	case lost == nil:
		return "artifacts that the old service had accepted and not published are in no file: add them again"
	case lost.Aside == "":
		return "state.db was gone: what was accepted and not published is lost, and nobody knows how much: add it again"
	case lost.Waiting < 0:
		return "state.db was damaged and is kept as " + lost.Aside + ": what was accepted and not published is lost, and it does not tell how much: add it again"
	case lost.Waiting == 0:
		return "state.db was damaged and is kept as " + lost.Aside + ": nothing that was accepted waited to be published"
	}
	return fmt.Sprintf("state.db was damaged and is kept as %s: it had accepted %s and not published: lost, do it again", lost.Aside, quote.Count(lost.Waiting, "request"))
}

func (c *serveCommand) adoptSource(ctx context.Context) (source service.Source, err error) {
	f := &c.adoption
	source = service.Source{Wait: f.wait, AllowExpiredUnsafe: f.expired}
	if source.URL, err = folderURL(f.source); err != nil {
		return source, err
	}
	if source.HTTP, err = c.fileServers(); err != nil {
		return source, err
	}
	if source.Root, err = c.readRoot(ctx, f.root); err != nil {
		return source, err
	}
	if source.Expiration, err = parseLives(f.lives); err != nil {
		return source, err
	}
	if f.api != "" {
		if err := c.askOld(ctx, &source); err != nil {
			return source, err
		}
	}
	if f.database.uri == "" {
		return source, nil
	}
	var left int
	if source.Unpublished, left, err = f.database.unpublished(ctx); err != nil {
		return source, err
	}
	if left > 0 {
		c.note("the database has %s not published of roles that were removed: left out", quote.Count(left, "change"))
	}
	return source, nil
}

// askOld asks the old service for what files do not tell, once it has published
// what it can.
func (c *serveCommand) askOld(ctx context.Context, source *service.Source) error {
	f := &c.adoption
	token, err := f.token.get(ctx, "")
	if err != nil {
		return err
	}
	cfg := client.Config{UserAgent: "rstuf/" + version()}
	if token != nil {
		cfg.Token = func(context.Context) (string, error) { return string(token), nil }
	}
	api, err := client.New(f.api, cfg)
	if err != nil {
		return usage(err)
	}
	if f.publish > 0 {
		if err := c.publishOld(ctx, api); err != nil {
			return fmt.Errorf("--adopt-publish: %w: nothing was adopted", err)
		}
	}
	if source.Settings, err = api.Settings(ctx); err != nil {
		return fmt.Errorf("--adopt-api: %w", err)
	}
	pending, err := api.Pending(ctx)
	if err != nil {
		return fmt.Errorf("--adopt-api: %w", err)
	}
	source.Pending = &pending
	if f.publish > 0 {
		return c.stopOld(ctx)
	}
	return nil
}

// publishOld has the old service publish what waits. Documents that wait for
// signatures then are taken over as such.
func (c *serveCommand) publishOld(ctx context.Context, api *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, c.adoption.publish)
	defer cancel()
	task, err := api.Publish(ctx)
	if err != nil {
		return err
	}
	c.progress("the old service publishes what waits: task %s", task.ID())
	if _, err = task.Wait(ctx); errors.Is(err, client.ErrSigningPending) {
		return nil
	}
	return err
}

// stopOld has the person stop what signs the old repository, which could not be
// done before. A deployed RSTUF can call a publication done before its files
// say so, so it is given a while.
func (c *serveCommand) stopOld(ctx context.Context) error {
	if c.term == nil {
		c.note("the old service has published what waited: what signs there has to be stopped before anything else is sent to it; going on in %s", c.adoption.wait)
	} else {
		stopped, err := c.term.Confirm(ctx, "The old service has published what waited. Have you stopped what signs there (of a deployed RSTUF the worker)", false)
		if err == nil && !stopped {
			err = errors.New("what signs the old repository still runs: nothing was adopted")
		}
		if err != nil {
			return err
		}
	}
	select {
	case <-time.After(c.adoption.wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// folderURL is the URL of a folder, which may be one already.
func folderURL(source string) (string, error) {
	if strings.Contains(source, "://") {
		return source, nil
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String(), nil
}

// parseLives reads ROLE=DAYS.
func parseLives(texts []string) (map[string]int, error) {
	lives := map[string]int{}
	for _, text := range texts {
		role, number, _ := strings.Cut(text, "=")
		days, err := strconv.Atoi(number)
		if _, twice := lives[role]; err != nil || role == "" || twice {
			return nil, usagef("--adopt-life %s: give ROLE=DAYS, each role once", quote.Word(text))
		}
		lives[role] = days
	}
	return lives, nil
}
