package repository_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// TestRollback: what was seen once bounds all that follows, in one Reader and
// in the next one on the same cache.
func TestRollback(t *testing.T) {
	for name, test := range map[string]struct {
		attack func(m *made)
		want   error
		text   string
	}{
		"older timestamp": {func(m *made) { m.timestamp.Version -= 2; m.putTimestamp() }, repository.ErrRollback, "timestamp.json: version 2: older than what was seen before: version 4"},
		"older snapshot": {func(m *made) {
			m.timestamp.Version++
			m.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: 2}
			m.putTimestamp()
		}, repository.ErrRollback, "snapshot version 2"},
		"older role":             {func(m *made) { m.roles["dev"].Version--; m.publish() }, repository.ErrRollback, `"dev" version 2`},
		"older targets":          {func(m *made) { m.roles["targets"].Version--; m.publish() }, repository.ErrRollback, `"targets" version 2`},
		"role that went missing": {func(m *made) { delete(m.snapshot.Meta, "dev.json"); delete(m.roles, "dev"); m.publish() }, repository.ErrRoleRemoved, `"dev"`},
	} {
		for _, kept := range []string{"in memory", "in the cache"} {
			t.Run(name+"/"+kept, func(t *testing.T) {
				m := makeRepository(t)
				m.delegate("targets", rstuf.DelegatedRole{Name: "dev", Paths: []string{"dev/*"}}, tuftest.Key(t, "dev"), "dev/a")
				for range 3 {
					m.publish()
				}
				m.roles["dev"].Version, m.roles["targets"].Version = 3, 3
				m.publish()
				m.timestamp.Version, m.snapshot.Version = 4, 4
				cache := withCache(t.TempDir())
				m.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: 4}
				m.putSnapshot()
				m.putTimestamp()
				r := m.reader(cache)
				require.NoError(t, r.Refresh(t.Context()))
				if kept == "in the cache" {
					r = m.reader(cache)
				}
				test.attack(m)
				err := r.Refresh(t.Context())
				require.ErrorIs(t, err, test.want)
				assert.ErrorContains(t, err, test.text)
				require.NoError(t, m.reader(nil).Refresh(t.Context()), "a new client can't tell")
				if kept == "in memory" {
					_, err = r.Info(t.Context(), "dev/a")
					require.NoError(t, err, "what was verified has not expired")
				}
				require.NoError(t, r.ForgetVersionsUnsafe(t.Context()))
				require.NoError(t, r.Refresh(t.Context()))
			})
		}
	}
}

// TestEqualTimestamp: another timestamp of the same version changes nothing.
func TestEqualTimestamp(t *testing.T) {
	m := makeRepository(t)
	r := m.reader(nil)
	require.NoError(t, r.Refresh(t.Context()))
	m.roles["targets"].Version, m.roles["targets"].Targets["new"] = 2, m.roles["targets"].Targets["top"]
	m.publish()
	m.timestamp.Version--
	m.putTimestamp()
	require.NoError(t, r.Refresh(t.Context()))
	_, err := r.Info(t.Context(), "new")
	require.ErrorIs(t, err, repository.ErrNotFound)
	_, err = r.Info(t.Context(), "top")
	require.NoError(t, err)
}

// TestFastForward: after a rotation of the online key the versions may begin
// anew (section 5.3.11).
func TestFastForward(t *testing.T) {
	for _, kept := range []string{"in memory", "in the cache"} {
		t.Run(kept, func(t *testing.T) {
			m := makeRepository(t)
			m.timestamp.Version, m.snapshot.Version = 1<<40, 1<<40
			m.roles["targets"].Version = 1 << 40
			m.publish()
			cache := withCache(t.TempDir())
			r := m.reader(cache)
			require.NoError(t, r.Refresh(t.Context()))

			m.rotateOnline()
			m.timestamp.Version, m.snapshot.Version, m.roles["targets"].Version = 4, 4, 4
			if kept == "in the cache" {
				r = m.reader(cache)
			}
			m.files["timestamp.json"] = nil // nobody has published yet
			require.Error(t, r.Refresh(t.Context()))
			_, err := r.Info(t.Context(), "top")
			require.Error(t, err, "what the old key signed is not answered from")
			m.publish()
			require.NoError(t, r.Refresh(t.Context()))
			_, err = m.reader(cache).Info(t.Context(), "top")
			require.NoError(t, err)
		})
	}
}

