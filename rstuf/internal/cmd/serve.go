package cmd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"example.org/rstuf/internal/origin"
	"example.org/rstuf/service"
	"github.com/spf13/cobra"
)

// How long connections may idle or take to say what they want, and how long a
// stop waits for what was accepted.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 30 * time.Second
	// maxConnections bounds those of one address.
	maxConnections = 1000
)

// serveCommand is what the flags of rstuf serve say.
type serveCommand struct {
	*app
	serviceFlags
	artifacts                               string
	listen, metadataListen, artifactsListen string
	tlsCert, tlsKey                         string
	tokens, devSecret                       string
	hosts, disabled                         []string
	keepVersions, publishEvery              time.Duration
	requestRate                             float64
	dev, noPage, metadataPage, listFiles    bool
	adoption                                adoptFlags
	adopted                                 *service.Adopted
}

func newServeCommand(a *app) *cobra.Command {
	c := &serveCommand{app: a}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a whole RSTUF on one machine",
		Long: `Run a whole RSTUF on one machine: the API at --listen, with a page at / that says
how the repository is, and the metadata files at --metadata-listen. /docs and
/openapi.json of the API's address say what is served. All that it knows is in
--dir. It stops cleanly at Ctrl-C or SIGTERM, and after a crash it goes on where it
was.

The online key is opened by the URI that root names: fn:FILE is a file in
--key-dir, hv:NAME/VERSION a key of --vault-address; for others see --key-scheme. A
program of the settings' SIGNERS, exec:NAME, is run only if --key-scheme exec or
--online-key says so.
Or give it with --online-key, a file or URI; an encrypted file's password comes
from the flags or is asked for.

With --dev the first start makes two root keys and an online key (not
encrypted, for trying out alone), holds a ceremony with them and bootstraps;
and a folder of artifacts is served too. It then prints what to do next.

With --database and --bucket, in a build that has them, it is a replica: any number
of them run the same command, on as many machines, and one publishes. --dir holds
nothing but keys then.

With --adopt it takes over what another service has published, or what is left when
state.db is lost: docs/guide/adopt.md.

Without --tokens everybody who reaches the API may change the repository; "rstuf
serve token" makes one. Behind a proxy on this machine that passes the name on by
which it was called, give that name with --host.`,
		Example: `  rstuf serve --dev --dir demo
  rstuf serve --dir /var/lib/rstuf --key-dir /etc/rstuf/keys --tokens /etc/rstuf/tokens
  rstuf serve --dir repo --online-key online --password-command 'pass show online'
  rstuf serve --dir new --key-dir keys --adopt https://metadata.example.com --root root.json
  rstuf serve --dir repo --listen :8443 --tls-cert cert.pem --tls-key key.pem --tokens tokens`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8080", "`ADDRESS` of the API; port 0 takes a free one")
	flags.StringVar(&c.metadataListen, "metadata-listen", "127.0.0.1:8081", "`ADDRESS` of the metadata files")
	flags.StringVar(&c.artifacts, "artifacts", "", "also serve the files of this `FOLDER` (with --dev: DIR/artifacts)")
	flags.StringVar(&c.artifactsListen, "artifacts-listen", "127.0.0.1:8082", "`ADDRESS` of the artifacts")
	flags.StringVar(&c.tlsCert, "tls-cert", "", "certificate chain `FILE` (PEM) for all addresses")
	flags.StringVar(&c.tlsKey, "tls-key", "", "private key `FILE` of the certificate (PEM)")
	flags.StringVar(&c.tokens, "tokens", "", "`FILE` of the tokens that callers of the API need, see rstuf serve token")
	flags.StringArrayVar(&c.hosts, "host", nil, "`NAME` by which a proxy on this machine calls the API; may be repeated")
	flags.StringArrayVar(&c.disabled, "disable", nil, "take an `ENDPOINT` of the API away, /bootstrap/ or POST:/metadata/, or the page at /; may be repeated")
	c.serviceFlags.add(flags)
	flags.DurationVar(&c.keepVersions, "keep-versions", 0, "remove metadata versions that clients no longer reach after `TIME`; 0 keeps all")
	flags.DurationVar(&c.publishEvery, "publish-every", 0, "gather the artifacts of `TIME` into one publication; 0 publishes at once")
	flags.Float64Var(&c.requestRate, "requests-per-second", 0, "limit of each client address; 0 means none")
	flags.BoolVar(&c.metadataPage, "metadata-page", false, "show the page at / of the metadata files' address too, of these alone and to everybody")
	flags.BoolVar(&c.listFiles, "list-metadata", false, "list the metadata files at / of their address")
	flags.BoolVar(&c.dev, "dev", false, "on the first start make keys, hold a ceremony and bootstrap, for trying out")
	c.adoption.add(flags)
	cmd.AddCommand(newServeTokenCommand(a))
	return cmd
}

