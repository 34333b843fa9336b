package repository_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// made is a repository that a test makes by hand, right or wrong.
type made struct {
	t             *testing.T
	alice, online *keys.Private
	root          *metadata.Root
	roles         map[string]*metadata.Targets // targets and those below it
	signers       map[string][]*keys.Private   // of roles; the online key where none are given
	snapshot      *metadata.Snapshot
	timestamp     *metadata.Timestamp
	now           time.Time // of readers

	mu    sync.Mutex
	files map[string][]byte // by escaped name; nil for a refusal
	asked []string
	url   string
}

func makeRepository(t *testing.T) *made {
	t.Helper()
	m := &made{
		t: t, alice: tuftest.Key(t, "alice"), online: tuftest.Key(t, "online"), now: time.Now(),
		roles: map[string]*metadata.Targets{}, signers: map[string][]*keys.Private{}, files: map[string][]byte{},
	}
	var err error
	m.root, err = metadata.NewRoot([]keys.Public{m.alice.Public()}, 1, m.online.Public(), m.now.AddDate(1, 0, 0))
	require.NoError(t, err)
	m.snapshot = &metadata.Snapshot{Expires: m.now.AddDate(0, 2, 0), Meta: map[string]metadata.MetaFile{}}
	m.timestamp = &metadata.Timestamp{Expires: m.now.AddDate(0, 1, 0), Meta: map[string]metadata.MetaFile{}}
	m.roles[rstuf.RoleTargets] = m.targets("top")
	m.putRoot(m.alice)
	m.publish()
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

func (m *made) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	m.asked = append(m.asked, name)
	data, ok := m.files[name]
	switch {
	case !ok:
		http.NotFound(w, r)
	case data == nil:
		w.WriteHeader(http.StatusForbidden)
	default:
		w.Write(data)
	}
}

// targets is the content of a targets role with artifacts of these paths.
func (m *made) targets(paths ...string) *metadata.Targets {
	t := &metadata.Targets{Version: 1, Expires: m.now.AddDate(0, 3, 0), Targets: map[string]metadata.TargetFile{}}
	for _, path := range paths {
		t.Targets[path] = metadata.TargetFile{ArtifactInfo: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)}}}
	}
	return t
}

// delegate makes a role and has another one delegate to it.
func (m *made) delegate(by string, role rstuf.DelegatedRole, key *keys.Private, paths ...string) {
	role.KeyIDs, role.Threshold = []string{key.Public().ID()}, 1
	from := m.roles[by]
	if from.Delegations == nil {
		from.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{}}
	}
	from.Delegations.Keys[key.Public().ID()] = key.Public().Key()
	from.Delegations.Roles = append(from.Delegations.Roles, role)
	if m.roles[role.Name] == nil {
		m.roles[role.Name] = m.targets(paths...)
	}
	m.signers[role.Name] = append(m.signers[role.Name], key)
}

// signed makes a file of a content.
func (m *made) signed(body metadata.Body, signers ...*keys.Private) []byte {
	m.t.Helper()
	return tuftest.Document(m.t, body, signers...).Bytes()
}

func (m *made) put(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = data
}

// putRoot publishes the root as it is.
func (m *made) putRoot(signers ...*keys.Private) []byte {
	m.t.Helper()
	data := m.signed(m.root, signers...)
	m.put(metadata.Filename(rstuf.RoleRoot, m.root.Version), data)
	return data
}

// nextRoot publishes the next root.
func (m *made) nextRoot(change func(*metadata.Root), signers ...*keys.Private) []byte {
	m.t.Helper()
	m.root = m.root.Next()
	change(m.root)
	return m.putRoot(append(signers, m.alice)...)
}

// rotateOnline makes another key the online key, and signs all roles with it.
func (m *made) rotateOnline() {
	m.t.Helper()
	m.online = tuftest.Key(m.t, "online of later")
	m.nextRoot(func(r *metadata.Root) { require.NoError(m.t, r.SetOnlineKey(m.online.Public())) })
}

func (m *made) name(role string, version int64) string {
	name := metadata.Filename(role, version)
	if !m.root.ConsistentSnapshot && role != rstuf.RoleTimestamp {
		name = strings.TrimPrefix(name, fmt.Sprintf("%d.", version))
	}
	return name
}

// publish writes all roles and the next snapshot and timestamp.
func (m *made) publish() {
	m.t.Helper()
	for role, content := range m.roles {
		signers := m.signers[role]
		if signers == nil {
			signers = []*keys.Private{m.online}
		}
		m.put(m.name(role, content.Version), m.signed(content, signers...))
		was := m.snapshot.Meta[role+".json"]
		was.Version = content.Version
		m.snapshot.Meta[role+".json"] = was
	}
	m.snapshot.Version++
	m.putSnapshot()
	m.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: m.snapshot.Version}
	m.timestamp.Version++
	m.putTimestamp()
}

func (m *made) putSnapshot() {
	m.t.Helper()
	m.put(m.name(rstuf.RoleSnapshot, m.snapshot.Version), m.signed(m.snapshot, m.online))
}

func (m *made) putTimestamp() {
	m.t.Helper()
	m.put("timestamp.json", m.signed(m.timestamp, m.online))
}

// requests are the names of the files that were asked for since the last time.
func (m *made) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	asked := m.asked
	m.asked = nil
	return asked
}

// reader trusts the first root.
func (m *made) reader(change func(*repository.Config)) *repository.Reader {
	m.t.Helper()
	cfg := repository.Config{MetadataURL: m.url, Now: func() time.Time { return m.now }, HTTP: repository.HTTPConfig{Retries: -1}}
	if change != nil {
		change(&cfg)
	}
	r, err := repository.New(cfg, repository.TrustRoot(m.files["1.root.json"]))
	require.NoError(m.t, err)
	return r
}

func withCache(folder string) func(*repository.Config) {
	return func(cfg *repository.Config) { cfg.Cache = folder }
}

// carried writes all files to a folder, and returns it as a URL.
func (m *made) carried() string {
	m.t.Helper()
	dir := m.t.TempDir()
	for name, data := range m.files {
		require.NoError(m.t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
}

func hexDigest(path string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(path))) }