// TestMoreSignatures: a root that asks for more of them makes void what has
// fewer.
func TestMoreSignatures(t *testing.T) {
	for _, kept := range []string{"in memory", "in the cache"} {
		t.Run(kept, func(t *testing.T) {
			m := makeRepository(t)
			cache := withCache(t.TempDir())
			r := m.reader(cache)
			require.NoError(t, r.Refresh(t.Context()))
			second := tuftest.Key(t, "second")
			m.nextRoot(func(root *metadata.Root) {
				root.Keys[second.Public().ID()] = second.Public().Key()
				role := root.Roles[rstuf.RoleSnapshot]
				role.KeyIDs, role.Threshold = append(role.KeyIDs, second.Public().ID()), 2
				root.Roles[rstuf.RoleSnapshot] = role
			})
			if kept == "in the cache" {
				r = m.reader(cache)
			}
			require.ErrorIs(t, r.Refresh(t.Context()), repository.ErrThreshold)
			m.put("1.snapshot.json", m.signed(m.snapshot, m.online, second))
			require.NoError(t, r.Refresh(t.Context()))
		})
	}
}

// TestExpiry is judged when something is used.
func TestExpiry(t *testing.T) {
	for role, expires := range map[string]func(m *made) time.Time{
		"timestamp": func(m *made) time.Time { return m.timestamp.Expires },
		"snapshot":  func(m *made) time.Time { return m.snapshot.Expires },
		"targets":   func(m *made) time.Time { return m.roles["targets"].Expires },
		"root":      func(m *made) time.Time { return m.root.Expires },
		"role dev":  func(m *made) time.Time { return m.roles["dev"].Expires },
	} {
		t.Run(role, func(t *testing.T) {
			m := makeRepository(t)
			long := m.now.AddDate(5, 0, 0)
			m.delegate("targets", rstuf.DelegatedRole{Name: "dev", Paths: []string{"dev/*"}}, tuftest.Key(t, "dev"), "dev/a")
			m.timestamp.Expires, m.snapshot.Expires, m.roles["targets"].Expires, m.roles["dev"].Expires = long, long, long, long
			m.root.Expires = long
			soon := m.now.AddDate(0, 1, 0)
			switch role {
			case "timestamp":
				m.timestamp.Expires = soon
			case "snapshot":
				m.snapshot.Expires = soon
			case "targets":
				m.roles["targets"].Expires = soon
			case "role dev":
				m.roles["dev"].Expires = soon
			case "root":
				m.root.Expires = soon
			}
			m.putRoot(m.alice)
			m.publish()
			cache := withCache(t.TempDir())
			r := m.reader(cache)
			_, err := r.Info(t.Context(), "dev/a")
			require.NoError(t, err)

			m.now = expires(m).Truncate(time.Second)
			_, err = r.Info(t.Context(), "dev/a")
			require.ErrorIs(t, err, repository.ErrExpired)
			assert.ErrorContains(t, err, role)
			assert.ErrorContains(t, err, m.now.UTC().Format(time.RFC3339))
			if role != "role dev" {
				require.ErrorIs(t, r.Refresh(t.Context()), repository.ErrExpired)
			}
			_, err = r.Info(t.Context(), "dev/a")
			require.ErrorIs(t, err, repository.ErrExpired, "also after a failed refresh")
			_, err = m.reader(cache).Info(t.Context(), "dev/a")
			require.ErrorIs(t, err, repository.ErrExpired)
			allowed := m.reader(func(cfg *repository.Config) { cfg.AllowExpiredUnsafe = true })
			_, err = allowed.Info(t.Context(), "dev/a")
			require.NoError(t, err)

			m.now = m.now.Add(-2 * time.Second)
			_, err = r.Info(t.Context(), "dev/a")
			require.NoError(t, err, "the clock decides")
		})
	}
}

