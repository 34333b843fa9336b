package service_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"sync"
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

// fixture is a service in a folder, the people around it, and a clock.
type fixture struct {
	*testing.T
	alice, bob, online *keys.Private
	cfg                service.Config
	svc                *service.Service
	first              *ceremony.Draft

	mu  sync.Mutex
	now time.Time
}

// newFixture starts a service that is not bootstrapped.
func newFixture(t *testing.T, change ...func(*service.Config)) *fixture {
	f := &fixture{T: t, alice: tuftest.Key(t, "alice"), bob: tuftest.Key(t, "bob"), online: tuftest.Key(t, "online"), now: time.Now().Truncate(time.Second)}
	f.cfg = service.Config{
		Dir: t.TempDir(), OnlineKeys: []keys.Signer{f.online}, UnsafeNoSync: true, Now: f.clock, BumpEvery: time.Millisecond,
	}
	f.cfg.Store = service.StoreFor(f.cfg.Dir)
	for _, c := range change {
		c(&f.cfg)
	}
	f.start()
	t.Cleanup(func() { assert.NoError(t, f.svc.Close(context.Background())) })
	return f
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fixture) start() {
	svc, err := service.Open(f.Context(), f.cfg)
	require.NoError(f, err)
	f.svc = svc
}

// restart ends the service in order and starts it again.
func (f *fixture) restart() {
	require.NoError(f, f.svc.Close(context.Background()))
	f.start()
}

// draft is a first root, signed by alice and bob.
func (f *fixture) draft(change ...func(*ceremony.Policy)) *ceremony.Draft {
	p := ceremony.Policy{
		RootKeys: []keys.Public{f.alice.Public(), f.bob.Public()}, Threshold: 2,
		OnlineKey: f.online.Public(), HashBins: 4, Now: f.clock(),
	}
	for _, c := range change {
		c(&p)
	}
	draft, err := ceremony.New(p)
	require.NoError(f, err)
	require.NoError(f, draft.Sign(f.Context(), f.alice))
	require.NoError(f, draft.Sign(f.Context(), f.bob))
	return draft
}

func (f *fixture) bootstrap(change ...func(*ceremony.Policy)) {
	f.first = f.draft(change...)
	f.ok(f.post("/bootstrap/", f.first.Payload()))
}

// call sends a request and returns the answer's status and body.
func (f *fixture) call(method, path string, body any) (int, string) {
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		raw, err = json.Marshal(body)
		require.NoError(f, err)
	}
	w := call(f.svc.Handler(), method, "/api/v1"+path, raw)
	return w.Code, w.Body.String()
}

// post sends a request that must be accepted and returns the task's id.
func (f *fixture) post(path string, body any) string { return f.accepted("POST", path, body) }

func (f *fixture) accepted(method, path string, body any) string {
	code, text := f.call(method, path, body)
	require.Equal(f, http.StatusAccepted, code, text)
	var answer wire.Response[wire.Accepted]
	require.NoError(f, json.Unmarshal([]byte(text), &answer))
	return answer.Data.TaskID
}

// task asks for a task.
func (f *fixture) task(id string) rstuf.Task {
	code, text := f.call("GET", "/task/?task_id="+id, nil)
	require.Equal(f, http.StatusOK, code)
	var answer wire.Response[rstuf.Task]
	require.NoError(f, json.Unmarshal([]byte(text), &answer))
	return *answer.Data
}

// end waits for the end of a task.
func (f *fixture) end(id string) rstuf.Task {
	var task rstuf.Task
	require.Eventually(f, func() bool {
		task = f.task(id)
		return task.State.Terminal()
	}, time.Minute, time.Millisecond, "task %s", id)
	return task
}

// ok waits for a task that must succeed.
func (f *fixture) ok(id string) rstuf.TaskDetails {
	task := f.end(id)
	require.True(f, task.Succeeded(), "%s: %s", task.State, task.Reason())
	if task.Result.Details == nil {
		return rstuf.TaskDetails{}
	}
	return *task.Result.Details
}

