package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

var errCrash = errors.New("the process has ended here")

// crasher ends the process before or after the nth durable step: from there on
// no step happens.
type crasher struct {
	mu      sync.Mutex
	left    int
	at      string
	crashed chan struct{}
}

func newCrasher(n int) *crasher { return &crasher{left: n, crashed: make(chan struct{})} }

func (c *crasher) step(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return errCrash
	}
	if c.left--; c.left == 0 {
		c.at = name
		close(c.crashed)
		return errCrash
	}
	return nil
}

// lossy is a folder on a machine that loses power: of files that were written
// and not synced, some are gone and some are cut short.
type lossy struct {
	*Folder
	t        *testing.T
	mu       sync.Mutex
	unsynced []string
	// contents is what was ever written under each name, in all lives.
	contents map[string]string
}

func (l *lossy) Create(ctx context.Context, name string, data []byte) error {
	_, err := l.Read(ctx, name)
	l.mu.Lock()
	if err != nil { // one that is there is as durable as it was
		l.unsynced = append(l.unsynced, name)
	}
	if before, ok := l.contents[name]; ok {
		assert.Equal(l.t, before, string(data), "%s gets another content, and somebody may have fetched the first", name)
	}
	l.contents[name] = string(data)
	l.mu.Unlock()
	return l.Folder.Create(ctx, name, data)
}

