package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// Repository is a running service with everything that a test may need of it.
type Repository struct {
	// Client calls the API.
	Client *client.Client
	// APIURL is where the API is, without /api/v1.
	APIURL string
	// MetadataURL and ArtifactsURL are where the files are; they end in "/".
	MetadataURL, ArtifactsURL string
	// RootJSON is the first root, which a downloader trusts.
	RootJSON []byte
	// RootKeys sign roots, two of two unless told otherwise; OnlineKey signs the
	// rest. Rotations replace them.
	RootKeys  []*keys.Private
	OnlineKey *keys.Private
	// Keys are those of the people of delegated roles, by name: see [WithRole].
	Keys map[string]*keys.Private
	// Draft is the ceremony's result, for what needs its payload.
	Draft *ceremony.Draft
	// Service is the service itself.
	Service *service.Service

	network   *network
	now       func() time.Time
	keyFolder string // where the service finds online keys of later roots
	storage   service.Storage
	web       webServer
	api       apiServer
	types     keyTypes
}

// keyTypes are the types of RootKeys and OnlineKey.
type keyTypes struct {
	root   []keys.Type
	online keys.Type
}

// New starts a repository with two root keys of two, one online key and four
// hash bins, in a temporary folder, and ends it with the test. It fails the
// test if that is not possible.
func New(t testing.TB, opts ...Option) *Repository {
	t.Helper()
	r, err := Start(t.Context(), t.TempDir(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// Start is [New] without a test, for TestMain and examples: it uses an empty
// folder, and the caller closes the repository.
func Start(ctx context.Context, dir string, opts ...Option) (*Repository, error) {
	o := newOptions(opts)
	r := &Repository{Keys: map[string]*keys.Private{}}
	err := r.start(ctx, dir, o)
	if err == nil && !o.noBootstrap {
		err = r.bootstrap(ctx, o.artifacts)
	}
	if err != nil {
		return nil, fmt.Errorf("rstuftest: %w", errors.Join(err, r.Close()))
	}
	return r, nil
}

// How often the service looks at the clock: it is either that of a bubble, whose
// timers agree with it, or one that a test may set at any time.
const (
	timersAreExact = time.Hour
	clockMayBeSet  = 20 * time.Millisecond
)

// start makes the keys and the root, and runs the service and its servers.
func (r *Repository) start(ctx context.Context, dir string, o options) error {
	r.network = newNetwork()
	if err := r.makeKeys(o); err != nil {
		return err
	}
	cfg := service.Config{
		Dir: dir, Storage: &memory{}, OnlineKeys: []keys.Signer{r.OnlineKey}, UnsafeNoSync: true, Now: o.now,
		Keys: keys.URIConfig{Dir: filepath.Join(dir, "keys")},
	}
	switch {
	case r.network.pipes != nil:
		cfg.BumpEvery = timersAreExact
	case o.now != nil:
		cfg.BumpEvery = clockMayBeSet
	}
	o.config(&cfg)
	r.keyFolder, r.storage = cfg.Keys.Dir, cfg.Storage
	if r.now = cfg.Now; r.now == nil {
		r.now = time.Now
	}
	if err := r.makeRoot(ctx, o); err != nil {
		return err
	}
	var err error
	if r.Service, err = service.Open(ctx, cfg); err != nil {
		return err
	}
	r.api.service = r.Service.Handler()
	r.APIURL = r.network.serve("api.rstuf.test", &r.api)
	r.web.metadata = r.Service.MetadataHandler()
	web := r.network.serve("files.rstuf.test", &r.web)
	r.MetadataURL, r.ArtifactsURL = web+metadataPath, web+artifactsPath
	r.Client, err = client.New(r.APIURL, client.Config{HTTPClient: r.HTTPClient()})
	return err
}

// HTTPClient reaches the servers of the repository. Inside a testing/synctest
// bubble nothing else does: give it to the code under test.
func (r *Repository) HTTPClient() *http.Client { return r.network.client }

// Now is the time by the clock of the repository: see [WithClock].
func (r *Repository) Now() time.Time { return r.now() }

// Reader makes a reader of the repository that trusts its first root, with the
// network and the clock of the test. Changes, if any, are made in its settings
// before.
func (r *Repository) Reader(t testing.TB, changes ...func(*repository.Config)) *repository.Reader {
	t.Helper()
	reader, err := r.newReader(changes...)
	if err != nil {
		t.Fatalf("rstuftest: reader: %v", err)
	}
	return reader
}

func (r *Repository) newReader(changes ...func(*repository.Config)) (*repository.Reader, error) {
	cfg := repository.Config{
		MetadataURL: r.MetadataURL, ArtifactsURL: r.ArtifactsURL, Now: r.now,
		HTTP: repository.HTTPConfig{HTTPClient: r.HTTPClient()},
	}
	for _, change := range changes {
		change(&cfg)
	}
	return repository.New(cfg, repository.TrustRoot(r.RootJSON))
}

// Close ends the repository. What [New] made ends with its test.
func (r *Repository) Close() error {
	if r.network != nil {
		r.network.close()
	}
	if r.Service == nil {
		return nil
	}
	return r.Service.Close(context.Background())
}
