package rstuftest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
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

	api, web  *httptest.Server
	artifacts artifactStore
}

// Option changes the repository that [New] makes.
type Option func(*options)

type options struct {
	policy      func(*ceremony.Policy)
	config      func(*service.Config)
	noBootstrap bool
}

// WithPolicy changes the policy of the ceremony, such as the number of hash
// bins (4 unless changed) or custom delegations.
func WithPolicy(change func(*ceremony.Policy)) Option {
	return func(o *options) { o.policy = change }
}

// WithConfig changes the configuration of the service, such as its clock.
func WithConfig(change func(*service.Config)) Option {
	return func(o *options) { o.config = change }
}

// WithoutBootstrap leaves the bootstrap to the test: [Repository.Draft] is
// signed and its payload is ready to be sent.
func WithoutBootstrap() Option {
	return func(o *options) { o.noBootstrap = true }
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
	cfg := service.Config{Dir: dir, OnlineKeys: []keys.Signer{r.OnlineKey}, UnsafeNoSync: true}
	o.config(&cfg)
	if err := r.makeRoot(ctx, o.policy, cfg.Now); err != nil {
		return err
	}
	var err error
	if r.Service, err = service.Open(ctx, cfg); err != nil {
		return err
	}
	r.api = httptest.NewServer(r.Service.Handler())
	files := http.NewServeMux()
	files.Handle("/metadata/", http.StripPrefix("/metadata", r.Service.MetadataHandler()))
	files.Handle("/artifacts/", http.StripPrefix("/artifacts/", &r.artifacts))
	r.web = httptest.NewServer(files)
	r.APIURL, r.MetadataURL, r.ArtifactsURL = r.api.URL, r.web.URL+"/metadata/", r.web.URL+"/artifacts/"
	r.Client, err = client.New(r.APIURL, client.Config{})
	return err
}

// Close ends the repository. What [New] made ends with its test.
func (r *Repository) Close() error {
	for _, server := range []*httptest.Server{r.api, r.web} {
		if server != nil {
			server.Close()
		}
	}
	if r.Service == nil {
		return nil
	}
	return r.Service.Close(context.Background())
}

// makeRoot holds the ceremony.
func (r *Repository) makeRoot(ctx context.Context, change func(*ceremony.Policy), now func() time.Time) error {
	policy := ceremony.Policy{Threshold: len(r.RootKeys), OnlineKey: r.OnlineKey.Public(), HashBins: 4}
	for _, key := range r.RootKeys {
		policy.RootKeys = append(policy.RootKeys, key.Public())
	}
	if now != nil {
		policy.Now = now()
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