// TestMaxAge refreshes by itself, and not more often than told.
func TestMaxAge(t *testing.T) {
	m := makeRepository(t)
	r := m.reader(func(cfg *repository.Config) { cfg.MaxAge = time.Hour })
	_, err := r.Info(t.Context(), "new")
	require.ErrorIs(t, err, repository.ErrNotFound)
	m.roles["targets"].Version, m.roles["targets"].Targets["new"] = 2, m.roles["targets"].Targets["top"]
	m.publish()
	m.now = m.now.Add(59 * time.Minute)
	_, err = r.Info(t.Context(), "new")
	require.ErrorIs(t, err, repository.ErrNotFound)
	m.now = m.now.Add(time.Minute)
	_, err = r.Info(t.Context(), "new")
	require.NoError(t, err)
}

// TestRefused are files that are not what they should be, each named.
func TestRefused(t *testing.T) {
	length := int64(5)
	other := tuftest.Key(t, "other")
	for name, test := range map[string]struct {
		change func(m *made)
		text   string
		want   error
	}{
		"no timestamp":            {func(m *made) { delete(m.files, "timestamp.json") }, "timestamp.json", repository.ErrUnpublished},
		"no snapshot":             {func(m *made) { delete(m.files, "2.snapshot.json") }, "2.snapshot.json", repository.ErrUnpublished},
		"forbidden targets":       {func(m *made) { m.files["1.targets.json"] = nil }, "1.targets.json: ", nil},
		"no root but a web page":  {func(m *made) { m.files["2.root.json"] = []byte("<html>") }, `2.root.json: not JSON: it begins with "<html>"`, nil},
		"not metadata":            {func(m *made) { m.files["2.snapshot.json"] = []byte("{}") }, "2.snapshot.json: ", nil},
		"of another type":         {func(m *made) { m.files["1.targets.json"] = m.files["2.snapshot.json"] }, "1.targets.json: ", nil},
		"signed by a stranger":    {func(m *made) { m.files["2.snapshot.json"] = m.signed(m.snapshot, other) }, "2.snapshot.json: ", repository.ErrThreshold},
		"timestamp of a stranger": {func(m *made) { m.files["timestamp.json"] = m.signed(m.timestamp, other) }, "timestamp.json: ", repository.ErrThreshold},
		"a byte changed": {func(m *made) {
			m.files["1.targets.json"] = []byte(strings.Replace(string(m.files["1.targets.json"]), "top", "tap", 1))
		}, "1.targets.json: ", repository.ErrThreshold},
		"another version":          {func(m *made) { m.files["2.snapshot.json"] = m.files["1.snapshot.json"] }, "2.snapshot.json: it has version 1, not 2", nil},
		"no root but an older one": {func(m *made) { m.files["2.root.json"] = m.files["1.root.json"] }, "2.root.json: root version 1 does not follow version 1", nil},
		"root of a stranger": {func(m *made) {
			next := m.root.Next()
			require.NoError(m.t, next.AddKey(other.Public()))
			m.files["2.root.json"] = m.signed(next, other)
		}, "2.root.json: ", repository.ErrThreshold},
		"too long": {func(m *made) {
			m.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: 2, Length: &length}
			m.timestamp.Version++
			m.putTimestamp()
		}, "2.snapshot.json: too large", nil},
		"another hash": {func(m *made) {
			m.snapshot.Meta["targets.json"] = metadata.MetaFile{Version: 1, Hashes: map[string]string{"sha256": strings.Repeat("0", 64), "new": "x"}}
			m.publish()
		}, "1.targets.json: ", repository.ErrMismatch},
		"no hash that is known": {func(m *made) {
			m.snapshot.Meta["targets.json"] = metadata.MetaFile{Version: 1, Hashes: map[string]string{"new": "x"}}
			m.publish()
		}, "no hash that can be checked", nil},
		"targets that nothing names": {func(m *made) { delete(m.snapshot.Meta, "targets.json"); m.putSnapshot() }, "targets", nil},
		"huge":                       {func(m *made) { m.files["timestamp.json"] = []byte("{" + strings.Repeat(" ", 1<<20)) }, "timestamp.json: too large", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := makeRepository(t)
			m.publish()
			test.change(m)
			_, err := m.reader(nil).Info(t.Context(), "top")
			require.ErrorContains(t, err, test.text)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			assert.NotErrorIs(t, err, repository.ErrNotFound, "that is for artifacts")
		})
	}
}

