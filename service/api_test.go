package service_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// edit changes a payload's JSON.
func edit(t *testing.T, payload any, change func(root, settings map[string]any)) []byte {
	raw, err := json.Marshal(payload)
	require.NoError(t, err)
	var tree map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&tree))
	change(tree["metadata"].(map[string]any)["root"].(map[string]any)["signed"].(map[string]any), tree["settings"].(map[string]any)["roles"].(map[string]any))
	raw, err = json.Marshal(tree)
	require.NoError(t, err)
	return raw
}

// A payload that breaks a rule is refused with one clear error that names the
// field, and the service stays available for bootstrap.
func TestBadPayloads(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	draft := f.draft()
	roles := func(root map[string]any) map[string]any { return root["roles"].(map[string]any) }
	pq, err := keys.Generate(keys.MLDSA44, "online")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(root, settings map[string]any)
		field  string
		says   string
	}{
		"bins are no power of two": {func(_, s map[string]any) { s["bins"].(map[string]any)["number_of_delegated_bins"] = 3 }, "number_of_delegated_bins", "power of two"},
		"threshold above the keys": {func(r, _ map[string]any) { roles(r)["root"].(map[string]any)["threshold"] = 3 }, "root", "threshold"},
		"online key is a root key": {func(r, _ map[string]any) {
			list := roles(r)["root"].(map[string]any)
			list["keyids"] = append(list["keyids"].([]any), f.online.Public().ID())
		}, "root", "online key"},
		"the online key is ML-DSA": {func(r, _ map[string]any) {
			r["keys"].(map[string]any)[pq.Public().ID()] = pq.Public().Key()
			for _, role := range []string{"timestamp", "snapshot", "targets"} {
				roles(r)[role].(map[string]any)["keyids"] = []any{pq.Public().ID()}
			}
		}, "root", "an ML-DSA key can't be online"},
		"expired root": {func(r, _ map[string]any) { r["expires"] = "2020-01-01T00:00:00Z" }, "root", "expired"},
		"key id of another key": {func(r, _ map[string]any) {
			list := r["keys"].(map[string]any)
			list[f.alice.Public().ID()] = list[f.bob.Public().ID()]
		}, "root", "id"},
		"a role is missing":            {func(r, _ map[string]any) { delete(roles(r), "snapshot") }, "root", "snapshot"},
		"neither bins nor delegations": {func(_, s map[string]any) { s["bins"] = nil }, "roles", "bins"},
		"version is no number":         {func(r, _ map[string]any) { r["version"] = "one" }, "version", "integer"},
		"unknown field":                {func(r, _ map[string]any) { r["surprise"] = 1 }, "body", "x-<vendor>-<name>"},
		"negative life":                {func(_, s map[string]any) { s["targets"].(map[string]any)["expiration"] = -1 }, "expiration", "greater than 0"},
	} {
		t.Run(name, func(t *testing.T) {
			code, text := f.call("POST", "/bootstrap/", edit(t, draft.Payload(), c.change))
			assert.Equal(t, http.StatusUnprocessableEntity, code, text)
			var body wire.ErrorBody
			require.NoError(t, json.Unmarshal([]byte(text), &body))
			require.Len(t, body.Fields, 1, text)
			assert.Contains(t, fmt.Sprint(body.Fields[0].Loc...), c.field)
			assert.Contains(t, body.Fields[0].Msg, c.says)
			_, state := f.call("GET", "/bootstrap/", nil)
			assert.Contains(t, state, "System available for bootstrap.")
		})
	}
}

// Bodies that are cut off, huge or of the wrong kind change nothing.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.MaxBody = 100_000 })
	payload, err := json.Marshal(f.draft().Payload())
	require.NoError(t, err)
	code, text := f.call("POST", "/bootstrap/", payload[:len(payload)/2])
	assert.Equal(t, http.StatusUnprocessableEntity, code)
	assert.Contains(t, text, "json_invalid")
	code, text = f.call("POST", "/bootstrap/", append(payload, bytes.Repeat([]byte(" "), 100_000)...))
	assert.Equal(t, http.StatusRequestEntityTooLarge, code)
	assert.Contains(t, text, "100000 bytes")

	broken := httptest.NewRequest("POST", "/api/v1/artifacts/", &failingBody{data: []byte(`{"artifacts":[`)})
	broken.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	f.svc.Handler().ServeHTTP(w, broken)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), "could not be read to its end")

	endless := httptest.NewRequest("POST", "/api/v1/artifacts/", zeros{})
	endless.Header.Set("Content-Type", "application/json")
	endless.ContentLength = -1
	w = httptest.NewRecorder()
	f.svc.Handler().ServeHTTP(w, endless)
	assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	assert.Zero(t, f.svc.Status().Waiting)
}

type failingBody struct{ data []byte }

