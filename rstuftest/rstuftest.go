package rstuftest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
// hash bins, in a temporary folder. It fails the test if that is not possible.
func New(t testing.TB, opts ...Option) *Repository {
	t.Helper()
	o := options{policy: func(*ceremony.Policy) {}, config: func(*service.Config) {}}
	for _, opt := range opts {
		opt(&o)
	}
	r := &Repository{RootKeys: []*keys.Private{newKey(t, "alice"), newKey(t, "bob")}, OnlineKey: newKey(t, "online")}
	cfg := service.Config{Dir: t.TempDir(), OnlineKeys: []keys.Signer{r.OnlineKey}, UnsafeNoSync: true}
	o.config(&cfg)
	r.makeRoot(t, o.policy, cfg.Now)
	r.start(t, cfg)
	if !o.noBootstrap {
		r.bootstrap(t)
	}
	return r
}

func newKey(t testing.TB, name string) *keys.Private {
	t.Helper()
	key, err := keys.Generate(keys.Ed25519, name)
	check(t, err)
	return key
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("rstuftest: %v", err)
	}
}

// makeRoot holds the ceremony.
func (r *Repository) makeRoot(t testing.TB, change func(*ceremony.Policy), now func() time.Time) {
	t.Helper()
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
	draft, err := ceremony.New(policy)
	check(t, err)
	for _, key := range r.RootKeys {
		check(t, draft.Sign(t.Context(), key))
	}
	r.Draft = draft
	r.RootJSON = draft.Document().Bytes()
}

// start runs the service and its servers.
func (r *Repository) start(t testing.TB, cfg service.Config) {
	t.Helper()
	svc, err := service.Open(t.Context(), cfg)
	check(t, err)
	api := httptest.NewServer(svc.Handler())
	files := http.NewServeMux()
	files.Handle("/metadata/", http.StripPrefix("/metadata", svc.MetadataHandler()))
	files.Handle("/artifacts/", http.StripPrefix("/artifacts/", &r.artifacts))
	web := httptest.NewServer(files)
	t.Cleanup(func() {
		api.Close()
		web.Close()
		if err := svc.Close(context.Background()); err != nil {
			t.Errorf("rstuftest: %v", err)
		}
	})
	r.Service = svc
	r.APIURL, r.MetadataURL, r.ArtifactsURL = api.URL, web.URL+"/metadata/", web.URL+"/artifacts/"
	r.Client, err = client.New(r.APIURL, client.Config{})
	check(t, err)
}

// bootstrap sends the payload and waits for the repository.
func (r *Repository) bootstrap(t testing.TB) {
	t.Helper()
	id, err := r.Client.SubmitBootstrap(t.Context(), r.Draft.Payload())
	check(t, err)
	r.wait(t, id)
}

// wait waits for a task, closer than a client on a network would.
func (r *Repository) wait(t testing.TB, id string) {
	t.Helper()
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		task, err := r.Client.Task(id).State(t.Context())
		check(t, err)
		if task.Succeeded() {
			return
		}
		if task.State.Terminal() {
			t.Fatalf("rstuftest: task %s ended as %s: %s", id, task.State, task.Reason())
		}
		time.Sleep(pause)
	}
}

// Publish serves an artifact below ArtifactsURL, adds it to the repository,
// and returns once it is published.
func (r *Repository) Publish(t testing.TB, path string, content []byte) {
	t.Helper()
	r.artifacts.put(path, content)
	sum := sha256.Sum256(content)
	task, err := r.Client.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{
		Path: path,
		Info: rstuf.ArtifactInfo{Length: int64(len(content)), Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])}},
	}}})
	check(t, err)
	r.wait(t, task.ID())
}

// Remove removes an artifact from the repository and returns once that is
// published. The file is still served, so that a test can show that nobody
// takes it.
func (r *Repository) Remove(t testing.TB, path string) {
	t.Helper()
	task, err := r.Client.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{path}})
	check(t, err)
	r.wait(t, task.ID())
}

// Replace changes the file that is served for an artifact and nothing else, as
// somebody would who broke into the server.
func (r *Repository) Replace(path string, content []byte) { r.artifacts.put(path, content) }

// Root is the current root as the metadata server has it.
func (r *Repository) Root(t testing.TB) json.RawMessage {
	t.Helper()
	settings, err := r.Client.Settings(t.Context())
	check(t, err)
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
