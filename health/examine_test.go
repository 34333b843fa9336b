package health_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// examineFolder looks at a folder of metadata files, from its first root on.
func examineFolder(t *testing.T, dir string, now time.Time) *health.Report {
	t.Helper()
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	root, err := os.ReadFile(filepath.Join(dir, "1.root.json"))
	require.NoError(t, err)
	clock := func() time.Time { return now }
	reader, err := repository.New(repository.Config{MetadataURL: "file://" + filepath.ToSlash(dir), AllowExpiredUnsafe: true, Now: clock}, repository.TrustRoot(root))
	require.NoError(t, err)
	return health.Examine(t.Context(), health.Config{Reader: reader, Now: clock})
}

// TestRecordings: what a real deployment has published.
func TestRecordings(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		codes  []string
		roots  []int // changes of each
		binned int
		part   health.Reads // of python-tuf
	}{
		"hash-bins":           {codes: []string{"artifacts.hashes"}, roots: []int{0, 1, 1, 6}, binned: 3, part: health.ReadsAll},
		"custom-delegations":  {codes: []string{"role.no-slack root", "role.no-slack dev", "role.unsigned rel", "role.removed extra"}, roots: []int{0}, part: health.ReadsPart},
		"distributed-signing": {codes: []string{"role.no-slack root"}, roots: []int{0}, part: health.ReadsAll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := examineFolder(t, filepath.Join(testdir.Find(t, testdir.Recordings), name+".repository"), testNow)
			assert.ElementsMatch(t, want.codes, codesOf(r))
			assert.Empty(t, r.NotSeen)
			var changes []int
			for _, root := range r.Roots {
				changes = append(changes, len(root.Changes))
				assert.GreaterOrEqual(t, len(root.Signed), root.Threshold)
			}
			assert.Equal(t, want.roots, changes)
			if want.binned > 0 {
				require.NotNil(t, r.Bins)
				assert.Equal(t, []int{4, 4, 0, want.binned}, []int{r.Bins.Count, r.Bins.Seen, r.Bins.Expired, r.Bins.Artifacts})
			}
			assert.Equal(t, want.part, r.Clients[0].Reads, r.Clients[0])
			assert.Equal(t, "tough", r.Clients[3].Name)
			assert.Equal(t, health.ReadsNothing, r.Clients[3].Reads)
		})
	}
}

// TestRecordedEnd: long after, all of it has expired and is reported all the same.
func TestRecordedEnd(t *testing.T) {
	t.Parallel()
	r := examineFolder(t, filepath.Join(testdir.Find(t, testdir.Recordings), "hash-bins.repository"), testNow.AddDate(10, 0, 0))
	assert.ElementsMatch(t, []string{
		"role.expired root", "role.expired timestamp", "role.expired snapshot", "role.expired targets", "role.expired bins-0", "artifacts.hashes",
	}, codesOf(r))
	for _, f := range r.Findings {
		if f.Code == "role.expired" {
			assert.Equal(t, f.Role == "root", strings.Contains(f.Do, "have it signed"), "%s: people sign the root, the service all others: %s", f.Role, f.Do)
		}
	}
	assert.Equal(t, 4, r.Bins.Expired)
	assert.Contains(t, r.Findings[len(r.Findings)-2].Text, "so it is with 4 of the 4 hash bins")
	assert.Equal(t, 3, r.Artifacts)
}

// TestFirstGeneration: the key ids and names of that time are no alarm.
func TestFirstGeneration(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t, rstuftest.WithFirstGeneration(), rstuftest.WithRootKeys(2, keys.Ed25519, keys.ECDSAP256, keys.RSA2048))
	repo.Publish(t, "a", []byte("content"))
	repo.RotateOnlineKey(t)
	api, err := client.New(repo.APIURL, client.Config{HTTPClient: repo.HTTPClient()})
	require.NoError(t, err)
	r := health.Examine(t.Context(), health.Config{Reader: repo.Reader(t), API: api, Now: repo.Now})
	assert.Empty(t, r.Findings)
	assert.Empty(t, r.NotSeen)
	assert.Equal(t, []int{4, 4, 1}, []int{r.Bins.Count, r.Bins.Seen, r.Artifacts})
	for _, role := range r.Roles[1:] {
		assert.True(t, role.Online, role.Name)
	}
	require.Len(t, r.Keys, 4)
	assert.Equal(t, repo.RootKeys[0].Public().LegacyID(), r.Keys[0].ID, "the id that the repository calls it by")
	assert.Equal(t, repo.RootKeys[0].Public().Name(), r.Keys[0].Name)
	require.Len(t, r.Roots, 2)
	assert.NotEmpty(t, r.Roots[1].Changes)
	assert.Equal(t, health.ReadsAll, r.Clients[0].Reads)
}

