package rstuftest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/rstuf"
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
	// RootKeys sign roots, two of two; OnlineKey signs the rest.
	RootKeys  []*keys.Private
	OnlineKey *keys.Private
	// Draft is the ceremony's result, for what needs its payload.
	Draft *ceremony.Draft
	// Service is the service itself.
	Service *service.Service

	network   *network
	now       func() time.Time
	artifacts artifactStore
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
	o := options{policy: func(*ceremony.Policy) {}, config: func(*service.Config) {}}
	for _, opt := range opts {
		opt(&o)
	}
	r := &Repository{}
	err := r.start(ctx, dir, o)
	if err == nil && !o.noBootstrap {
		err = r.bootstrap(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("rstuftest: %w", errors.Join(err, r.Close()))
	}
	return r, nil
}

// start makes the keys and the root, and runs the service and its servers.
func (r *Repository) start(ctx context.Context, dir string, o options) error {
	for _, name := range []string{"alice", "bob", "online"} {
		key, err := keys.Generate(keys.Ed25519, name)
		if err != nil {
			return err
		}
		r.RootKeys = append(r.RootKeys, key)
	}
	r.RootKeys, r.OnlineKey = r.RootKeys[:2], r.RootKeys[2]
	r.network = newNetwork()
	cfg := service.Config{Dir: dir, OnlineKeys: []keys.Signer{r.OnlineKey}, UnsafeNoSync: true, Now: o.now}
	switch {
	case r.network.pipes != nil:
		cfg.BumpEvery = timersAreExact
	case o.now != nil:
		cfg.BumpEvery = clockMayBeSet
	}
	o.config(&cfg)
	if r.now = cfg.Now; r.now == nil {
		r.now = time.Now
	}
	if err := r.makeRoot(ctx, o.policy); err != nil {
		return err
	}
	var err error
	if r.Service, err = service.Open(ctx, cfg); err != nil {
		return err
	}
	r.APIURL = r.network.serve("api.rstuf.test", r.Service.Handler())
	files := http.NewServeMux()
	files.Handle("/metadata/", http.StripPrefix("/metadata", r.Service.MetadataHandler()))
	files.Handle("/artifacts/", http.StripPrefix("/artifacts/", &r.artifacts))
	web := r.network.serve("files.rstuf.test", files)
	r.MetadataURL, r.ArtifactsURL = web+"/metadata/", web+"/artifacts/"
	r.Client, err = client.New(r.APIURL, client.Config{HTTPClient: r.HTTPClient()})
	return err
}

// How often the service looks at the clock: it is either that of a bubble, whose
// timers agree with it, or one that a test may set at any time.
const (
	timersAreExact = 12 * time.Hour
	clockMayBeSet  = 20 * time.Millisecond
)

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
	cfg := repository.Config{
		MetadataURL: r.MetadataURL, ArtifactsURL: r.ArtifactsURL, Now: r.now,
		HTTP: repository.HTTPConfig{HTTPClient: r.HTTPClient()},
	}
	for _, change := range changes {
		change(&cfg)
	}
	reader, err := repository.New(cfg, repository.TrustRoot(r.RootJSON))
	if err != nil {
		t.Fatalf("rstuftest: reader: %v", err)
	}
	return reader
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

// makeRoot holds the ceremony.
func (r *Repository) makeRoot(ctx context.Context, change func(*ceremony.Policy)) error {
	policy := ceremony.Policy{Threshold: len(r.RootKeys), OnlineKey: r.OnlineKey.Public(), HashBins: 4, Now: r.now()}
	for _, key := range r.RootKeys {
		policy.RootKeys = append(policy.RootKeys, key.Public())
	}
	change(&policy)
	if len(policy.Delegations) > 0 {
		policy.HashBins = 0
	}
	var err error
	if r.Draft, err = ceremony.New(policy); err != nil {
		return err
	}
	for _, key := range r.RootKeys {
		if err := r.Draft.Sign(ctx, key); err != nil {
			return err
		}
	}
	r.RootJSON = r.Draft.Document().Bytes()
	return nil
}

// bootstrap sends the payload and waits for the repository.
func (r *Repository) bootstrap(ctx context.Context) error {
	id, err := r.Client.SubmitBootstrap(ctx, r.Draft.Payload())
	if err != nil {
		return err
	}
	return r.wait(ctx, r.Client.Task(id))
}

// wait waits until a task has done all that was asked.
func (r *Repository) wait(ctx context.Context, task *client.Task) error {
	_, err := task.Wait(ctx)
	return err
}

// Publish serves an artifact below ArtifactsURL, adds it to the repository,
// and returns once it is published.
func (r *Repository) Publish(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := r.Add(t.Context(), path, content); err != nil {
		t.Fatal(err)
	}
}

// Add is [Repository.Publish] without a test.
func (r *Repository) Add(ctx context.Context, path string, content []byte) error {
	r.artifacts.put(path, content)
	sum := sha256.Sum256(content)
	task, err := r.Client.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{
		Path: path,
		Info: rstuf.ArtifactInfo{Length: int64(len(content)), Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])}},
	}}})
	if err == nil {
		err = r.wait(ctx, task)
	}
	if err != nil {
		return fmt.Errorf("rstuftest: add %s: %w", path, err)
	}
	return nil
}

// Remove removes an artifact from the repository and returns once that is
// published. The file is still served, so that a test can show that nobody
// takes it.
func (r *Repository) Remove(t testing.TB, path string) {
	t.Helper()
	task, err := r.Client.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{path}})
	if err == nil {
		err = r.wait(t.Context(), task)
	}
	if err != nil {
		t.Fatalf("rstuftest: remove %s: %v", path, err)
	}
}

// Replace changes the file that is served for an artifact and nothing else, as
// somebody would who broke into the server.
func (r *Repository) Replace(path string, content []byte) { r.artifacts.put(path, content) }

// Root is the current root as the service has it.
func (r *Repository) Root(t testing.TB) json.RawMessage {
	t.Helper()
	settings, err := r.Client.Settings(t.Context())
	if err != nil {
		t.Fatalf("rstuftest: root: %v", err)
	}
	return settings.TrustedRoot
}

// artifactStore serves artifacts from memory.
type artifactStore struct {
	mu    sync.RWMutex
	files map[string][]byte
}

func (a *artifactStore) put(path string, content []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.files = map[string][]byte{}
	}
	a.files[path] = content
}

func (a *artifactStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.RLock()
	content, ok := a.files[strings.TrimPrefix(r.URL.Path, "/")]
	a.mu.RUnlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(content) // an error means that the client is gone
}