func (f *failingBody) Read(p []byte) (int, error) {
	if len(f.data) == 0 {
		return 0, fmt.Errorf("connection reset")
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Artifacts that could not be published, or not be found, are refused.
func TestBadArtifacts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	digest := strings.Repeat("ab", 32)
	for name, c := range map[string]struct{ path, length, hashes, field string }{
		"empty path":        {"", "1", `{"sha256":"` + digest + `"}`, "artifacts[1].path"},
		"path to above":     {"a/../../b", "1", `{"sha256":"` + digest + `"}`, "artifacts[1].path"},
		"absolute path":     {"/etc/passwd", "1", `{"sha256":"` + digest + `"}`, "artifacts[1].path"},
		"no hash":           {"a", "1", `{}`, "artifacts[1].info.hashes"},
		"hash is not hex":   {"a", "1", `{"sha256":"` + strings.Repeat("xy", 32) + `"}`, "artifacts[1].info.hashes.sha256"},
		"hash is too short": {"a", "1", `{"sha256":"abcd"}`, "artifacts[1].info.hashes.sha256"},
		"upper case":        {"a", "1", `{"sha256":"` + strings.ToUpper(digest) + `"}`, "artifacts[1].info.hashes.sha256"},
		"negative length":   {"a", "-1", `{"sha256":"` + digest + `"}`, "artifacts[1].info.length"},
		"length is a float": {"a", "1.5", `{"sha256":"` + digest + `"}`, "artifacts[1].info.length"},
	} {
		t.Run(name, func(t *testing.T) {
			body := fmt.Sprintf(`{"artifacts":[{"path":"good","info":{"length":1,"hashes":{"sha256":"%s"}}},{"path":"%s","info":{"length":%s,"hashes":%s}}]}`, digest, c.path, c.length, c.hashes)
			code, text := f.call("POST", "/artifacts/", []byte(body))
			assert.Equal(t, http.StatusUnprocessableEntity, code, text)
			var errs wire.ErrorBody
			require.NoError(t, json.Unmarshal([]byte(text), &errs))
			require.Len(t, errs.Fields, 1, text)
			assert.Equal(t, c.field, errs.Fields[0].Field())
		})
	}
	f.ok(f.post("/artifacts/", adding("last")))
	assert.Len(t, f.audit().Artifacts, 1, "nothing of the refused requests is there")
}

// Custom data may hold what canonical JSON cannot say; then the artifact is
// refused, for it could not be signed.
func TestCustomDataThatCannotBeSigned(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	request := adding("a")
	request.Artifacts[0].Info.Custom = json.RawMessage(`{"share":0.5}`)
	code, text := f.call("POST", "/artifacts/", request)
	assert.Equal(t, http.StatusUnprocessableEntity, code)
	assert.Contains(t, text, "custom")
}

// Delegations that would break the repository are refused or reported, one by
// one, and the others take effect.
func TestDelegations(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins = 0
		p.Delegations = []ceremony.Role{{Name: "pub", Paths: []string{"pub/*"}, Days: 7}}
	})
	dev := tuftest.Key(t, "dev")
	role := func(name string, ids ...string) rstuf.DelegatedRole {
		return rstuf.DelegatedRole{Name: name, KeyIDs: ids, Threshold: 1, Terminating: true, Paths: []string{name + "/*"}, ExpirePolicy: 10}
	}
	request := func(list map[string]rstuf.Key, roles ...rstuf.DelegatedRole) rstuf.DelegationsUpdate {
		if list == nil {
			list = map[string]rstuf.Key{}
		}
		return rstuf.DelegationsUpdate{Delegations: rstuf.Delegations{Keys: list, Roles: roles}}
	}
	devKeys := map[string]rstuf.Key{dev.Public().ID(): dev.Public().Key()}

	code, text := f.call("POST", "/delegations/", request(map[string]rstuf.Key{"abc": dev.Public().Key()}, role("x")))
	assert.Equal(t, http.StatusUnprocessableEntity, code)
	assert.Contains(t, text, "does not fit the key")
	for _, name := range []string{"a/b", "../x", "root", "timestamp"} {
		code, text := f.call("POST", "/delegations/", request(nil, role(name)))
		assert.Equal(t, http.StatusUnprocessableEntity, code, text)
	}

	// What nobody could ever sign, or would lose a part, is refused at once.
	twice := map[string]rstuf.Key{dev.Public().ID(): dev.Public().Key(), dev.Public().LegacyID(): dev.Public().Key()}
	never := role("x", dev.Public().ID(), dev.Public().LegacyID())
	never.Threshold = 2
	both := role("x")
	both.PathHashPrefixes = []string{"0"}
	online := f.online.Public()
	for want, body := range map[string]rstuf.DelegationsUpdate{
		"a threshold of 2 and 1 usable keys": request(twice, never),
		"paths and path_hash_prefixes":       request(nil, both),
		"is the online key":                  request(map[string]rstuf.Key{online.LegacyID(): online.Key()}, role("x", online.LegacyID())),
	} {
		for _, method := range []string{"POST", "PUT"} {
			code, text := f.call(method, "/delegations/", body)
			assert.Equal(t, http.StatusUnprocessableEntity, code, text)
			assert.Contains(t, text, want)
		}
	}

	details := f.ok(f.post("/delegations/", request(nil, role("one"), role("pub"), role("lost", strings.Repeat("0", 64)))))
	assert.Equal(t, rstuf.Names{"one"}, details.DelegatedRoles)
	require.Len(t, details.FailedRoles, 2)
	assert.Contains(t, details.FailedRoles[0].Reason, "already exists")
	assert.Contains(t, details.FailedRoles[1].Reason, "is not known")

	// A new offline role has its whole life before it, and is signed by its key.
	f.ok(f.post("/delegations/", request(devKeys, role("dev", dev.Public().ID()))))
	doc, err := metadata.Parse(f.pending().Roles["dev"])
	require.NoError(t, err)
	assert.Equal(t, f.clock().AddDate(0, 0, 10).UTC(), doc.Expires())
	f.ok(f.sign("dev", dev))
	f.ok(f.post("/artifacts/", adding("dev/a", "one/b")))
	assert.NotContains(t, f.audit().Artifacts, "dev/a", "it waits for its key")
	f.ok(f.sign("dev", dev))
	assert.Contains(t, f.audit().Artifacts, "dev/a")

	// Its key changes: what is published of it waits for the new one.
	other := tuftest.Key(t, "dev2")
	f.ok(f.accepted("PUT", "/delegations/", request(map[string]rstuf.Key{other.Public().ID(): other.Public().Key()}, role("dev", other.Public().ID()))))
	assert.Equal(t, "ERRORED", string(f.end(f.sign("dev", dev)).State))
	f.ok(f.sign("dev", other))
	assert.Contains(t, f.audit().Artifacts, "dev/a")
	assert.NotContains(t, string(f.settings().TrustedTargets), dev.Public().ID(), "a key that no role names is dropped")

	// An update gives a role a new version and a new life.
	longer := role("dev", other.Public().ID())
	longer.ExpirePolicy = 20
	details = f.ok(f.accepted("PUT", "/delegations/", request(nil, longer)))
	assert.Equal(t, rstuf.Names{"dev"}, details.DelegatedRoles)
	assert.Empty(t, details.FailedRoles)
	ghost := f.accepted("PUT", "/delegations/", request(nil, role("ghost")))
	assert.Len(t, f.ok(ghost).FailedRoles, 1)
	_, text = f.call("GET", "/task/?task_id="+ghost, nil)
	assert.Contains(t, text, `"delegated_roles":[]`)
	before := f.audit().Roles["dev"]
	f.ok(f.sign("dev", other))
	assert.Equal(t, before+1, f.audit().Roles["dev"])
	assert.Equal(t, 20, f.settings().Expiration["dev"])

	// An artifact that was added under an older delegation can be removed.
	moved := role("one")
	moved.Paths = []string{"elsewhere/*"}
	f.ok(f.accepted("PUT", "/delegations/", request(nil, moved)))
	assert.Equal(t, []string{"one/b"}, f.ok(f.post("/artifacts/delete", rstuf.DeleteArtifacts{Artifacts: []string{"one/b"}})).DeletedArtifacts)

	// A removed role stays in the snapshot, which clients insist on, and its
	// name is used up.
	client := tufClient(t, f.svc.MetadataHandler(), f.clock())
	require.NoError(t, client.Refresh())
	details = f.ok(f.post("/delegations/delete", rstuf.DelegationsDelete{Roles: []string{"one"}}))
	assert.Equal(t, rstuf.Names{"one"}, details.DelegatedRoles)
	assert.Contains(t, f.audit().Roles, "one")
	assert.Len(t, f.ok(f.post("/delegations/", request(nil, role("one")))).FailedRoles, 1)
	assert.Equal(t, []string{"one/c"}, f.ok(f.post("/artifacts/", adding("one/c", "pub/d"))).InvalidPaths)
}