// TestHashBins: thousands of them are one sum, and what is wrong with them one
// finding.
func TestHashBins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bins, err := metadata.NewHashBins(64)
	require.NoError(t, err)
	id := w.online.Public().ID()
	w.top.Delegations = &metadata.Delegations{Keys: map[string]rstuf.Key{id: w.online.Public().Key()}, Succinct: bins.SuccinctRoles(id)}
	w.settings.Expiration["bins"] = 100
	n := 0
	for name := range bins.Names() {
		bin := content("a")
		bin.Targets["a"] = artifact(map[string]string{"sha512": strings.Repeat("ab", 64)})
		if n++; n <= 3 {
			bin.Expires = testNow.Add(-time.Hour)
		}
		w.put(name, 1, bin, w.online)
		w.snapshot.Meta[name+".json"] = metadata.MetaFile{Version: 1}
	}
	w.publish()
	r := w.examine()
	assert.Equal(t, []string{"role.expired bins-00"}, codesOf(r))
	assert.Equal(t, "version 1 expired 1 hour ago; so it is with 3 of the 64 hash bins", r.Findings[0].Text)
	assert.Len(t, r.Roles, 4)
	assert.Zero(t, r.UnlistedRoles)
	assert.Equal(t, []int{64, 64, 3, 64}, []int{r.Bins.Count, r.Bins.Seen, r.Bins.Expired, r.Bins.Artifacts})
	assert.Equal(t, int64(640), r.Bins.ArtifactBytes)
	assert.Equal(t, "bins-00", r.Bins.First.Name)
	assert.Equal(t, health.Seconds(100*24*60*60), r.Bins.First.Life)
	assert.Equal(t, []string{"timestamp", "snapshot", "targets", "bins"}, r.Keys[3].Roles)
}

// TestPublished: the snapshots of the last day, where their life is known.
func TestPublished(t *testing.T) {
	t.Parallel()
	for _, days := range []int{2, 0} {
		w := newWorld(t)
		w.settings.Expiration["snapshot"] = days
		for version, hours := range []int{100, 30, 20, 10} { // ago
			w.snapshot.Version, w.snapshot.Expires = int64(version+1), testNow.Add(time.Duration(48-hours)*time.Hour)
			w.put("snapshot", w.snapshot.Version, w.snapshot, w.online)
		}
		want := []health.Publication{{Version: 4, At: testNow.Add(-10 * time.Hour)}, {Version: 3, At: testNow.Add(-20 * time.Hour)}}
		if days == 0 {
			want = []health.Publication{}
		}
		assert.Equal(t, want, w.examine().Published)
	}
}

// TestDownloads: what a new and a returning user read.
func TestDownloads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish()
	w.root = w.root.Next()
	second := int64(len(w.put("root", 2, w.root, w.people...).Bytes()))
	r := w.examine()
	size := func(names ...string) (sum int64) {
		for _, name := range names {
			sum += int64(len(w.files[name]))
		}
		return sum
	}
	assert.Equal(t, health.Downloads{
		New:       second + size("timestamp.json", "1.snapshot.json", "1.targets.json", "1.dev.json"),
		Returning: size("timestamp.json", "1.snapshot.json", "1.dev.json"),
		Unchanged: size("timestamp.json"),
	}, r.Downloads)
	assert.Contains(t, codesOf(r), "root.differs root")
	require.Len(t, r.Roots, 2)
	assert.Len(t, r.Roots[1].SignedBefore, 3)
}

