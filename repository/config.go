package repository

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"example.org/rstuf/internal/transport"
	"example.org/rstuf/metadata"
)

// Config says where a repository is and how to read it. MetadataURL is
// required. URLs are those of folders, http:, https: or file:.
type Config struct {
	// MetadataURL is the folder of timestamp.json.
	MetadataURL string
	// ArtifactsURL is the folder that artifact paths are relative to; a
	// prefix of all paths belongs to it.
	ArtifactsURL string
	// HashPrefix: the files are named <hash>.<name> in their folders. RSTUF
	// deployments mostly serve them by their plain path.
	HashPrefix bool
	// HashPrefixByRoot: they are named so where root says consistent_snapshot,
	// and by their plain path where it does not, as section 6.2 of the
	// specification has it. Repositories of other tools often do so.
	HashPrefixByRoot bool
	// Cache is a folder for this repository alone that keeps verified
	// metadata. With it, a server can't pass off an older state of the
	// repository as the newest, whichever process saw the newer one. Default:
	// nothing is kept but in memory.
	Cache string
	// HTTP says how to connect. Its headers and token go to the hosts of both
	// URLs.
	HTTP HTTPConfig
	// Progress, unless nil, is called while a file is read, with the number
	// of bytes so far and in all.
	Progress func(artifact string, done, total int64)

	// Now is the time that expiry is judged by; the system's clock by default.
	Now func() time.Time
	// MaxAge, where set, makes the Reader refresh by itself when it is asked
	// for something and its last refresh is longer ago. Without it there is
	// one refresh at the first use, and then those that are called for.
	MaxAge time.Duration
	// AllowExpiredUnsafe takes metadata whose time is over. Whoever holds an
	// old copy of the repository can pass it off as the newest: for media that
	// are carried, and for programs that look at how a repository is.
	AllowExpiredUnsafe bool
	// MaxRoots is how many roots may follow at once; 256 by default.
	MaxRoots int
	// MaxRoles is how many delegated roles are searched for an artifact; 32 by
	// default.
	MaxRoles int
}

// HTTPConfig says how to connect. The zero value is good for servers that ask
// for no credentials.
type HTTPConfig struct {
	// HTTPClient carries the requests; its Transport may be any
	// [http.RoundTripper]. Redirects are the Reader's own matter. Default: a
	// client on a copy of [http.DefaultTransport].
	HTTPClient *http.Client
	// TLS holds further roots and client certificates, which are shown to the
	// hosts of the URLs alone. An HTTPClient with a Transport of its own
	// brings its own.
	TLS *tls.Config
	// Header is sent with every request to the hosts of the URLs.
	Header http.Header
	// Token, where set, gives the bearer token. It is kept, and asked for
	// again once for a request that is answered with 401.
	Token func(ctx context.Context) (string, error)
	// UserAgent is "rstuf-go" by default.
	UserAgent string
	// Logger gets a debug line for each request and a warning for each retry.
	// Default: nothing is logged.
	Logger *slog.Logger
	// Timeout is how long a server may take to answer, and then the time in
	// which each next part of the answer must come, at 1 KiB a second at
	// least. A minute by default. A context bounds the whole call.
	Timeout time.Duration
	// Retries is how often a request is sent again after a failure that
	// passes; 4 by default, none if negative.
	Retries int
}

// Limits of files whose length nothing names, in bytes.
const (
	maxRoot      = 1 << 20
	maxTimestamp = 64 << 10
	maxOther     = metadata.MaxSize // snapshot, targets and delegated roles
)

// Trust is where a [Reader] begins: see [TrustRoot] and
// [TrustOnFirstUseUnsafe].
type Trust struct {
	root     []byte
	firstUse bool
}

// TrustRoot trusts a root document that came by a safe way, such as with the
// program. Newer roots are trusted if it leads to them.
func TrustRoot(root []byte) Trust { return Trust{root: root} }

// TrustOnFirstUseUnsafe trusts the first root (1.root.json) that the server
// sends the first time, and pins it in the cache folder: whoever controls the
// server or the way to it at that moment decides what is trusted from then on.
func TrustOnFirstUseUnsafe() Trust { return Trust{firstUse: true} }

// New makes a reader that begins with what is trusted. Nothing is fetched yet.
func New(cfg Config, trust Trust) (*Reader, error) {
	r := &Reader{
		now: cfg.Now, maxAge: cfg.MaxAge, allowExpired: cfg.AllowExpiredUnsafe,
		maxRoots: cfg.MaxRoots, maxRoles: cfg.MaxRoles,
		refreshing: make(chan struct{}, 1),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.maxRoots <= 0 {
		r.maxRoots = 256
	}
	if r.maxRoles <= 0 {
		r.maxRoles = 32
	}
	var err error
	if r.metadata, err = transport.New(cfg.MetadataURL, transport.Config(cfg.HTTP)); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	r.artifacts = &artifactFiles{progress: cfg.Progress, hashPrefix: func() bool {
		return cfg.HashPrefix || cfg.HashPrefixByRoot && r.consistent.Load()
	}}
	if cfg.ArtifactsURL != "" {
		if r.artifacts.base, err = transport.New(cfg.ArtifactsURL, transport.Config(cfg.HTTP)); err != nil {
			return nil, fmt.Errorf("artifacts: %w", err)
		}
	}
	switch {
	case trust.firstUse && cfg.Cache == "":
		return nil, errors.New("trust on first use needs a cache folder to remember the root in")
	case trust.firstUse:
	case len(trust.root) == 0:
		return nil, errors.New("there is no trusted root: pass TrustRoot(the root document)")
	default:
		if r.given, err = parseTrusted(trust.root); err != nil {
			return nil, err
		}
	}
	if cfg.Cache != "" {
		r.cache = &cache{folder: cfg.Cache, url: r.metadata.URL()}
	}
	return r, nil
}

// parseTrusted reads a root that is to be trusted.
func parseTrusted(data []byte) (*metadata.Document, error) {
	root, err := metadata.Parse(data)
	if err == nil {
		err = metadata.VerifyRootChain([]*metadata.Document{root})
	}
	if err != nil {
		return nil, fmt.Errorf("the trusted root: %w", err)
	}
	return root, nil
}