// The first generation's payload bootstraps too.
func TestFirstGeneration(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	draft := f.draft(func(p *ceremony.Policy) {
		p.FirstGeneration = true
		p.TargetsBaseURL = "https://example.org/artifacts/"
	})
	f.ok(f.post("/bootstrap/", draft.FirstGenerationPayload()))
	f.ok(f.post("/artifacts/", adding("a")))
	assert.Len(t, f.audit().Artifacts, 1)
	assert.Equal(t, 4, f.settings().NumberOfDelegatedBins)
}

// The first generation's settings: an encrypted key file and its password.
func TestKeyFileWithPassword(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/online.key"
	online := tuftest.Key(t, "online")
	pem, err := online.MarshalPEM([]byte("strongPass"))
	require.NoError(t, err)
	require.NoError(t, writeFile(file, pem))
	password := func(text string) keys.PasswordFunc { return func() ([]byte, error) { return []byte(text), nil } }

	f := newFixture(t, func(c *service.Config) {
		c.OnlineKeys = nil
		c.KeyFiles = []service.KeyFile{{Path: file, Password: password("strongPass")}}
	})
	f.online = online
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))

	cfg := f.cfg
	cfg.Dir = t.TempDir()
	cfg.KeyFiles = []service.KeyFile{{Path: file, Password: password("wrong")}}
	_, err = service.Open(t.Context(), cfg)
	require.ErrorIs(t, err, keys.ErrPassword)
	assert.NotContains(t, err.Error(), "wrong\"")
	cfg.KeyFiles[0].Path += ".missing"
	_, err = service.Open(t.Context(), cfg)
	assert.ErrorContains(t, err, "online.key.missing")
}