// TestPolicy: what is alarming is data.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		left   time.Duration
		policy int // days of the role
		change func(*health.Config)
		want   bool
	}{
		{"a role of 30 days on its first one", 30*24*time.Hour - time.Minute, 30, nil, false},
		{"in the middle", 15 * 24 * time.Hour, 30, nil, false},
		{"in its last week", 7 * 24 * time.Hour, 30, nil, true},
		{"a role of a year with 40 days left", 40 * 24 * time.Hour, 365, nil, false},
		{"a role of a year with 29 days left", 29 * 24 * time.Hour, 365, nil, true},
		{"a life that is not known", 29 * 24 * time.Hour, 0, nil, true},
		{"days alone", 29 * 24 * time.Hour, 30, func(c *health.Config) { c.Policy.SoonShare = 1 }, true},
		{"never", time.Minute, 30, func(c *health.Config) { c.Policy.Soon = -1 }, false},
		{"another share", 15 * 24 * time.Hour, 30, func(c *health.Config) { c.Policy.SoonShare = 0.6 }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			delete(w.settings.Expiration, "dev")
			w.role("dev").ExpirePolicy = c.policy
			w.dev.Expires = testNow.Add(c.left)
			if c.change != nil {
				c.change(&w.cfg)
			}
			assert.Equal(t, c.want, w.examine().Has(health.Warning))
		})
	}
	w := newWorld(t)
	w.dev.Expires = testNow.AddDate(0, 0, 5)
	w.cfg.Policy.Severities = map[string]health.Severity{"role.soon": health.Error}
	assert.True(t, w.examine().Has(health.Error))
}

// TestRefused: without rights at the API the metadata is looked at all the same.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, status := range []any{401, 403, 404, 500, "<html>", `{"data": {"metadata": 5, "state": 7, "trusted_root": 1}}`, "", "null", `{"data": null}`} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, path := range []string{"/bootstrap/", "/config/", "/metadata/sign"} {
				w.api[path] = status
			}
			r := w.examine()
			assert.Len(t, r.Roles, 6)
			assert.True(t, r.Has(health.Error))
			for _, code := range codesOf(r) {
				assert.Contains(t, []string{"api.unread", "bootstrap.none"}, code)
			}
		})
	}
}

// TestHalf: whatever file is missing, the rest is reported.
func TestHalf(t *testing.T) {
	t.Parallel()
	for file, roles := range map[string]int{
		"1.root.json": 6, "timestamp.json": 1, "1.snapshot.json": 2, "1.targets.json": 3, "1.dev.json": 5,
	} {
		for _, content := range []string{"", "{}", "<html>"} {
			t.Run(file+content, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.publish()
				if w.files[file] = []byte(content); content == "" {
					delete(w.files, file)
				}
				r := w.examine()
				assert.Len(t, r.Roles, roles)
				assert.Equal(t, file != "1.root.json", r.Has(health.Error))
				assert.Equal(t, file == "1.root.json", len(r.NotSeen) == 0)
			})
		}
	}
}

// TestHangs: a deployment that answers nothing is given up in time, and so is
// one that answers until the roles.
func TestHangs(t *testing.T) {
	t.Parallel()
	for _, hangs := range []string{"/", "/1.dev.json", "/2.root.json", "/api/v1/metadata/sign"} {
		t.Run(hangs, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.publish()
			release := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, hangs) {
					select {
					case <-release:
					case <-r.Context().Done():
					}
					return
				}
				w.ServeHTTP(rw, r)
			}))
			defer server.Close()
			defer close(release)
			var err error
			w.cfg.Reader, err = repository.New(repository.Config{MetadataURL: server.URL, AllowExpiredUnsafe: true, Now: w.cfg.Now}, repository.TrustRoot(w.files["1.root.json"]))
			require.NoError(t, err)
			w.cfg.API, err = client.New(server.URL, client.Config{})
			require.NoError(t, err)
			w.cfg.Timeout = 300 * time.Millisecond
			start := time.Now()
			r := w.examine()
			assert.Less(t, time.Since(start), time.Minute)
			require.NotEmpty(t, r.NotSeen)
			assert.True(t, r.Has(health.Error))
			assert.Contains(t, r.NotSeen[len(r.NotSeen)-1].Why, "the time for the look, 300ms, is over")
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := newWorld(t)
	w.publish()
	assert.NotEmpty(t, health.Examine(ctx, w.cfg).NotSeen)
	assert.NotEmpty(t, health.Examine(t.Context(), health.Config{}).NotSeen, "nothing to look at")
}

