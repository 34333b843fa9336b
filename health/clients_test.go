package health_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/health"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

const (
	all     = health.ReadsAll
	part    = health.ReadsPart
	nothing = health.ReadsNothing
)

// withoutNames makes a world as tough reads it: keys without names, and no fields
// of RSTUF's own.
func withoutNames(w *world) {
	var public []keys.Public
	for i := range w.people {
		w.people[i] = tuftest.Key(w.t, "")
		public = append(public, w.people[i].Public())
	}
	w.online, w.rootKeys = tuftest.Key(w.t, ""), w.people[:2]
	var err error
	w.root, err = metadata.NewRoot(public, 2, w.online.Public(), w.root.Expires)
	require.NoError(w.t, err)
	w.top.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{}}
	w.delegate("dev", 2, w.people...)
	w.delegate("on", 1, w.online)
	w.role("dev").ExpirePolicy, w.role("on").ExpirePolicy = 0, 0
}

// TestClients: who reads what. The facts are those of docs/clients.md; tough
// 0.24.0 was run on such repositories.
func TestClients(t *testing.T) {
	t.Parallel()
	hashes := func(list ...string) func(*world) {
		return func(w *world) {
			file := artifact(map[string]string{})
			for _, name := range list {
				file.Hashes[name] = strings.Repeat("ab", 32)
			}
			w.on.Targets["on/b"] = file
		}
	}
	length := func(n int64) func(*world) {
		return func(w *world) {
			file := w.on.Targets["on/a"]
			file.Length = n
			w.on.Targets["on/a"] = file
		}
	}
	rootKey := func(k rstuf.Key) func(*world) {
		return func(w *world) {
			id, err := keys.KeyID(k)
			require.NoError(w.t, err)
			w.root.Keys[id] = k
			role := w.root.Roles["root"]
			role.KeyIDs = append(role.KeyIDs, id)
			w.root.Roles["root"] = role
		}
	}
	for _, c := range []struct {
		name   string
		change func(*world)
		want   [4]health.Reads // python-tuf, go-tuf, tuf-js, tough
	}{
		{"plain", func(*world) {}, [4]health.Reads{all, all, all, all}},
		{"a life", func(w *world) { w.role("on").ExpirePolicy = 1 }, [4]health.Reads{all, all, all, nothing}},
		{"a named key", func(w *world) {
			id := w.online.Public().ID()
			w.root.Keys[id] = w.online.Public().WithName("online").Key()
		}, [4]health.Reads{all, all, all, nothing}},
		{"a P-384 key beside others", func(w *world) {
			key, err := keys.Generate(keys.ECDSAP384, "")
			require.NoError(w.t, err)
			rootKey(key.Public().Key())(w)
		}, [4]health.Reads{all, all, all, nothing}},
		{"a P-384 key that is needed", func(w *world) {
			key, err := keys.Generate(keys.ECDSAP384, "")
			require.NoError(w.t, err)
			rootKey(key.Public().Key())(w)
			w.rootKeys = []*keys.Private{w.people[0], key}
		}, [4]health.Reads{all, all, nothing, nothing}},
		{"a Sigstore key beside others", rootKey(keys.Sigstore("me@example.com", "https://example.com", "").Key()), [4]health.Reads{part, nothing, all, nothing}},
		{"an ML-DSA key beside others", func(w *world) {
			key, err := keys.Generate(keys.MLDSA65, "")
			require.NoError(w.t, err)
			rootKey(key.Public().Key())(w)
		}, [4]health.Reads{part, nothing, all, nothing}},
		{"an unknown key beside others", rootKey(rstuf.Key{KeyType: "x", Scheme: "y", Value: map[string]string{"public": "x"}}), [4]health.Reads{nothing, nothing, all, nothing}},
		{"hash bins", func(w *world) {
			bins, err := metadata.NewHashBins(2)
			require.NoError(w.t, err)
			id := w.online.Public().ID()
			w.top.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{id: w.online.Public().Key()}, Succinct: bins.SuccinctRoles(id)}
			for name := range bins.Names() {
				w.put(name, 1, content(), w.online)
				w.snapshot.Meta[name+".json"] = metadata.MetaFile{Version: 1}
			}
		}, [4]health.Reads{all, all, all, nothing}},
		{"path hash prefixes", func(w *world) {
			w.role("on").Paths, w.role("on").PathHashPrefixes = nil, []string{"ab"}
		}, [4]health.Reads{all, part, all, all}},
		{"a pattern that is read differently", func(w *world) { w.role("on").Paths = []string{"on/[^b]*"} }, [4]health.Reads{part, part, part, all}},
		{"2,048 hash bins", func(w *world) {
			bins, err := metadata.NewHashBins(2048)
			require.NoError(w.t, err)
			id := w.online.Public().ID()
			w.top.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{id: w.online.Public().Key()}, Succinct: bins.SuccinctRoles(id)}
			w.cfg.SkipDelegated = true
		}, [4]health.Reads{all, all, part, nothing}},
		{"a role that waits", func(w *world) { delete(w.snapshot.Meta, "dev.json") }, [4]health.Reads{part, part, part, part}},
		{"sha512", hashes("sha512"), [4]health.Reads{all, all, all, nothing}},
		{"sha256 and sha512", hashes("sha256", "sha512"), [4]health.Reads{all, all, all, all}},
		{"sha384 and sha256", hashes("sha384", "sha256"), [4]health.Reads{all, part, all, all}},
		{"blake2b-256", hashes("blake2b-256"), [4]health.Reads{all, part, part, nothing}},
		{"blake2b-256 and sha256", hashes("blake2b-256", "sha256"), [4]health.Reads{all, part, part, all}},
		{"md5 and sha256", hashes("md5", "sha256"), [4]health.Reads{all, part, all, all}},
		{"foo and sha256", hashes("foo", "sha256"), [4]health.Reads{part, part, part, all}},
		{"SHA256", hashes("SHA256"), [4]health.Reads{all, part, all, nothing}},
		{"an upper-case digest", func(w *world) {
			w.on.Targets["on/b"] = artifact(map[string]string{"sha256": strings.Repeat("AB", 32)})
		}, [4]health.Reads{all, part, all, nothing}},
		{"a length of 2^53+1", length(1<<53 + 1), [4]health.Reads{all, all, part, all}},
		{"a large role", func(w *world) {
			file := w.on.Targets["on/a"]
			file.Custom = json.RawMessage(`"` + strings.Repeat("x", 5_100_000) + `"`)
			w.on.Targets["on/a"] = file
		}, [4]health.Reads{part, part, part, all}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			withoutNames(w)
			c.change(w)
			r := w.examine()
			assert.Equal(t, w.cfg.SkipDelegated, len(r.NotSeen) > 0)
			require.Len(t, r.Clients, 4)
			for i, client := range r.Clients {
				assert.Equal(t, c.want[i], client.Reads, "%s: %v", client.Name, client.Reasons)
				assert.Equal(t, client.Reads == all, len(client.Reasons) == 0, client.Name)
			}
		})
	}
}

