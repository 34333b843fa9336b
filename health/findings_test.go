package health_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/health"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// A findingTest is what is done to a world so that one finding more is made.
type findingTest struct {
	before  func(*world) // it is published
	after   func(*world)
	role    string
	text    string // in the finding
	more    []string
	notSeen string
}

func waits(role string, body metadata.Body) func(*world) {
	return func(w *world) {
		doc := tuftest.Document(w.t, body, w.people[0])
		w.api["/metadata/sign"] = answer(rstuf.PendingMetadata{
			Roles:          map[string]json.RawMessage{role: doc.Bytes()},
			TrustedTargets: tuftest.Document(w.t, w.top, w.online).Bytes(),
		})
	}
}

func state(s rstuf.BootstrapState) func(*world) {
	return func(w *world) { w.api["/bootstrap/"] = answer(s) }
}

func later() *metadata.Targets {
	next := content("dev/a", "dev/b")
	next.Version, next.Expires = 2, testNow.AddDate(0, 0, 88)
	return next
}

var findingTests = map[string]findingTest{
	"api.unread": {
		before: func(w *world) { w.api["/config/"] = 403 }, text: "status 403", notSeen: "the settings",
	},
	"artifacts.hashes": {
		before: func(w *world) {
			w.on.Targets["on/b"] = artifact(map[string]string{"blake2b-256": strings.Repeat("ab", 32)})
		},
		text: "1 of them have neither sha256 nor sha512: go-tuf, tuf-js, tough can't verify them, such as on/b of on",
	},
	"artifacts.hidden": {
		before: func(w *world) { w.on.Targets["on/.b"] = w.on.Targets["on/a"] }, text: "on/.b",
	},
	"bootstrap.none":    {before: state(rstuf.BootstrapState{}), text: "no repository yet"},
	"bootstrap.running": {before: state(rstuf.BootstrapState{State: wire.BootstrapPre}), text: "under way"},
	"bootstrap.signing": {before: state(rstuf.BootstrapState{State: wire.BootstrapSigning}), text: "waits for root signatures"},
	"client.reads": {
		before: func(w *world) {
			for i := range w.people {
				key, err := keys.Generate(keys.ECDSAP384, w.people[i].Public().Name())
				require.NoError(w.t, err)
				require.NoError(w.t, w.root.AddKey(key.Public()))
				require.NoError(w.t, w.root.RemoveKey(w.people[i].Public().ID()))
				w.people[i] = key
			}
			w.top.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{}}
			w.delegate("dev", 2, w.people...)
			w.delegate("on", 1, w.online)
		},
		text: "tuf-js can't read it: root: key", more: []string{"key.clients", "key.clients", "key.clients"},
	},
	"key.clients": {
		before: func(w *world) {
			key, err := keys.Generate(keys.ECDSAP384, "dan")
			require.NoError(w.t, err)
			require.NoError(w.t, w.root.AddKey(key.Public()))
		},
		text: "a ecdsa-sha2-nistp384 key does not work with tuf-js",
	},
	"key.unusable": {
		before: func(w *world) {
			w.top.Delegations.Keys["odd"] = rstuf.Key{KeyType: "ed25519", Scheme: "ed25519", Value: map[string]string{"public": "12"}}
			w.role("dev").KeyIDs = append(w.role("dev").KeyIDs, "odd")
		},
		text: "64 hex digits",
	},
	"metadata.skipped": {after: func(w *world) { w.cfg.Reader = nil }, text: "no metadata URL is known", notSeen: "timestamp"},
	"metadata.unread": {
		after: func(w *world) { delete(w.files, "1.targets.json") }, text: "1.targets.json", notSeen: "targets and all delegated roles",
	},
	"pending.expired": {
		before: func(w *world) {
			next := later()
			next.Expires = testNow.AddDate(0, 0, -1)
			waits("dev", next)(w)
		},
		role: "dev", text: "has expired", more: []string{"pending.waits dev"},
	},
	"pending.unusable": {
		before: func(w *world) {
			w.api["/metadata/sign"] = answer(rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"dev": json.RawMessage(`{}`)}})
		},
		text: "dev",
	},
	"pending.waits": {before: waits("dev", later()), role: "dev", text: "version 2 waits for signatures, for about 2 days: incomplete: 1 of 2"},
	"role.expired":  {before: func(w *world) { w.dev.Expires = testNow.Add(-3 * time.Hour) }, role: "dev", text: "expired 3 hours ago"},
	"role.forgotten": {
		before: func(w *world) { w.timestamp.Expires = testNow.Add(10 * time.Minute) }, role: "timestamp", text: "in 10 minutes",
	},
	"role.large": {
		before: func(w *world) {
			w.cfg.Policy.FileShare = 0.0005 // 2,500 bytes of targets
			w.timestamp.Meta["snapshot.json"] = metadata.MetaFile{}
			for _, path := range strings.Split(strings.Repeat("on/abcdefghijkl ", 40), " ") {
				w.on.Targets[path+string(rune('a'+len(w.on.Targets)%26))+strings.Repeat("x", len(w.on.Targets)+1)] = w.on.Targets["on/a"]
			}
		},
		role: "on", text: "clients take 5000000", more: []string{"role.large root", "role.large timestamp"},
	},
	"role.no-slack": {before: func(w *world) { w.role("dev").Threshold = 3 }, role: "dev", text: "every one of its 3 keys"},
	"role.pattern":  {before: func(w *world) { w.role("dev").Paths = []string{"dev/[^a]*"} }, role: "dev", text: `"dev/[^a]*"`},
	"role.removed": {
		before: func(w *world) {
			w.snapshot.Meta["gone.json"] = metadata.MetaFile{Version: 1}
			w.put("snapshot", 1, w.snapshot, w.online)
			delete(w.snapshot.Meta, "gone.json")
			w.snapshot.Version = 2
		},
		role: "gone", text: "snapshot version 1",
	},
	"role.signatures": {
		after: func(w *world) {
			w.cfg.Reader = nil
			w.settings.TrustedRoot = tuftest.Document(w.t, w.root, w.people[0]).Bytes()
		},
		role: "root", text: "1 of 2", more: []string{"metadata.skipped"}, notSeen: "timestamp",
	},
	"role.single-key": {before: func(w *world) { w.role("dev").Threshold = 1 }, role: "dev", text: "a single key"},
	"role.soon":       {before: func(w *world) { w.dev.Expires = testNow.AddDate(0, 0, 20) }, role: "dev", text: "in 20 days"},
	"role.unread":     {after: func(w *world) { delete(w.files, "1.dev.json") }, role: "dev", text: "1.dev.json", notSeen: "role dev"},
	"role.unsigned":   {before: func(w *world) { delete(w.snapshot.Meta, "dev.json") }, role: "dev", text: "not published yet"},
	"root.differs": {
		after: func(w *world) {
			next := w.root.Next()
			w.settings.TrustedRoot = tuftest.Document(w.t, next, w.people...).Bytes()
		},
		role: "root", text: "the API has version 2 and the metadata server version 1",
	},
	"root.rules": {
		before: func(w *world) { w.root.Extra = map[string]json.RawMessage{"odd": json.RawMessage("1")} }, role: "root", text: "odd",
	},
	"root.unpinned": {before: func(w *world) { w.cfg.Unpinned = true }, role: "root", text: "not compared"},
	"snapshots.unread": {
		before: func(w *world) {
			w.files["1.snapshot.json"] = []byte("{}")
			w.snapshot.Version = 2
		},
		role: "snapshot", text: "1.snapshot.json", notSeen: "the snapshots before",
	},
}

