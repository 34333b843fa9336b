package health_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is a deployment in which all is well: a root of three people, two of whom
// must sign, a role dev of the same kind, and a role on of the online key. Tests
// change it before it is published, or after.
type world struct {
	t      *testing.T
	people []*keys.Private
	online *keys.Private

	root      *metadata.Root
	rootKeys  []*keys.Private // who sign it
	top       *metadata.Targets
	dev, on   *metadata.Targets
	snapshot  *metadata.Snapshot
	timestamp *metadata.Timestamp
	settings  rstuf.RepositorySettings
	cfg       health.Config

	mu    sync.Mutex
	files map[string][]byte // of the metadata server
	api   map[string]any    // answers; a number is a status

	published bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, online: tuftest.Key(t, "online"), files: map[string][]byte{}, cfg: health.Config{Now: func() time.Time { return testNow }}}
	var public []keys.Public
	for _, name := range []string{"alice", "bob", "carol"} {
		w.people = append(w.people, tuftest.Key(t, name))
		public = append(public, w.people[len(w.people)-1].Public())
	}
	w.rootKeys = w.people[:2]
	var err error
	w.root, err = metadata.NewRoot(public, 2, w.online.Public(), testNow.AddDate(1, 0, 0))
	require.NoError(t, err)
	w.dev, w.on = content("dev/a"), content("on/a")
	w.top = content()
	w.top.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{}}
	w.delegate("dev", 2, w.people...)
	w.delegate("on", 1, w.online)
	w.snapshot = &metadata.Snapshot{Version: 1, Expires: testNow.AddDate(0, 0, 1), Meta: map[string]metadata.MetaFile{
		"targets.json": {Version: 1}, "dev.json": {Version: 1}, "on.json": {Version: 1},
	}}
	w.timestamp = &metadata.Timestamp{Version: 1, Expires: testNow.AddDate(0, 0, 1), Meta: map[string]metadata.MetaFile{}}
	w.settings = rstuf.RepositorySettings{Expiration: map[string]int{"root": 365, "dev": 90}}
	w.api = map[string]any{
		"/bootstrap/":    answer(rstuf.BootstrapState{Bootstrap: true, State: wire.BootstrapFinished}),
		"/metadata/sign": answer(rstuf.PendingMetadata{}),
	}
	return w
}

// content is what a targets role lists.
func content(paths ...string) *metadata.Targets {
	t := &metadata.Targets{Version: 1, Expires: testNow.AddDate(0, 3, 0), Targets: map[string]metadata.TargetFile{}}
	for _, path := range paths {
		t.Targets[path] = artifact(map[string]string{"sha256": strings.Repeat("ab", 32)})
	}
	return t
}

func artifact(hashes map[string]string) metadata.TargetFile {
	return metadata.TargetFile{ArtifactInfo: rstuf.ArtifactInfo{Length: 10, Hashes: hashes}}
}

func answer[T any](data T) wire.Response[T] { return wire.Response[T]{Data: &data} }

// delegate has targets delegate to a role, which lives 90 days.
func (w *world) delegate(name string, threshold int, signers ...*keys.Private) {
	role := rstuf.DelegatedRole{Name: name, Threshold: threshold, Paths: []string{name + "/*"}, Terminating: true, ExpirePolicy: 90}
	for _, signer := range signers {
		w.top.Delegations.Keys[signer.Public().ID()] = signer.Public().Key()
		role.KeyIDs = append(role.KeyIDs, signer.Public().ID())
	}
	w.top.Delegations.Roles = append(w.top.Delegations.Roles, role)
}

func (w *world) role(name string) *rstuf.DelegatedRole {
	for i := range w.top.Delegations.Roles {
		if w.top.Delegations.Roles[i].Name == name {
			return &w.top.Delegations.Roles[i]
		}
	}
	w.t.Fatal("no role " + name)
	return nil
}

// put signs a file and publishes it.
func (w *world) put(role string, version int64, body metadata.Body, signers ...*keys.Private) *metadata.Document {
	w.t.Helper()
	doc := tuftest.Document(w.t, body, signers...)
	w.files[metadata.Filename(role, version)] = doc.Bytes()
	return doc
}

// publish signs everything and serves it.
func (w *world) publish() {
	w.t.Helper()
	w.published = true
	root := w.put("root", w.root.Version, w.root, w.rootKeys...)
	targets := w.put("targets", 1, w.top, w.online)
	w.put("dev", 1, w.dev, w.people...)
	w.put("on", 1, w.on, w.online)
	w.put("snapshot", w.snapshot.Version, w.snapshot, w.online)
	w.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: w.snapshot.Version}
	w.put("timestamp", 1, w.timestamp, w.online)
	w.settings.TrustedRoot, w.settings.TrustedTargets = root.Bytes(), targets.Bytes()
	if w.api["/config/"] == nil {
		w.api["/config/"] = answer(&w.settings)
	}
	server := httptest.NewServer(w)
	w.t.Cleanup(server.Close)
	var err error
	w.cfg.Reader, err = repository.New(repository.Config{
		MetadataURL: server.URL, AllowExpiredUnsafe: true, Now: w.cfg.Now, HTTP: repository.HTTPConfig{Retries: -1},
	}, repository.TrustRoot(w.files["1.root.json"]))
	require.NoError(w.t, err)
	w.cfg.API, err = client.New(server.URL, client.Config{Retries: -1})
	require.NoError(w.t, err)
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if path, ok := strings.CutPrefix(r.URL.Path, "/api/v1"); ok {
		switch answer := w.api[path].(type) {
		case int:
			rw.WriteHeader(answer)
			_, _ = rw.Write([]byte(`{"detail": "not for you"}`))
		case string:
			_, _ = rw.Write([]byte(answer))
		default:
			_ = json.NewEncoder(rw).Encode(answer)
		}
		return
	}
	if data, ok := w.files[strings.TrimPrefix(r.URL.EscapedPath(), "/")]; ok {
		_, _ = rw.Write(data)
		return
	}
	http.NotFound(rw, r)
}

// examine looks at the world, and publishes it before if nobody has.
func (w *world) examine() *health.Report {
	w.t.Helper()
	if !w.published {
		w.publish()
	}
	return health.Examine(w.t.Context(), w.cfg)
}

// codesOf are the codes of the findings, each with its role.
func codesOf(r *health.Report) []string {
	list := []string{}
	for _, f := range r.Findings {
		list = append(list, strings.TrimSuffix(f.Code+" "+f.Role, " "))
	}
	return list
}