// TestRootsAreFollowed one by one, and kept.
func TestRootsAreFollowed(t *testing.T) {
	m := makeRepository(t)
	bob := tuftest.Key(t, "bob")
	m.nextRoot(func(r *metadata.Root) { require.NoError(t, r.AddKey(bob.Public())); r.Expires = m.now.Add(-time.Hour) })
	m.nextRoot(func(r *metadata.Root) {
		require.NoError(t, r.RemoveKey(m.alice.Public().ID()))
		r.Expires = m.now.AddDate(1, 0, 0)
	}, bob)
	m.alice = bob
	m.files["4.root.json"] = nil // as some object stores answer for what they do not have
	cache := withCache(t.TempDir())
	r := m.reader(cache)
	roots, err := r.Roots(t.Context())
	require.NoError(t, err)
	require.Len(t, roots, 3)
	require.NoError(t, r.Refresh(t.Context()), "only the last one's time matters")
	m.requests()
	require.NoError(t, m.reader(cache).Refresh(t.Context()))
	assert.Equal(t, []string{"4.root.json", "timestamp.json"}, m.requests(), "the cache has the rest")

	m.root.Version = 4
	m.putRoot(bob)
	limited := m.reader(func(cfg *repository.Config) { cfg.MaxRoots = 2 })
	require.ErrorIs(t, limited.Refresh(t.Context()), repository.ErrLimit)
	require.NoError(t, limited.Refresh(t.Context()), "the next time it goes on from there")
}

// TestPlainNames: without consistent snapshots the names have no version.
func TestPlainNames(t *testing.T) {
	m := makeRepository(t)
	m.files = map[string][]byte{}
	m.root.ConsistentSnapshot = false
	m.putRoot(m.alice)
	m.publish()
	require.Contains(t, m.files, "snapshot.json")
	_, err := m.reader(nil).Info(t.Context(), "top")
	require.NoError(t, err)
}

// TestCarried: a folder of this machine in place of a server.
func TestCarried(t *testing.T) {
	m := makeRepository(t)
	m.delegate("targets", rstuf.DelegatedRole{Name: "a/b ü", Paths: []string{"dev/*"}}, tuftest.Key(t, "dev"), "dev/a")
	m.publish()
	_, err := m.reader(nil).Info(t.Context(), "dev/a")
	require.NoError(t, err)
	folder := m.carried()
	_, err = m.reader(func(cfg *repository.Config) { cfg.MetadataURL = folder }).Info(t.Context(), "dev/a")
	require.NoError(t, err)
}

// TestUnknownKeys count as no signature, and the others suffice.
func TestUnknownKeys(t *testing.T) {
	m := makeRepository(t)
	strange := rstuf.Key{KeyType: "quantum", Scheme: "quantum", Value: map[string]string{"public": "abc"}}
	role := m.root.Roles[rstuf.RoleRoot]
	m.nextRoot(func(r *metadata.Root) {
		r.Keys["strange"] = strange
		role.KeyIDs = append(role.KeyIDs, "strange")
		r.Roles[rstuf.RoleRoot] = role
	})
	require.NoError(t, m.reader(nil).Refresh(t.Context()))
	role.Threshold = 2
	m.nextRoot(func(r *metadata.Root) { r.Roles[rstuf.RoleRoot] = role })
	require.ErrorIs(t, m.reader(nil).Refresh(t.Context()), repository.ErrThreshold)
}