// TestIDOverAll: tough 0.24.0 has said that it computes this id for this key.
func TestIDOverAll(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(testdir.Find(t, testdir.Recordings), "hash-bins.repository", "1.root.json"))
	require.NoError(t, err)
	doc, err := metadata.Parse(data)
	require.NoError(t, err)
	root, err := doc.Root()
	require.NoError(t, err)
	key := root.Keys["49ebc84a7a4ed23af9299f95ad5a1e286e6f837759d5432f3760e63cbc81f4bf"]
	assert.Equal(t, "5d84a9a6d3be1706715780040c24db384518227b75e058e716c83f2c8c4f003d", health.IDOverAll(key))
}

// TestDescribeKey: a key alone.
func TestDescribeKey(t *testing.T) {
	t.Parallel()
	plain := tuftest.Key(t, "").Public()
	for name, c := range map[string]struct {
		key  keys.Public
		want [4]bool
	}{
		"plain":    {plain, [4]bool{true, true, true, true}},
		"named":    {plain.WithName("alice"), [4]bool{true, true, true, false}},
		"ML-DSA":   {mldsaKey(t), [4]bool{true, false, false, false}},
		"Sigstore": {keys.Sigstore("me@example.com", "https://example.com", "me"), [4]bool{true, false, false, false}},
	} {
		key := health.DescribeKey(c.key)
		assert.Equal(t, c.key.ID(), key.ID, name)
		for i, client := range key.Clients {
			assert.Equal(t, c.want[i], client.Works, "%s: %s", name, client.Name)
		}
	}
	assert.Equal(t, "me@example.com at https://example.com", health.DescribeKey(keys.Sigstore("me@example.com", "https://example.com", "")).Public)
}

func mldsaKey(t *testing.T) keys.Public {
	t.Helper()
	key, err := keys.Generate(keys.MLDSA44, "pq")
	require.NoError(t, err)
	return key.Public()
}

// TestReviewNamesTheClients: what a review says of ML-DSA and Sigstore keys before
// anybody signs is what is known of the clients here.
func TestReviewNamesTheClients(t *testing.T) {
	t.Parallel()
	for atLeast, key := range []keys.Public{keys.Sigstore("me@example.com", "https://example.com", "me"), mldsaKey(t)} {
		draft, err := ceremony.New(ceremony.Policy{
			RootKeys: []keys.Public{key, tuftest.Key(t, "b").Public()}, Threshold: 2, PostQuantum: atLeast, OnlineKey: tuftest.Key(t, "").Public(),
		})
		require.NoError(t, err)
		review := draft.Review(time.Now()).String()
		for _, c := range health.DescribeKey(key).Clients {
			if !c.Works || c.Note != "" {
				assert.Contains(t, review, c.Name)
			}
		}
	}
}
