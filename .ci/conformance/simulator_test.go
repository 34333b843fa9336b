package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

const (
	root      = rstuf.RoleRoot
	timestamp = rstuf.RoleTimestamp
	snapshot  = rstuf.RoleSnapshot
	targets   = rstuf.RoleTargets
)

// simulator is a repository as the conformance suite has them: a key for each
// top-level role, consistent snapshots, and artifacts by their hashes. A test
// changes the content of roles and publishes those that it names; whatever was
// published stays there.
type simulator struct {
	t         *testing.T
	url       string
	root      *metadata.Root
	timestamp *metadata.Timestamp
	snapshot  *metadata.Snapshot
	targets   map[string]*metadata.Targets // and delegated roles
	signers   map[string][]*keys.Private
	sums      bool // snapshot and timestamp name lengths and hashes

	mu        sync.Mutex
	published map[string][][]byte // versions of a role, from 1 on
	files     map[string][]byte   // of metadata, by escaped name
	artifacts map[string][]byte   // by the name that they are served by
	asked     []string            // names of metadata files, in order
	fetched   []string            // names of artifacts, in order
}

func newSimulator(t *testing.T) *simulator {
	t.Helper()
	expires := time.Now().AddDate(0, 0, 30).UTC().Truncate(time.Second)
	s := &simulator{
		t: t,
		root: &metadata.Root{
			Version: 1, Expires: expires, ConsistentSnapshot: true, Keys: map[string]rstuf.Key{}, Roles: map[string]metadata.RoleKeys{},
		},
		timestamp: &metadata.Timestamp{Expires: expires, Meta: map[string]metadata.MetaFile{}},
		snapshot:  &metadata.Snapshot{Expires: expires, Meta: map[string]metadata.MetaFile{}},
		targets:   map[string]*metadata.Targets{targets: {Expires: expires, Targets: map[string]metadata.TargetFile{}}},
		signers:   map[string][]*keys.Private{}, published: map[string][][]byte{},
		files: map[string][]byte{}, artifacts: map[string][]byte{},
	}
	for _, role := range []string{root, timestamp, snapshot, targets} {
		s.root.Roles[role] = metadata.RoleKeys{Threshold: 1}
		s.addKey(role, newKey(t))
	}
	s.publish(targets, snapshot, timestamp, root)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func newKey(t *testing.T) *keys.Private {
	t.Helper()
	key, err := keys.Generate(keys.Ed25519, "")
	require.NoError(t, err)
	return key
}

func newKeys(t *testing.T, n int) []*keys.Private {
	list := make([]*keys.Private, n)
	for i := range list {
		list[i] = newKey(t)
	}
	return list
}

func (s *simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, name, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	var data []byte
	switch kind {
	case "metadata":
		s.asked = append(s.asked, name)
		data = s.files[name]
	case "targets":
		name, _ = url.PathUnescape(name)
		s.fetched = append(s.fetched, name)
		data = s.artifacts[name]
	}
	if data == nil {
		http.NotFound(w, r)
		return
	}
	w.Write(data)
}

// requests are the metadata files that were asked for since the last time.
func (s *simulator) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// downloads are the artifacts that were asked for since the last time.
func (s *simulator) downloads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	fetched := s.fetched
	s.fetched = nil
	return fetched
}

// addKey gives a top-level role one more key that signs.
func (s *simulator) addKey(role string, key *keys.Private) {
	s.trust(role, key)
	s.signers[role] = append(s.signers[role], key)
}

// trust names a key for a top-level role; nothing signs with it.
func (s *simulator) trust(role string, key *keys.Private) {
	r := s.root.Roles[role]
	r.KeyIDs = append(slices.Clone(r.KeyIDs), key.Public().ID())
	s.root.Roles[role] = r
	s.root.Keys[key.Public().ID()] = key.Public().Key()
}

// dropKeys takes all keys of a top-level role away.
func (s *simulator) dropKeys(role string) {
	r := s.root.Roles[role]
	r.KeyIDs = nil
	s.root.Roles[role] = r
	s.signers[role] = nil
}

func (s *simulator) threshold(role string, n int) {
	r := s.root.Roles[role]
	r.Threshold = n
	s.root.Roles[role] = r
}

// rotate gives a role another key.
func (s *simulator) rotate(role string) {
	s.dropKeys(role)
	s.addKey(role, newKey(s.t))
}

// delegate has a role delegate to another one, with one new key.
func (s *simulator) delegate(by string, role rstuf.DelegatedRole) {
	key := newKey(s.t)
	role.KeyIDs, role.Threshold = []string{key.Public().ID()}, 1
	from := s.targets[by]
	if from.Delegations == nil {
		from.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{}}
	}
	from.Delegations.Keys[key.Public().ID()] = key.Public().Key()
	from.Delegations.Roles = append(from.Delegations.Roles, role)
	s.signers[role.Name] = append(s.signers[role.Name], key)
	if s.targets[role.Name] == nil {
		s.targets[role.Name] = &metadata.Targets{Expires: s.snapshot.Expires, Targets: map[string]metadata.TargetFile{}}
	}
}

// publish signs the next version of roles, in this order. A snapshot lists the
// targets roles that were published before it, a timestamp the snapshot.
func (s *simulator) publish(roles ...string) {
	s.t.Helper()
	for _, role := range roles {
		s.publishAs(role, int64(len(s.published[role]))+1)
	}
}

// publishAs signs a role with any version.
func (s *simulator) publishAs(role string, version int64) {
	s.t.Helper()
	var body metadata.Body
	switch role {
	case root:
		s.root.Version, body = version, s.root
	case timestamp:
		s.timestamp.Version, body = version, s.timestamp
	case snapshot:
		s.snapshot.Version, body = version, s.snapshot
	default:
		s.targets[role].Version, body = version, s.targets[role]
	}
	doc, err := metadata.New(body)
	require.NoError(s.t, err)
	for _, signer := range s.signers[role] {
		require.NoError(s.t, doc.Sign(s.t.Context(), signer))
	}
	s.published[role] = append(s.published[role], doc.Bytes())
	s.serve(role, version, doc.Bytes())
	file := metadata.MetaFile{Version: version}
	if s.sums {
		length := int64(len(doc.Bytes()))
		file.Length, file.Hashes = &length, map[string]string{"sha256": sum(doc.Bytes())}
	}
	switch role {
	case root, timestamp:
	case snapshot:
		s.timestamp.Meta["snapshot.json"] = file
	default:
		s.snapshot.Meta[role+".json"] = file
	}
}

// serve puts a file where clients look for it.
func (s *simulator) serve(role string, version int64, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[s.filename(role, version)] = data
}

func (s *simulator) filename(role string, version int64) string {
	name := metadata.Filename(role, version)
	if role != root && !s.root.ConsistentSnapshot {
		name = strings.TrimPrefix(name, fmt.Sprintf("%d.", version))
	}
	return name
}

// withdraw has the server forget a file.
func (s *simulator) withdraw(role string, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, s.filename(role, version))
}

// addArtifact makes content an artifact of a role, and serves it.
func (s *simulator) addArtifact(role, name string, content []byte) {
	s.targets[role].Targets[name] = metadata.TargetFile{ArtifactInfo: rstuf.ArtifactInfo{
		Length: int64(len(content)), Hashes: map[string]string{"sha256": sum(content)},
	}}
	s.serveArtifact(name, sum(content), content)
}

// serveArtifact serves any content under an artifact's name.
func (s *simulator) serveArtifact(name, hash string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root.ConsistentSnapshot {
		folder, file := path.Split(name)
		name = folder + hash + "." + file
	}
	s.artifacts[name] = content
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
