package cmd

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/rstuf/internal/config"
	"github.com/spf13/cobra"
)

// apiFlags say which API to talk to, and how.
type apiFlags struct {
	server  string
	headers []string
	token   secretFlags
	tls     tlsFlags
	timeout time.Duration
	verbose bool
}

func (f *apiFlags) add(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.server, "api-server", "", "`URL` of the RSTUF API; default SERVER of the settings")
	flags.StringArrayVarP(&f.headers, "headers", "H", nil, "`HEADERS` of each request: 'Name: value, Name: value'; for a secret use --token-file")
	flags.DurationVar(&f.timeout, "wait-timeout", 0, "give up waiting after `TIME` (default an hour for a task, never for an upload)")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log requests on standard error")
	f.token.add(flags, "token", "the API's bearer token")
	f.tls.add(flags)
}

// hasServer tells whether anything names an API.
func (a *app) hasServer() (bool, error) {
	if a.api.server != "" {
		return true, nil
	}
	settings, err := a.config()
	if err != nil {
		return false, err
	}
	server, err := settings.Server()
	return server != "", err
}

// connect makes a client of the API that the flags or the settings name.
func (a *app) connect() (*client.Client, error) {
	settings, err := a.config()
	if err != nil {
		return nil, err
	}
	server := a.api.server
	if server == "" {
		if server, err = settings.Server(); err != nil {
			return nil, err
		}
	}
	if server == "" {
		return nil, usagef("no API is named: give --api-server URL, or SERVER in %s", a.configPath)
	}
	header, err := a.header(settings)
	if err != nil {
		return nil, err
	}
	token, err := a.tokenSource(settings)
	if err != nil {
		return nil, err
	}
	tls, err := a.api.tls.config()
	if err != nil {
		return nil, err
	}
	cfg := client.Config{Header: header, Token: token, TLS: tls, UserAgent: "rstuf/" + version(), Logger: a.logger()}
	api, err := client.New(server, cfg)
	if err != nil {
		return nil, usage(err)
	}
	return api, nil
}

// header gathers the settings' headers and the flags', which come first.
func (a *app) header(settings *config.File) (http.Header, error) {
	header, err := flagHeader(a.api.headers)
	if err != nil {
		return nil, err
	}
	known, err := settings.Headers()
	if err != nil {
		return nil, err
	}
	for name, value := range known {
		if header.Get(name) == "" {
			header.Set(name, value)
		}
	}
	return header, nil
}

// flagHeader reads the values of --headers.
func flagHeader(texts []string) (http.Header, error) {
	header := http.Header{}
	for _, text := range texts {
		pairs, err := parseHeaders(text)
		if err != nil {
			return nil, err
		}
		for _, pair := range pairs {
			header.Set(pair[0], pair[1])
		}
	}
	return header, nil
}

// parseHeaders reads "Name: value, Name: value". A comma inside a value stays
// there unless a name and a colon follow it.
func parseHeaders(text string) (pairs [][2]string, err error) {
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, ":")
		name = strings.TrimSpace(name)
		switch {
		case ok && name != "" && !strings.ContainsAny(name, " \t"):
			pairs = append(pairs, [2]string{name, strings.TrimSpace(value)})
		case len(pairs) > 0:
			pairs[len(pairs)-1][1] += "," + part
		default:
			return nil, usagef("--headers: want 'Name: value, Name: value'") // it may hold a secret: not repeated
		}
	}
	return pairs, nil
}

// tokenSource gives the token that the flags or the settings point to; nil if
// neither does.
func (a *app) tokenSource(settings *config.File) (client.TokenSource, error) {
	secret := &a.api.token
	if !secret.given() {
		file, err := settings.TokenFile()
		if err != nil {
			return nil, err
		}
		command, err := settings.TokenCommand()
		if err != nil {
			return nil, err
		}
		if file == "" && command == "" {
			return nil, nil
		}
		secret = &secretFlags{name: "token", file: file, command: command, fd: -1}
	}
	return func(ctx context.Context) (string, error) {
		token, err := secret.get(ctx, "")
		return string(token), err
	}, nil
}

// wait follows a task to its end and tells its states on the way. The error is
// a *client.TaskError if it did not do what was asked.
func (a *app) wait(ctx context.Context, task *client.Task) (rstuf.Task, error) {
	ctx, cancel := a.withTimeout(ctx, taskTimeout)
	defer cancel()
	api, err := a.connect()
	if err != nil {
		return rstuf.Task{}, err
	}
	var state atomic.Value
	state.Store(rstuf.TaskState(""))
	defer a.waiting(func() string { return describeWait(task.ID(), state.Load().(rstuf.TaskState)) })()
	return api.WaitTask(ctx, task.ID(), func(now rstuf.Task) {
		if now.State != state.Load() && !now.State.Terminal() {
			a.progress("task %s: %s", task.ID(), now.State)
		}
		state.Store(now.State)
	})
}

// describeWait says what a wait for a task is for.
func describeWait(id string, state rstuf.TaskState) string {
	switch state {
	case "":
		return "the API, which does not answer, to tell of task " + id
	case rstuf.TaskPending:
		return "task " + id + ": no worker has taken it yet, or the service does not know it"
	}
	return "task " + id + ": " + string(state)
}

// silence is how long a command that waits says nothing.
const silence = 30 * time.Second

// waiting says again and again what is waited for, until stop is called.
func (a *app) waiting(what func() string) (stop func()) { return a.waitingEvery(silence, what) }

func (a *app) waitingEvery(pause time.Duration, what func() string) (stop func()) {
	start, done := time.Now(), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				a.note("still waiting, since %s, for %s", time.Since(start).Round(time.Second), what())
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

// taskTimeout is how long a task is waited for unless the flag says
// otherwise: one that the service does not know never ends.
const taskTimeout = time.Hour

// withTimeout bounds the context by the flag, else by the default; 0 is no
// bound.
func (a *app) withTimeout(ctx context.Context, def time.Duration) (context.Context, context.CancelFunc) {
	if limit := cmp.Or(a.api.timeout, def); limit > 0 {
		return context.WithTimeout(ctx, limit)
	}
	return context.WithCancel(ctx)
}

// progress is a note for people who watch; programs that read JSON have no use
// for it.
func (a *app) progress(format string, args ...any) {
	if !a.json {
		a.note(format, args...)
	}
}

// refused tells whether an error is the service's refusal of what was asked.
func refused(err error) bool {
	var (
		task   *client.TaskError
		answer *client.Error
	)
	switch {
	case errors.As(err, &task):
		return true
	case errors.Is(err, client.ErrUnavailable):
		return false
	}
	return errors.As(err, &answer) && answer.Status < 500
}