func (c *serveCommand) run(ctx context.Context) error {
	cfg, err := c.serviceConfig(ctx)
	if err != nil {
		return err
	}
	if err := c.adopt(ctx, cfg); err != nil {
		return err
	}
	svc, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := svc.Close(stop); err != nil {
			c.note("%v", err)
		}
	}()
	status := newStatusPage(svc.Handler(), svc.MetadataHandler(), len(cfg.Tokens) > 0, c.hosts)
	if c.noPage {
		status.page = svc.Handler() // which has nothing there
	}
	handlers := []http.Handler{status, svc.MetadataHandler()}
	if c.metadataPage {
		handlers[1] = status.ofMetadata()
	}
	addresses := []string{c.listen, c.metadataListen}
	if c.artifacts != "" {
		root, err := os.OpenRoot(c.artifacts)
		if err != nil {
			return err
		}
		defer root.Close()
		handlers = append(handlers, c.artifactHandler(root))
		addresses = append(addresses, c.artifactsListen)
	}
	group, err := c.start(addresses, handlers, status)
	if err != nil {
		return err
	}
	err = c.announce(ctx, group.urls)
	if err == nil {
		go tellEnd(ctx, svc, group.failed)
		err = group.wait(ctx)
	}
	return errors.Join(err, group.stop())
}

// running is a service, or a replica.
type running interface {
	Handler() http.Handler
	MetadataHandler() http.Handler
	Status() service.Status
	Close(context.Context) error
}

// open starts a replica, or a service that is alone.
func open(ctx context.Context, cfg service.Config) (running, error) {
	if cfg.Replicas != nil {
		return service.OpenReplica(ctx, cfg)
	}
	return service.Open(ctx, cfg)
}

// tellEnd tells when the service is of no use any more. One that has lost its database to
// another one, which a replica never says of itself, takes over when it is begun anew and
// the other one ends. Of one whose repository was moved away, the error says where it is.
func tellEnd(ctx context.Context, svc running, ended chan<- error) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if why := svc.Status().Paused; errors.Is(why, service.ErrLost) || errors.Is(why, service.ErrElsewhere) {
				ended <- why
				return
			}
		}
	}
}

// serviceConfig turns the flags into the service's.
func (c *serveCommand) serviceConfig(ctx context.Context) (cfg service.Config, err error) {
	if (c.tlsCert == "") != (c.tlsKey == "") {
		return cfg, usagef("--tls-cert and --tls-key go together")
	}
	if c.listFiles && c.metadataPage {
		return cfg, usagef("--list-metadata and --metadata-page are both about / of the metadata files' address: give one")
	}
	c.setDefaults()
	if c.dev {
		if c.artifacts == "" {
			c.artifacts = filepath.Join(c.dir, "artifacts")
		}
		for _, dir := range []string{c.uris.dir, c.artifacts} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return cfg, err
			}
		}
	}
	if err := c.checkFolders(); err != nil {
		return cfg, err
	}
	if cfg, err = c.serviceFlags.config(ctx, c.app); err != nil {
		return cfg, err
	}
	cfg.KeepVersions, cfg.PublishEvery, cfg.RequestsPerSecond, cfg.Hosts = c.keepVersions, c.publishEvery, c.requestRate, c.hosts
	cfg.ListFiles = c.listFiles
	if cfg.Tokens, err = readTokens(c.tokens); err != nil {
		return cfg, err
	}
	if err := c.addDevToken(&cfg); err != nil {
		return cfg, err
	}
	if len(cfg.Tokens) == 0 && !origin.IsLoopback(origin.HostOf(c.listen)) {
		c.note("warning: %s is open to others and no --tokens are given: everybody may change the repository", c.listen)
	}
	for _, name := range c.disabled {
		if name == "/" {
			c.noPage = true
			continue
		}
		list, err := service.ParseEndpoints(name)
		if err != nil || list == nil {
			return cfg, usagef("--disable %s: name an endpoint, such as /bootstrap/ or POST:/metadata/", name)
		}
		cfg.DisabledEndpoints = append(cfg.DisabledEndpoints, list...)
	}
	return cfg, nil
}

// servers are the HTTP servers of one process.
type servers struct {
	list   []*http.Server
	urls   []string
	failed chan error
}

// start listens on all addresses before it serves any.
func (c *serveCommand) start(addresses []string, handlers []http.Handler, status *statusPage) (*servers, error) {
	group := &servers{failed: make(chan error, len(addresses)+1)}
	var listeners []net.Listener
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		listeners = append(listeners, service.LimitListener(listener, maxConnections))
	}
	scheme := "http"
	if c.tlsCert != "" {
		scheme = "https"
	}
	urls := make([]string, len(listeners))
	for i, listener := range listeners {
		urls[i] = scheme + "://" + listener.Addr().String()
	}
	status.listensAt(urls[0], urls[1])
	group.urls = urls
	for i, listener := range listeners {
		server := newServer(handlers[i], c.stderr)
		group.list = append(group.list, server)
		go func() {
			if c.tlsCert != "" {
				group.failed <- server.ServeTLS(listener, c.tlsCert, c.tlsKey)
			} else {
				group.failed <- server.Serve(listener)
			}
		}()
	}
	return group, nil
}

// newServer has the limits that every server of the command has.
func newServer(handler http.Handler, stderr io.Writer) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(slog.NewTextHandler(stderr, nil), slog.LevelWarn),
	}
}

// wait returns when the context ends, which is no error, or a server fails.
func (s *servers) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// stop lets requests end and closes the servers.
func (s *servers) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var all []error
	for _, server := range s.list {
		all = append(all, server.Shutdown(ctx))
	}
	return errors.Join(all...)
}