// file reads a published file.
func (f *fixture) file(name string) ([]byte, error) {
	w := call(f.svc.MetadataHandler(), "GET", "/"+name, nil)
	if w.Code == http.StatusNotFound {
		return nil, os.ErrNotExist
	}
	require.Equal(f, http.StatusOK, w.Code, w.Body)
	return w.Body.Bytes(), nil
}

// audit verifies everything that is published.
func (f *fixture) audit() *tuftest.Published {
	repo, err := tuftest.ReadPublished(f.file, tuftest.Expected{Now: f.clock(), Unsigned: f.waits})
	require.NoError(f, err)
	return repo
}

// waits tells whether a role waits for signatures.
func (f *fixture) waits(role string) bool { return f.pending().Roles[role] != nil }

func (f *fixture) pending() rstuf.PendingMetadata {
	_, text := f.call("GET", "/metadata/sign", nil)
	var answer wire.Response[rstuf.PendingMetadata]
	require.NoError(f, json.Unmarshal([]byte(text), &answer))
	if answer.Data == nil {
		return rstuf.PendingMetadata{}
	}
	return *answer.Data
}

// sign adds a key's signature to the document that waits for a role.
func (f *fixture) sign(role string, key *keys.Private) string {
	doc, err := metadata.Parse(f.pending().Roles[role])
	require.NoError(f, err)
	require.NoError(f, doc.Sign(f.Context(), key))
	for _, sig := range doc.Signatures() {
		if sig.KeyID == key.Public().ID() {
			return f.post("/metadata/sign", rstuf.MetadataSign{Role: role, Signature: sig})
		}
	}
	return ""
}

// nextRoot is the root after the current one, changed and signed.
func (f *fixture) nextRoot(change func(*metadata.Root), signers ...*keys.Private) json.RawMessage {
	doc, err := metadata.Parse(f.settings().TrustedRoot)
	require.NoError(f, err)
	root, err := doc.Root()
	require.NoError(f, err)
	root.Version++
	change(root)
	next, err := metadata.New(root)
	require.NoError(f, err)
	for _, key := range signers {
		require.NoError(f, next.Sign(f.Context(), key))
	}
	return next.Bytes()
}

func (f *fixture) settings() *rstuf.RepositorySettings {
	code, text := f.call("GET", "/config/", nil)
	require.Equal(f, http.StatusOK, code, text)
	var answer wire.Response[rstuf.RepositorySettings]
	require.NoError(f, json.Unmarshal([]byte(text), &answer))
	return answer.Data
}