// TestSearch is the order of the specification.
func TestSearch(t *testing.T) {
	m := makeRepository(t)
	roleKeys := map[string]*keys.Private{}
	for _, d := range []struct {
		by, name, patterns string
		terminating        bool
		paths              []string
	}{
		{"targets", "a", "* deep/*", false, []string{"in a and b"}},
		{"targets", "b", "* deep/*", true, []string{"in a and b", "b", "deep/hidden by a2"}},
		{"targets", "c", "*", false, []string{"hidden by b"}},
		{"a", "a1", "* deep/*", false, []string{"a1", "in a1 and b", "top"}},
		{"a1", "a", "*", false, nil}, // a cycle
		{"a1", "a2", "deep/*", true, []string{"deep/a2"}},
		{"b", "b1", "under/*", false, []string{"deep/b1", "under/b1"}},
	} {
		if roleKeys[d.name] == nil {
			roleKeys[d.name] = tuftest.Key(t, d.name)
		}
		m.delegate(d.by, rstuf.DelegatedRole{Name: d.name, Paths: strings.Fields(d.patterns), Terminating: d.terminating}, roleKeys[d.name], d.paths...)
	}
	m.publish()
	found := map[string]string{}
	for artifact, err := range m.reader(nil).Artifacts(t.Context()) {
		require.NoError(t, err)
		require.Empty(t, found[artifact.Path], "%s comes twice", artifact.Path)
		found[artifact.Path] = artifact.Role
	}
	want := map[string]string{"top": "targets", "in a and b": "a", "a1": "a1", "b": "b", "in a1 and b": "a1", "deep/a2": "a2"}
	assert.Equal(t, want, found)
	r := m.reader(nil)
	for path, role := range want {
		artifact, err := r.Find(t.Context(), path)
		require.NoError(t, err, path)
		assert.Equal(t, role, artifact.Role, path)
	}
	for _, path := range []string{"hidden by b", "nothing", "deep/b1", "under/b1", "deep/hidden by a2"} {
		_, err := r.Find(t.Context(), path)
		require.ErrorIs(t, err, repository.ErrNotFound, path)
	}
	_, err := m.reader(func(cfg *repository.Config) { cfg.MaxRoles = 2 }).Find(t.Context(), "b")
	require.ErrorIs(t, err, repository.ErrLimit)

	var names []string
	for role, err := range r.Roles(t.Context()) {
		require.NoError(t, err)
		require.NoError(t, role.Err)
		names = append(names, role.By+">"+role.Name)
	}
	assert.Equal(t, []string{"root>root", "root>timestamp", "root>snapshot", "root>targets", "targets>a", "a>a1", "a1>a", "a1>a2", "targets>b", "b>b1", "targets>c"}, names)
	role, err := r.Role(t.Context(), "a2")
	require.NoError(t, err)
	assert.Equal(t, "a1", role.By)
	_, err = r.Role(t.Context(), "ghost")
	require.Error(t, err)
}

// TestHashPrefixes of delegations are hex.
func TestHashPrefixes(t *testing.T) {
	m := makeRepository(t)
	m.delegate("targets", rstuf.DelegatedRole{Name: "dev", PathHashPrefixes: []string{hexDigest("x/y")[:4]}}, tuftest.Key(t, "dev"), "x/y", "x/z")
	m.publish()
	r := m.reader(nil)
	_, err := r.Info(t.Context(), "x/y")
	require.NoError(t, err)
	_, err = r.Info(t.Context(), "x/z")
	require.ErrorIs(t, err, repository.ErrNotFound)
}

// TestNotSigned: a role that waits for its first signatures is no proof that an
// artifact is not there.
func TestNotSigned(t *testing.T) {
	m := makeRepository(t)
	m.delegate("targets", rstuf.DelegatedRole{Name: "dev", Paths: []string{"dev/*"}}, tuftest.Key(t, "dev"), "dev/a")
	delete(m.roles, "dev")
	m.roles["targets"].Version++
	m.publish()
	r := m.reader(nil)
	_, err := r.Info(t.Context(), "dev/a")
	require.ErrorIs(t, err, repository.ErrNotSigned)
	assert.NotErrorIs(t, err, repository.ErrNotFound)
	_, err = r.Info(t.Context(), "other")
	require.ErrorIs(t, err, repository.ErrNotFound)
	waits := 0
	for artifact, err := range r.Artifacts(t.Context()) {
		if errors.Is(err, repository.ErrNotSigned) {
			assert.Equal(t, "dev", artifact.Role)
			waits++
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, "top", artifact.Path)
	}
	assert.Equal(t, 1, waits)
}