// Without its online key a bootstrap ends with the reason, and can be tried
// again.
func TestMissingOnlineKey(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	f := newFixture(t, func(c *service.Config) {
		c.OnlineKeys = nil
		c.Keys.Dir = folder
	})
	task := f.end(f.post("/bootstrap/", f.draft().Payload()))
	assert.Equal(t, rstuf.TaskErrored, task.State)
	assert.Contains(t, task.Reason(), "cannot be opened")
	pem, err := tuftest.Key(t, "another").MarshalPEM(nil)
	require.NoError(t, err)
	require.NoError(t, writeFile(folder+"/"+f.online.Public().ID(), pem))
	assert.Contains(t, f.end(f.post("/bootstrap/", f.draft().Payload())).Reason(), "holds another key")
	pem, err = f.online.MarshalPEM(nil)
	require.NoError(t, err)
	require.NoError(t, writeFile(folder+"/"+f.online.Public().ID(), pem))
	f.bootstrap()
}

func TestRate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.RequestsPerSecond = 2 })
	for range 2 {
		code, _ := f.call("GET", "/bootstrap/", nil)
		assert.Equal(t, http.StatusOK, code)
	}
	code, _ := f.call("GET", "/bootstrap/", nil)
	assert.Equal(t, http.StatusTooManyRequests, code)
	f.pass(time.Second)
	code, _ = f.call("GET", "/bootstrap/", nil)
	assert.Equal(t, http.StatusOK, code)
}

// More than may wait is refused until something has been published.
func TestFullQueue(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.MaxWaiting = 10_000 })
	f.bootstrap()
	parked := adding("a")
	parked.SkipPublish = true
	code, accepted := http.StatusAccepted, 0
	for code == http.StatusAccepted && accepted < 1000 {
		code, _ = f.call("POST", "/artifacts/", parked)
		accepted++
	}
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Greater(t, accepted, 10)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))
	text := call(f.svc.Handler(), "GET", "/metrics", nil).Body.String()
	for _, line := range []string{
		"rstuf_bootstrapped 1", "rstuf_paused 0", "rstuf_publications_total 2", `rstuf_tasks_total{state="SUCCESS"} 2`,
		`rstuf_http_requests_total{status="202"} 2`, `rstuf_first_expiry_seconds{role="`, "# TYPE rstuf_waiting_requests gauge",
	} {
		assert.Contains(t, text, line)
	}
}

// The list of tasks has those that wait and those that have ended, the newest
// first, without what makes them long.
func TestTaskList(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a", "b")))
	parked := adding("c")
	parked.SkipPublish = true
	waits := f.accepted("POST", "/artifacts/", parked)
	list := func(query string) (out []rstuf.Task) {
		code, text := f.call("GET", "/tasks/"+query, nil)
		require.Equal(t, http.StatusOK, code, text)
		var answer wire.Response[[]rstuf.Task]
		require.NoError(t, json.Unmarshal([]byte(text), &answer))
		return *answer.Data
	}
	tasks := list("")
	require.Len(t, tasks, 3)
	assert.Equal(t, waits, tasks[0].ID)
	assert.Equal(t, rstuf.TaskRunning, tasks[0].State)
	for i, what := range []string{wire.TaskAddArtifacts, wire.TaskAddArtifacts, wire.TaskBootstrap} {
		assert.Equal(t, what, tasks[i].Result.Task)
		assert.Nil(t, tasks[i].Result.Details)
	}
	assert.Len(t, list("?limit=2"), 2)
	for _, wrong := range []string{"0", "1001", "x", "-1", "99999999999999999999"} {
		code, text := f.call("GET", "/tasks/?limit="+wrong, nil)
		assert.Equal(t, http.StatusUnprocessableEntity, code, text)
	}
}