// update sends a root.
func (f *fixture) update(root json.RawMessage) string {
	return f.post("/metadata/", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": root}})
}

// setOnline makes a key the online key of a root.
func setOnline(root *metadata.Root, key keys.Public) {
	for id, k := range root.Keys {
		if k.OnlineURI != "" {
			delete(root.Keys, id)
		}
	}
	root.Keys[key.ID()] = key.WithOnlineURI("fn:" + key.ID()).Key()
	for _, role := range []string{"timestamp", "snapshot", "targets"} {
		root.Roles[role] = metadata.RoleKeys{KeyIDs: []string{key.ID()}, Threshold: 1}
	}
}

func artifact(path string) rstuf.Artifact {
	return rstuf.Artifact{Path: path, Info: rstuf.ArtifactInfo{Length: int64(len(path)), Hashes: map[string]string{
		"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	}}}
}

func adding(paths ...string) rstuf.AddArtifacts {
	var request rstuf.AddArtifacts
	for _, path := range paths {
		request.Artifacts = append(request.Artifacts, artifact(path))
	}
	return request
}

// What is accepted and published is there after a restart: tasks, settings,
// artifacts, and requests that wait for somebody to publish them.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	added := f.post("/artifacts/", adding("a", "b"))
	f.ok(added)
	f.ok(f.accepted("PUT", "/config/", []byte(`{"settings":{"expiration":{"bins":5}}}`)))
	parked := adding("c")
	parked.SkipPublish = true
	waiting := f.post("/artifacts/", parked)
	before := f.settings()

	f.restart()
	assert.Equal(t, rstuf.TaskRunning, f.task(waiting).State)
	assert.Equal(t, rstuf.TaskSuccess, f.task(added).State)
	assert.Equal(t, before, f.settings())
	assert.NotContains(t, f.audit().Artifacts, "c")

	f.ok(f.post("/artifacts/publish/", nil))
	f.ok(waiting)
	assert.Len(t, f.audit().Artifacts, 3)
}

// Requests that wait for somebody to publish them hold nothing up.
func TestParkedRequestsBlockNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	var parked []string
	for _, path := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		request := adding(path)
		request.SkipPublish = true
		parked = append(parked, f.post("/artifacts/", request))
	}
	f.ok(f.accepted("PUT", "/config/", []byte(`{"settings":{"expiration":{"bins":5}}}`)))
	for _, id := range parked {
		task := f.task(id)
		assert.Equal(t, rstuf.TaskRunning, task.State)
		assert.Len(t, task.Result.Details.RolesToPublish, 1)
	}
	assert.Empty(t, f.audit().Artifacts)
	f.ok(f.post("/artifacts/", adding("i")))
	for _, id := range parked {
		f.ok(id)
	}
	assert.Len(t, f.audit().Artifacts, 9)
}

// Requests take effect in the order in which they were accepted, also those
// that share a publication.
func TestOrderOfArrival(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	longer := adding("a")
	longer.Artifacts[0].Info.Length = 77
	first := f.post("/artifacts/", adding("a", "b"))
	second := f.post("/artifacts/delete", rstuf.DeleteArtifacts{Artifacts: []string{"a", "b", "c"}})
	third := f.post("/artifacts/", longer)
	fourth := f.post("/artifacts/delete", rstuf.DeleteArtifacts{Artifacts: []string{"b"}})
	f.ok(first)
	removed := f.ok(second)
	f.ok(third)
	assert.Equal(t, []string{"a", "b"}, removed.DeletedArtifacts)
	assert.Equal(t, []string{"c"}, removed.NotFoundArtifacts)
	assert.Equal(t, []string{"b"}, f.ok(fourth).NotFoundArtifacts)
	repo := f.audit()
	assert.Len(t, repo.Artifacts, 1)
	assert.Contains(t, repo.Artifacts["a"], `"length":77`)
}

func TestOneProcessAFolder(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := service.Open(t.Context(), f.cfg)
	require.ErrorIs(t, err, service.ErrLocked)
	assert.ErrorContains(t, err, "by process")
	assert.ErrorContains(t, err, "on host")
}

// Close publishes what was accepted, and refuses what comes after.
func TestCloseFinishes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	var ids []string
	for _, path := range []string{"a", "b", "c", "d"} {
		ids = append(ids, f.post("/artifacts/", adding(path)))
	}
	f.restart()
	for _, id := range ids {
		assert.Equal(t, rstuf.TaskSuccess, f.task(id).State)
	}
	require.NoError(t, f.svc.Close(t.Context()))
	code, text := f.call("POST", "/artifacts/", adding("e"))
	assert.Equal(t, http.StatusServiceUnavailable, code, text)
	assert.Contains(t, text, "shutting down")
}

// Roles that end soon are signed anew, also right after a start, however long
// the service was off.
func TestScheduledBump(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))
	before := f.audit()
	f.pass(23*time.Hour + 30*time.Minute)
	require.Eventually(t, func() bool { return f.audit().Timestamp > before.Timestamp }, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool { return f.svc.Status().Expires.After(f.clock().Add(time.Hour)) }, time.Minute, time.Millisecond)
	assert.Equal(t, int64(1), f.audit().Roles["targets"], "it has a year")

	require.NoError(t, f.svc.Close(context.Background()))
	f.pass(90 * 24 * time.Hour)
	f.start()
	require.Eventually(t, func() bool { return f.svc.Status().Expires.After(f.clock()) }, time.Minute, time.Millisecond)
	assert.Len(t, f.audit().Artifacts, 1)
}

