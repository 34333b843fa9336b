package service

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"example.org/rstuf/health/event"
	"example.org/rstuf/keys"
)

// Config says how to run a service. Only Dir is required.
type Config struct {
	// Dir is the service's folder. One process at a time uses it. It holds, unless
	// Store and Storage are set, the database state.db and a folder "metadata".
	Dir string
	// Store opens what keeps that which is accepted and decided, for one service
	// alone: the error is [ErrLocked] if another one has it. [Service.Close] closes
	// it. Nil means the file Dir/state.db; package service/postgres has
	// PostgreSQL.
	Store func(context.Context) (Store, error)
	// Replicas is where replicas meet, in place of Store: see [OpenReplica]. To all that
	// needs a repository for itself, such as [Repair], its Open is Store; what writes
	// files refuses a Storage that replicas would refuse.
	Replicas Shared
	// Storage keeps the metadata files; nil means the folder Dir/metadata.
	Storage Storage

	// OnlineKeys sign in place of what the URI in root names.
	OnlineKeys []keys.Signer
	// Keys opens the online key by its URI (x-rstuf-online-key-uri); Keys.Dir
	// is the key folder of fn: URIs, Dir/keys unless set. Payloads and roots
	// bring the URI, so nothing is opened but fn: and what Keys.Schemes, or
	// else Keys.Openers, names.
	Keys keys.URIConfig
	// KeyFiles are online keys of the first generation's settings
	// (RSTUF_LOCAL_KEYVAULT_PATH, RSTUF_LOCAL_KEYVAULT_KEYS), opened at start.
	KeyFiles []KeyFile

	// Tokens are the bearer tokens that callers of the API may use. Without
	// any, everybody may do everything, as with a deployed RSTUF: put a proxy
	// in front.
	Tokens []Token
	// DisabledEndpoints are not there for anybody, such as "/bootstrap/" or
	// "POST /metadata/": an API that is open to others needs no
	// administration.
	DisabledEndpoints []string
	// Hosts are names that callers on this machine, such as a proxy, may call
	// the service by beside those of the loopback address. Others are refused
	// there: a web page can have them lead here.
	Hosts []string
	// ListFiles has the metadata handler list its files at "/", as the web server of
	// RSTUF's compose files does: a page with a link to each.
	ListFiles bool
	// MaxBody is the largest artifact request in bytes; 0 means 32 MiB. Other
	// requests may have 4 MiB.
	MaxBody int64
	// MaxWaiting is how many bytes of accepted requests may wait to be
	// published before further ones are refused; 0 means 1 GiB.
	MaxWaiting int64
	// RequestsPerSecond limits each client address; 0 means no limit. A
	// client may send a second's worth at once.
	RequestsPerSecond float64

	// PublishEvery gathers the artifact requests that come within that time into
	// one publication: fewer files and signatures, and so less for clients to
	// download, for as much more time until they see an artifact. 0 publishes at
	// once.
	PublishEvery time.Duration
	// BumpBefore is how long before its end an online role is signed anew; 0
	// means an hour, as a deployed RSTUF does it.
	BumpBefore time.Duration
	// BumpEvery is how often the service looks for such roles at least; 0 means
	// five minutes. It looks at the right time by itself, unless the clock is
	// set or the machine sleeps.
	BumpEvery time.Duration
	// KeepVersions is how long a version that the current snapshot does not
	// reach stays available. 0 means for ever. Roots always stay.
	KeepVersions time.Duration
	// KeepTasks is how long the result of a task can be asked for; 0 means a
	// day. Beyond 10,000 results or 128 MiB it may be ten minutes.
	KeepTasks time.Duration

	// Events is told what happens: root changed, signatures wait, publishing is
	// paused, and so on (see package health/event). One goroutine calls it, with one
	// event after the other, and nothing else waits for it. While 1,000 events wait
	// further ones are dropped, and it is told how many. What it is told can be lost
	// when the process ends: a publication that was committed stands, told or not.
	// Roles that are about to end, and a token's first use, are told again after a
	// start. It must not call [Service.Close], which waits for it, two seconds at
	// most.
	Events func(event.Event)
	// Logger takes what happens; nil means nobody does.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// UnsafeNoSync never waits for the disk: a crash of the machine may lose
	// or break anything. For tests.
	UnsafeNoSync bool
}

// KeyFile is a private key file and its password.
type KeyFile struct {
	Path string
	// Password is called if the file is encrypted.
	Password keys.PasswordFunc
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("service: Config.Dir is empty: name the folder that keeps the repository")
	}
	if c.MaxBody < 0 || c.MaxWaiting < 0 || c.RequestsPerSecond < 0 || c.BumpBefore < 0 || c.BumpEvery < 0 || c.KeepVersions < 0 || c.PublishEvery < 0 || c.KeepTasks < 0 {
		return c, errors.New("service: a limit or a duration in Config is negative")
	}
	setDefault(&c.MaxBody, 32<<20)
	setDefault(&c.MaxWaiting, 1<<30)
	setDefault(&c.BumpBefore, time.Hour)
	setDefault(&c.BumpEvery, 5*time.Minute)
	setDefault(&c.KeepTasks, 24*time.Hour)
	setDefault(&c.Keys.Dir, filepath.Join(c.Dir, "keys"))
	if c.Replicas != nil && c.Store == nil {
		c.Store = c.Replicas.Open
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