func (l *lossy) Sync(ctx context.Context) error {
	// The folder leaves the step out, since the test does not wait for disks.
	if err := l.disk.Step("before sync"); err != nil {
		return err
	}
	if err := l.Folder.Sync(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	l.unsynced = nil
	l.mu.Unlock()
	return l.disk.Step("after sync")
}

func (l *lossy) losePower(t *testing.T) {
	for i, name := range l.unsynced {
		path := filepath.Join(l.path, name)
		if i%2 == 0 {
			os.Remove(path)
		} else if info, err := os.Stat(path); err == nil {
			require.NoError(t, os.Truncate(path, info.Size()/2))
		}
	}
}

// crashRun is one life of a service that ends at some durable step.
type crashRun struct {
	*testing.T
	dir     string
	signers []keys.Signer
	s       *Service
	storage *lossy
	crash   *crasher
	// acked are the tasks of acknowledged requests; want is what is published
	// once they are done. maybe is the same with the one request whose answer
	// never came.
	acked       []string
	want, maybe map[string]int
	// seen are the versioned files that clients could see at the crash.
	seen     map[string][]byte
	contents map[string]string
	now      time.Time
}

func (r *crashRun) open(c *crasher) error {
	d := &durable.Disk{Unsafe: true, Step: c.step}
	folder, err := newFolder(filepath.Join(r.dir, "metadata"), d)
	require.NoError(r, err)
	r.crash, r.storage = c, &lossy{Folder: folder, t: r.T, contents: r.contents}
	r.now = r.now.Add(time.Minute) // what is made in another life differs
	r.s, err = open(r.Context(), Config{Dir: r.dir, Store: steppingStore(r.dir, d), Storage: r.storage, OnlineKeys: r.signers, Now: func() time.Time { return r.now }}, d)
	return err
}

// kill ends the service as a crash does: nothing is finished.
func (r *crashRun) kill() {
	r.s.queue.drain()
	r.s.stop()
	<-r.s.done
	<-r.s.queue.accepted
	require.NoError(r, r.s.store.Close())
}

// send sends a request, whose effect on what is published is given, and waits
// for the end of its task. It returns false if the process has ended.
func (r *crashRun) send(method, path string, body any, effect map[string]int) bool {
	raw, err := json.Marshal(body)
	require.NoError(r, err)
	r.maybe = apply(r.want, effect)
	w := httptest.NewRecorder()
	r.s.Handler().ServeHTTP(w, jsonRequest(method, "/api/v1"+path, raw))
	if w.Code != 202 {
		<-r.crash.crashed // nothing else may be refused
		return false
	}
	var accepted wire.Response[wire.Accepted]
	require.NoError(r, json.Unmarshal(w.Body.Bytes(), &accepted))
	r.acked = append(r.acked, accepted.Data.TaskID)
	r.want = r.maybe
	for {
		if r.state(accepted.Data.TaskID) == rstuf.TaskSuccess {
			return true
		}
		select {
		case <-r.crash.crashed:
			return false
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func apply(before, effect map[string]int) map[string]int {
	after := map[string]int{}
	for path, length := range before {
		after[path] = length
	}
	for path, length := range effect {
		if length < 0 {
			delete(after, path)
		} else {
			after[path] = length
		}
	}
	return after
}

func (r *crashRun) state(id string) rstuf.TaskState {
	raw, err := r.s.task(r.Context(), id)
	require.NoError(r, err)
	var task rstuf.Task
	require.NoError(r, json.Unmarshal(raw, &task))
	require.NotContains(r, []rstuf.TaskState{rstuf.TaskErrored, rstuf.TaskFailure}, task.State, "%s", raw)
	return task.State
}

// add makes a request to add artifacts and its effect.
func add(lengths map[string]int) (rstuf.AddArtifacts, map[string]int) {
	var request rstuf.AddArtifacts
	for path, length := range lengths {
		request.Artifacts = append(request.Artifacts, rstuf.Artifact{Path: path, Info: rstuf.ArtifactInfo{
			Length: int64(length), Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)},
		}})
	}
	return request, lengths
}

// script is what happens in each life: everything that changes something.
func (r *crashRun) script(draft *ceremony.Draft, next json.RawMessage) bool {
	one, oneEffect := add(map[string]int{"a": 1, "b": 2, "c": 3})
	two, twoEffect := add(map[string]int{"b": 22, "d": 4})
	parked, parkedEffect := add(map[string]int{"e": 5})
	parked.SkipPublish = true
	return r.send("POST", "/bootstrap/", draft.Payload(), nil) &&
		r.send("POST", "/artifacts/", one, oneEffect) &&
		r.send("POST", "/artifacts/", two, twoEffect) &&
		r.park(parked, parkedEffect) &&
		r.send("POST", "/artifacts/delete", rstuf.DeleteArtifacts{Artifacts: []string{"a"}}, map[string]int{"a": -1}) &&
		r.send("PUT", "/config/", rstuf.SettingsUpdate{Expiration: map[string]int{"bins": 2}}, nil) &&
		r.send("POST", "/metadata/", rstuf.MetadataUpdate{Metadata: map[string]json.RawMessage{"root": next}}, nil) &&
		r.send("POST", "/metadata/online", rstuf.OnlineBump{Roles: []string{}}, nil)
}

// park sends a request that waits for somebody else to publish it.
func (r *crashRun) park(request rstuf.AddArtifacts, effect map[string]int) bool {
	raw, err := json.Marshal(request)
	require.NoError(r, err)
	r.maybe = apply(r.want, effect)
	w := httptest.NewRecorder()
	r.s.Handler().ServeHTTP(w, jsonRequest("POST", "/api/v1/artifacts/", raw))
	if w.Code == 202 {
		r.want = r.maybe
		return true
	}
	<-r.crash.crashed
	return false
}

// published verifies the repository; nil before the bootstrap is done. What
// clients have seen once must stay as it is.
func (r *crashRun) published() *tuftest.Published {
	var mu sync.Mutex // roles are read beside one another
	read := func(name string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		data, err := os.ReadFile(filepath.Join(r.dir, "metadata", name))
		if before, ok := r.seen[name]; ok {
			assert.Equal(r, string(before), string(data), "%s has changed since the crash %s", name, r.crash.at)
		} else if err == nil && name != "timestamp.json" {
			r.seen[name] = data
		}
		return data, err
	}
	if _, err := read("timestamp.json"); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := read("1.root.json"); errors.Is(err, os.ErrNotExist) {
		return nil // the crash came in the middle of the bootstrap
	}
	repo, err := tuftest.ReadPublished(read, tuftest.Expected{Now: r.now, Unsigned: func(role string) bool { return role == "dev" }})
	require.NoError(r, err, "crash %s", r.crash.at)
	return repo
}

func (r *crashRun) lengths(repo *tuftest.Published) map[string]int {
	out := map[string]int{}
	if repo == nil {
		return out
	}
	for path, form := range repo.Artifacts {
		var info rstuf.ArtifactInfo
		require.NoError(r, json.Unmarshal([]byte(form), &info))
		out[path] = int(info.Length)
	}
	return out
}

// A service that ends before or after any durable step, by a crash of the
// process or a loss of power, leaves a repository that verifies, and publishes
// every acknowledged change after the next start.
func TestCrashAtEveryStep(t *testing.T) {
	t.Parallel()
	private := crashKeys(t, "alice", "bob", "online", "online2")
	draft, next := crashRoots(t, private)
	crashEverywhere(t, private[2:], 80, func(r *crashRun) bool { return r.script(draft, next) })
}

func crashKeys(t *testing.T, names ...string) (list []*keys.Private) {
	for _, name := range names {
		key, err := keys.Generate(keys.Ed25519, name)
		require.NoError(t, err)
		list = append(list, key)
	}
	return list
}

// crashEverywhere runs a script again and again, each time up to the next
// durable step, until it comes to its end.
func crashEverywhere(t *testing.T, online []*keys.Private, least int, script func(*crashRun) bool) {
	var signers []keys.Signer
	for _, key := range online {
		signers = append(signers, key)
	}
	for n := 1; ; n++ {
		r := &crashRun{T: t, dir: t.TempDir(), signers: signers, seen: map[string][]byte{}, contents: map[string]string{}, now: time.Now()}
		if err := r.open(newCrasher(n)); err != nil {
			require.ErrorIs(t, err, errCrash)
			continue
		}
		done := script(r)
		r.kill()
		if done {
			assert.Greater(t, n, least, "the script has more durable steps than that")
			return
		}
		r.storage.losePower(t)
		r.published() // it verifies as the crash left it
		r.recover()
	}
}

// A second crash, while the service works off what the first one left, makes
// no difference.
func TestCrashTwice(t *testing.T) {
	t.Parallel()
	private := crashKeys(t, "alice", "bob", "online", "online2")
	draft, next := crashRoots(t, private)
	signers := []keys.Signer{private[2], private[3]}
	for first := 12; first < 80; first += 9 {
		for second := 1; second < 14; second++ {
			r := &crashRun{T: t, dir: t.TempDir(), signers: signers, seen: map[string][]byte{}, contents: map[string]string{}, now: time.Now()}
			if err := r.open(newCrasher(first)); err != nil {
				require.ErrorIs(t, err, errCrash)
				continue
			}
			r.script(draft, next)
			r.kill()
			r.storage.losePower(t)
			r.published()
			if err := r.open(newCrasher(second)); err == nil {
				select {
				case <-r.crash.crashed:
				case <-time.After(20 * time.Millisecond): // there was less to do
				}
				r.kill()
				r.storage.losePower(t)
			}
			r.published()
			r.recover()
		}
	}
}

// recover starts the service again and accounts for what was acknowledged.
func (r *crashRun) recover() {
	at := r.crash.at
	require.NoError(r, r.open(newCrasher(-1)), "crash %s", at)
	for _, id := range r.acked {
		require.Eventually(r, func() bool { return r.state(id) == rstuf.TaskSuccess }, time.Minute, time.Millisecond, "task %s", id)
	}
	if r.s.current().bootstrapped() {
		r.flush()
		if got := r.lengths(r.published()); !maps.Equal(got, r.maybe) {
			assert.Equal(r, r.want, got, "crash %s", at)
		}
	}
	require.NoError(r, r.s.Close(context.Background()))
}

// flush publishes what is parked.
func (r *crashRun) flush() {
	id := r.s.queue.nextID()
	require.NoError(r, r.s.queue.accept(r.Context(), id, newRecord(publishArtifacts, false)))
	require.Eventually(r, func() bool { return r.state(id.String()) == rstuf.TaskSuccess }, time.Minute, time.Millisecond)
}

// crashRoots makes a first root and the next, which has another online key.
func crashRoots(t *testing.T, private []*keys.Private) (*ceremony.Draft, json.RawMessage) {
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{private[0].Public(), private[1].Public()}, Threshold: 2, OnlineKey: private[2].Public(), HashBins: 2,
	})
	require.NoError(t, err)
	for _, key := range private[:2] {
		require.NoError(t, draft.Sign(t.Context(), key))
	}
	root, err := draft.Document().Root()
	require.NoError(t, err)
	root.Version++
	delete(root.Keys, private[2].Public().ID())
	id := private[3].Public().ID()
	root.Keys[id] = private[3].Public().Key()
	for _, role := range []string{rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets} {
		root.Roles[role] = metadata.RoleKeys{KeyIDs: []string{id}, Threshold: 1}
	}
	doc, err := metadata.New(root)
	require.NoError(t, err)
	for _, key := range private[:2] {
		require.NoError(t, doc.Sign(t.Context(), key))
	}
	return draft, doc.Bytes()
}

func jsonRequest(method, path string, body []byte) *http.Request {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}