// TestMany: the report is bounded, however many roles and findings there are.
func TestMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 1500
	for i := range n {
		name := fmt.Sprintf("role-%d", i)
		w.delegate(name, 1, w.online)
		w.role(name).Paths = []string{"!" + name}
	}
	r := w.examine()
	assert.Len(t, r.Findings, 2*51, "of unsigned roles and of patterns")
	assert.Equal(t, fmt.Sprintf("and %d more findings like these", n-50), r.Findings[len(r.Findings)-1].Text)
	for i := range n {
		w.snapshot.Meta[fmt.Sprintf("role-%d.json", i)] = metadata.MetaFile{Version: 1}
		w.put(fmt.Sprintf("role-%d", i), 1, w.on, w.online)
	}
	w.snapshot.Version, w.timestamp.Version = 2, 2
	w.put("snapshot", 2, w.snapshot, w.online)
	w.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: 2}
	w.put("timestamp", 2, w.timestamp, w.online)
	r = w.examine()
	assert.Len(t, r.Roles, 1000)
	assert.Equal(t, n+6-1000, r.UnlistedRoles)
}

// TestManyKeys: roots that are as large as a reader takes them take no time that
// grows with the square of their keys.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	more := func() {
		role := w.root.Roles["root"]
		for i := range 3000 {
			key := tuftest.Key(t, "").Public()
			if i >= 1500 { // keys that are none
				w.root.Keys[key.ID()] = rstuf.Key{KeyType: "ed25519", Scheme: "ed25519", Value: map[string]string{"public": "1"}}
			} else {
				w.root.Keys[key.ID()] = key.Key()
			}
			role.KeyIDs = append(role.KeyIDs, key.ID())
		}
		w.root.Roles["root"] = role
	}
	more()
	w.publish()
	first := w.root
	w.root = first.Next()
	w.root.Keys, w.root.Roles["root"] = map[string]rstuf.Key{}, metadata.RoleKeys{Threshold: 2}
	for _, person := range append(w.people, w.online) {
		w.root.Keys[person.Public().ID()] = person.Public().Key()
	}
	w.root.Roles["root"] = metadata.RoleKeys{Threshold: 2, KeyIDs: first.Roles["root"].KeyIDs[:3]}
	more()
	w.put("root", 2, w.root, w.people...)
	start := time.Now()
	r := w.examine()
	assert.Less(t, time.Since(start), 2*time.Minute)
	require.Len(t, r.Roots, 2)
	assert.Equal(t, []int{51, 1000}, []int{len(r.Roots[1].Changes), len(r.Keys)})
	assert.Positive(t, r.UnlistedKeys)
}

// TestHostile: names of strangers are cut in the report, and a finding is one
// line whatever they are.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"<script>alert(1)</script>", "a\u202eb", "a\nerror: root: all is lost", "\x1b[2J", strings.Repeat("long ", 1<<18), "'\"><&"} {
		t.Run(name[:min(len(name), 10)], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			dan, err := keys.Generate(keys.ECDSAP384, name)
			require.NoError(t, err)
			require.NoError(t, w.root.AddKey(dan.Public()))
			w.root.Extra = map[string]json.RawMessage{name: json.RawMessage("1")}
			role := strings.Map(func(r rune) rune {
				if unicode.IsControl(r) {
					return '-'
				}
				return r
			}, name)
			w.delegate(role, 2, dan, w.people[0])
			w.role(role).Paths = []string{name + "[^a]"}
			w.on.Targets[name] = artifact(map[string]string{name: "zz"})
			w.api["/config/"] = fmt.Sprintf(`{"detail": %q}`, strings.ToValidUTF8(name, ""))
			waits("dev", later())(w)
			w.publish()
			w.root = w.root.Next()
			require.NoError(t, w.root.RemoveKey(dan.Public().ID()))
			w.put("root", 2, w.root, w.people...)
			r := w.examine()
			assert.Contains(t, codesOf(r), strings.TrimSpace("key.clients"))
			for _, f := range r.Findings {
				line := f.String()
				assert.Less(t, len(line), 10_000)
				for _, c := range line {
					assert.True(t, unicode.IsPrint(c), "%q in %s", c, f.Code)
				}
			}
			data, err := json.Marshal(r)
			require.NoError(t, err)
			assert.Less(t, len(data), 100_000)
		})
	}
}

// TestReportJSON: a report comes back from JSON as it was.
func TestReportJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waits("dev", later())(w)
	r := w.examine()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	var back health.Report
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, r, &back)
}