// TestNothingIsWrong: a world in which all is well has no findings, and all of
// it is seen.
func TestNothingIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.examine()
	assert.Empty(t, r.Findings)
	assert.Empty(t, r.NotSeen)
	var names []string
	for _, role := range r.Roles {
		names = append(names, role.Name)
		assert.True(t, role.Verified, role.Name)
		assert.Equal(t, health.FromMetadata, role.From)
		assert.Positive(t, role.Bytes)
	}
	assert.Equal(t, []string{"root", "timestamp", "snapshot", "targets", "dev", "on"}, names)
	dev := r.Roles[4]
	assert.Equal(t, []int{2, 3, 1}, []int{dev.Threshold, dev.Keys, dev.Slack})
	assert.Equal(t, health.Seconds(90*24*60*60), dev.Life)
	assert.Greater(t, dev.Share, 0.99)
	assert.False(t, dev.Online)
	assert.True(t, r.Roles[5].Online)
	assert.Equal(t, 2, r.Artifacts)
	assert.Equal(t, int64(20), r.ArtifactBytes)
	require.Len(t, r.Keys, 4)
	assert.Equal(t, []string{"root", "dev"}, r.Keys[0].Roles)
	assert.Equal(t, []string{"timestamp", "snapshot", "targets", "on"}, r.Keys[3].Roles)
	assert.Equal(t, wire.BootstrapFinished, r.Bootstrap)
	assert.NotEmpty(t, r.API)
	assert.NotEmpty(t, r.Metadata)
}

// TestFindings: each code is found, where its cause is and nowhere else.
func TestFindings(t *testing.T) {
	t.Parallel()
	for _, info := range health.Codes() {
		test, ok := findingTests[info.Code]
		if !assert.True(t, ok, "no test of the code %s", info.Code) {
			continue
		}
		t.Run(info.Code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if test.before != nil {
				test.before(w)
			}
			w.publish()
			if test.after != nil {
				test.after(w)
			}
			r := w.examine()
			want := append(slices.Clone(test.more), strings.TrimSuffix(info.Code+" "+test.role, " "))
			assert.ElementsMatch(t, want, codesOf(r))
			for _, f := range r.Findings {
				if f.Code == info.Code && f.Role == test.role {
					assert.Contains(t, f.Text, test.text)
					assert.Equal(t, info.Severity, f.Severity)
					assert.Equal(t, info.Do, f.Do)
				}
			}
			if test.notSeen == "" {
				assert.Empty(t, r.NotSeen)
			} else if assert.NotEmpty(t, r.NotSeen) {
				assert.Contains(t, r.NotSeen[0].What, test.notSeen)
				assert.NotEmpty(t, r.NotSeen[0].Why)
			}
		})
	}
}

// TestDocumentation: docs/health.md has every code with its severity.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/health.md")
	require.NoError(t, err)
	_, codes, _ := strings.Cut(string(page), "## What is found\n")
	for _, info := range health.Codes() {
		assert.Contains(t, string(page), "| `"+info.Code+"` | "+string(info.Severity)+" | ")
	}
	assert.Equal(t, len(health.Codes()), strings.Count(codes, "\n| `"))
}