// TestRoleOfTwoDelegators is verified by the keys that each of them names, also
// where it was read before.
func TestRoleOfTwoDelegators(t *testing.T) {
	m := makeRepository(t)
	right, wrong := tuftest.Key(t, "right"), tuftest.Key(t, "wrong")
	m.delegate("targets", rstuf.DelegatedRole{Name: "a", Paths: []string{"a/*"}}, tuftest.Key(t, "a"))
	m.delegate("targets", rstuf.DelegatedRole{Name: "b", Paths: []string{"b/*"}}, tuftest.Key(t, "b"))
	m.delegate("a", rstuf.DelegatedRole{Name: "shared", Paths: []string{"*/*"}}, right, "a/x", "b/x")
	m.delegate("b", rstuf.DelegatedRole{Name: "shared", Paths: []string{"*/*"}}, wrong)
	m.signers["shared"] = []*keys.Private{right}
	m.publish()
	r := m.reader(withCache(t.TempDir()))
	_, err := r.Info(t.Context(), "a/x")
	require.NoError(t, err)
	_, err = r.Info(t.Context(), "b/x")
	require.ErrorIs(t, err, repository.ErrThreshold)
}

// TestCacheIsUsed: nothing is fetched twice, and a role that changed is.
func TestCacheIsUsed(t *testing.T) {
	m := makeRepository(t)
	dev := tuftest.Key(t, "dev")
	m.delegate("targets", rstuf.DelegatedRole{Name: "dev", Paths: []string{"dev/*"}}, dev, "dev/a")
	m.publish()
	cache := withCache(t.TempDir())
	_, err := m.reader(cache).Info(t.Context(), "dev/a")
	require.NoError(t, err)
	m.requests()
	_, err = m.reader(cache).Info(t.Context(), "dev/a")
	require.NoError(t, err)
	assert.Equal(t, []string{"2.root.json", "timestamp.json"}, m.requests())
	m.roles["dev"] = m.targets("dev/b")
	m.roles["dev"].Version = 2
	m.publish()
	r := m.reader(cache)
	_, err = r.Info(t.Context(), "dev/b")
	require.NoError(t, err)
	assert.Equal(t, []string{"2.root.json", "timestamp.json", "3.snapshot.json", "2.dev.json"}, m.requests())
	_, err = r.Info(t.Context(), "dev/a")
	require.ErrorIs(t, err, repository.ErrNotFound)
	assert.Empty(t, m.requests())
}

// TestMemoryIsUsed: without a cache, a refresh fetches what has changed.
func TestMemoryIsUsed(t *testing.T) {
	m := makeRepository(t)
	m.delegate("targets", rstuf.DelegatedRole{Name: "dev", Paths: []string{"dev/*"}}, tuftest.Key(t, "dev"), "dev/a")
	m.delegate("targets", rstuf.DelegatedRole{Name: "ops", Paths: []string{"ops/*"}}, tuftest.Key(t, "ops"), "ops/a")
	m.publish()
	r := m.reader(nil)
	look := func() {
		for _, path := range []string{"dev/a", "ops/a", "top"} {
			_, err := r.Info(t.Context(), path)
			require.NoError(t, err)
		}
	}
	look()
	m.requests()
	m.roles["dev"].Version = 2
	m.publish()
	require.NoError(t, r.Refresh(t.Context()))
	look()
	look()
	assert.Equal(t, []string{"2.root.json", "timestamp.json", "3.snapshot.json", "2.dev.json"}, m.requests())
}

// TestCacheOfSeveral: a process that is late with an older timestamp does not
// take the newer one of another away.
func TestCacheOfSeveral(t *testing.T) {
	m := makeRepository(t)
	old := m.files["timestamp.json"]
	cache := withCache(t.TempDir())
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/timestamp.json" && old != nil {
			data := old
			old = nil
			close(arrived)
			<-release
			w.Write(data)
			return
		}
		m.ServeHTTP(w, r)
	}))
	defer slow.Close()
	m.url = slow.URL
	late := make(chan error)
	first := m.reader(cache)
	go func() { late <- first.Refresh(t.Context()) }()
	<-arrived
	m.publish()
	require.NoError(t, m.reader(cache).Refresh(t.Context()))
	newest := m.timestamp.Version
	close(release)
	require.NoError(t, <-late)
	m.timestamp.Version = newest - 1
	m.putTimestamp()
	require.ErrorIs(t, m.reader(cache).Refresh(t.Context()), repository.ErrRollback)
	require.ErrorIs(t, first.Refresh(t.Context()), repository.ErrRollback, "it learns of it from the cache")
}