// At no instant of a change of the online key does a client fail, whichever of
// the two roots it has.
func TestOnlineKeyRotationLeavesNoGap(t *testing.T) {
	t.Parallel()
	other := tuftest.Key(t, "online2")
	f := newFixture(t, func(c *service.Config) { c.OnlineKeys = append(c.OnlineKeys, other) })
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))
	old := f.settings().TrustedRoot
	f.ok(f.update(f.nextRoot(func(r *metadata.Root) { setOnline(r, other.Public()) }, f.alice, f.bob)))
	assert.Equal(t, other.Public().ID(), f.settings().OnlineKeyID)
	assert.Len(t, f.audit().Artifacts, 1)

	beforeRoot := func(name string) ([]byte, error) {
		if name == "2.root.json" {
			return nil, os.ErrNotExist
		}
		return f.file(name)
	}
	repo, err := tuftest.ReadPublished(beforeRoot, tuftest.Expected{FirstRoot: old, Now: f.clock()})
	require.NoError(t, err, "a client that has not seen the new root")
	assert.Len(t, repo.Artifacts, 1)
	f.ok(f.post("/artifacts/", adding("b")))
	assert.Len(t, f.audit().Artifacts, 2)
}

// The keys of a root can be changed with the signatures of the old and the new
// ones, one after another.
func TestRootUpdateBySignatures(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	carol := tuftest.Key(t, "carol")
	next := f.nextRoot(func(r *metadata.Root) {
		delete(r.Keys, f.bob.Public().ID())
		r.Keys[carol.Public().ID()] = carol.Public().Key()
		r.Roles["root"] = metadata.RoleKeys{KeyIDs: []string{f.alice.Public().ID(), carol.Public().ID()}, Threshold: 2}
	}, f.alice)
	assert.Equal(t, "Root v2 is pending signatures", f.ok(f.update(next)).Update)
	task := f.end(f.update(next))
	assert.Equal(t, rstuf.TaskErrored, task.State)
	assert.Contains(t, task.Reason(), "stop its signing first")
	f.restart()
	assert.Equal(t, "Root v2 is pending signatures", f.ok(f.sign("root", carol)).Update)
	assert.Equal(t, "Metadata update finished", f.ok(f.sign("root", f.bob)).Update)
	assert.Equal(t, int64(2), f.audit().Root.Version())
	assert.Equal(t, 2, f.settings().NumKeys["root"])
}

// Old versions are removed once their time is over; roots and what the
// snapshot names stay.
func TestRetention(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.KeepVersions = 24 * time.Hour })
	f.bootstrap(func(p *ceremony.Policy) {
		p.Expirations.Snapshot, p.Expirations.Timestamp, p.Expirations.Bins = 90, 90, 90
	})
	f.ok(f.update(f.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.Add(time.Hour) }, f.alice, f.bob)))
	for _, path := range []string{"a", "b", "c"} {
		f.ok(f.post("/artifacts/", adding(path)))
	}
	require.Eventually(t, func() bool { return f.svc.Replaced() == 6 }, time.Minute, time.Millisecond)
	count := func() int {
		list, err := os.ReadDir(filepath.Join(f.cfg.Dir, "metadata"))
		require.NoError(t, err)
		return len(list)
	}
	assert.Equal(t, 2+1+4+3+1+4, count(), "roots, targets, bins, their further versions, timestamp, snapshots")
	f.pass(23 * time.Hour)
	f.restart()
	assert.Equal(t, 6, f.svc.Replaced())
	assert.Equal(t, 15, count())
	f.pass(2 * time.Hour)
	require.Eventually(t, func() bool { return count() == 2+1+4+1+1 }, time.Minute, time.Millisecond)
	assert.Len(t, f.audit().Artifacts, 3)
}
