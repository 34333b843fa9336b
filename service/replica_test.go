package service_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/sharedtest"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// member is a replica of a group; svc is the half of it that answers.
type member struct {
	*fixture
	replica *service.Replica
	files   *gate
}

// group are replicas that meet in memory, or in another place that SharedOfTests gives,
// with files in one folder.
type group struct {
	*testing.T
	shared  service.FaultyShared
	members []*member
}

// newGroup starts replicas, the first of which publishes.
func newGroup(t *testing.T, n int, change ...func(*service.Config)) *group {
	g := &group{T: t, shared: &sharedtest.Shared{}}
	if service.SharedOfTests != nil {
		g.shared = service.SharedOfTests(t)
	}
	first := &fixture{T: t, alice: tuftest.Key(t, "alice"), bob: tuftest.Key(t, "bob"), online: tuftest.Key(t, "online"), now: time.Now().Truncate(time.Second)}
	first.cfg = service.Config{Dir: t.TempDir(), Replicas: g.shared, OnlineKeys: []keys.Signer{first.online}, UnsafeNoSync: true, Now: first.clock, BumpEvery: time.Millisecond}
	for _, c := range change {
		c(&first.cfg)
	}
	for i := range n {
		m := &member{fixture: first}
		if i > 0 {
			m.fixture = &fixture{T: t, alice: first.alice, bob: first.bob, online: first.online, cfg: first.cfg}
		}
		m.start()
		g.members = append(g.members, m)
	}
	require.True(t, g.members[0].replica.Status().Leads)
	return g
}

// inTime runs a test in virtual time, or in real time where replicas meet over sockets, as
// tests do whose names begin with TestReplica.
func inTime(t *testing.T, f func(*testing.T)) {
	if service.SharedOfTests != nil {
		f(t)
		return
	}
	synctest.Test(t, f)
}

// inVirtualTime runs a test that is of virtual time alone, which there is not where
// replicas meet over sockets.
func inVirtualTime(t *testing.T, f func(*testing.T)) {
	if service.SharedOfTests != nil {
		t.Skip("replicas meet over sockets")
	}
	synctest.Test(t, f)
}

// start opens the replica, anew if it was closed.
func (m *member) start() {
	folder, err := service.NewFolder(filepath.Join(m.cfg.Dir, "metadata"))
	require.NoError(m, err)
	m.files = &gate{Folder: folder}
	m.cfg.Storage = m.files
	r, err := service.OpenReplica(m.Context(), m.cfg)
	require.NoError(m, err)
	m.replica, m.svc = r, r.Front()
	m.Cleanup(func() { assert.NoError(m, r.Close(context.Background())) })
}

// clock is that of the first member.
func (g *group) pass(d time.Duration) { g.members[0].pass(d) }

// leader waits until exactly one replica publishes.
func (g *group) leader() *member {
	var found *member
	require.Eventually(g, func() bool {
		found = nil
		for _, m := range g.members {
			if m.replica.Status().Leads {
				if found != nil {
					return false
				}
				found = m
			}
		}
		return found != nil
	}, time.Minute, time.Millisecond)
	return found
}

// follower is one that does not publish.
func (g *group) follower() *member {
	leader := g.leader()
	return g.members[slices.IndexFunc(g.members, func(m *member) bool { return m != leader })]
}

// holdsAll looks that a replica serves all artifacts, in a repository that verifies.
func (m *member) holdsAll(paths ...string) {
	published := m.audit()
	for _, path := range paths {
		assert.Contains(m, published.Artifacts, path)
	}
}

// gate is a storage that is held before a file is written or replaced.
type gate struct {
	*service.Folder
	mu      sync.Mutex
	name    string
	reached chan struct{}
	goOn    chan struct{}
	err     error
	slow    time.Duration
}

// hold has the next writing of a file wait, until goOn is closed.
func (s *gate) hold(name string) (reached, goOn chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.reached, s.goOn = name, make(chan struct{}), make(chan struct{})
	return s.reached, s.goOn
}

// fail has everything fail that is written, or nothing.
func (s *gate) fail(err error) { s.failSlowly(err, 0) }

func (s *gate) failSlowly(err error, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.slow = err, after
}

func (s *gate) pass(name string) error {
	s.mu.Lock()
	goOn, err, slow := s.goOn, s.err, s.slow
	if s.name == "" || !strings.HasSuffix(name, s.name) {
		goOn = nil
	} else {
		s.name = ""
		close(s.reached)
	}
	s.mu.Unlock()
	if goOn != nil {
		<-goOn
	}
	time.Sleep(slow)
	return err
}

func (s *gate) List(ctx context.Context) ([]string, error) {
	if err := s.pass("list"); err != nil {
		return nil, err
	}
	return s.Folder.List(ctx)
}

func (s *gate) Create(ctx context.Context, name string, data []byte) error {
	if err := s.pass(name); err != nil {
		return err
	}
	return s.Folder.Create(ctx, name, data)
}

func (s *gate) Replace(ctx context.Context, name string, old, data []byte) error {
	if err := s.pass(name); err != nil {
		return err
	}
	return s.Folder.Replace(ctx, name, old, data)
}

// All replicas accept at once; each task ends, whoever is asked; and what has ended is
// seen at all of them.
func TestReplicasAcceptAtOnce(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3)
	g.members[1].bootstrap()
	var all sync.WaitGroup
	ids := make([][20]string, 3)
	for i, m := range g.members {
		all.Go(func() {
			for n := range 20 {
				ids[i][n] = m.post("/artifacts/", adding(fmt.Sprintf("%d/%d", i, n)))
			}
		})
	}
	all.Wait()
	for i := range g.members {
		for n, id := range ids[i] {
			g.members[(i+1)%3].ok(id)
			task := g.members[(i+2)%3].task(id)
			require.True(t, task.Succeeded(), "at once at another one: %v", task)
			g.members[(i+2)%3].holdsAll(fmt.Sprintf("%d/%d", i, n))
		}
	}
	for _, m := range g.members {
		status := m.replica.Status()
		assert.NoError(t, status.Paused)
		assert.True(t, status.Bootstrap)
		require.Eventually(t, func() bool { return m.replica.Status().Waiting == 0 }, time.Minute, time.Millisecond)
		assert.Zero(t, m.replica.Status().Bytes)
		_, text := m.call("GET", "/tasks/?limit=100", nil)
		assert.Equal(t, 61, strings.Count(text, `"SUCCESS"`), "each lists all")
	}
}

// What one replica has accepted before another one is asked is published before that.
func TestReplicasKeepTheOrder(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3)
	g.members[0].bootstrap()
	id := ""
	for n := range 30 {
		m := g.members[n%3]
		if n%2 == 0 {
			id = m.post("/artifacts/", adding("a"))
		} else {
			id = m.accepted("POST", "/artifacts/delete", rstuf.DeleteArtifacts{Artifacts: []string{"a"}})
		}
	}
	g.members[1].ok(id)
	assert.NotContains(t, g.members[2].audit().Artifacts, "a")
	for n := range 10 { // requests that are no artifacts too
		m := g.members[n%3]
		id = m.accepted("PUT", "/config/", fmt.Appendf(nil, `{"settings":{"expiration":{"timestamp":%d}}}`, n+1))
	}
	g.members[0].ok(id)
	for _, m := range g.members {
		assert.Equal(t, 10, m.settings().Expiration["timestamp"])
	}
}

// A replica that ends hands over at once, and what waited is published by another one.
func TestReplicaHandsOver(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3)
	g.members[0].bootstrap()
	for n := range 6 {
		leader := g.leader()
		id := g.follower().post("/artifacts/", adding(fmt.Sprint(n)))
		begun := time.Now()
		require.NoError(t, leader.replica.Close(context.Background()))
		next := g.leader()
		assert.NotSame(t, leader, next)
		next.ok(id)
		next.holdsAll(fmt.Sprint(n))
		assert.Less(t, time.Since(begun), 2*time.Second)
		code, _ := leader.call("POST", "/artifacts/", adding("late"))
		assert.Equal(t, http.StatusServiceUnavailable, code)
		leader.start()
	}
	assert.Contains(t, call(g.leader().svc.Handler(), "GET", "/metrics", nil).Body.String(), "rstuf_leading 1\n")
	assert.Contains(t, call(g.follower().svc.Handler(), "GET", "/metrics", nil).Body.String(), "rstuf_leading 0\n")
	// A clean end skips no version: each artifact has made one.
	assert.EqualValues(t, 7, g.leader().version("timestamp"))
	assert.EqualValues(t, 7, g.leader().version("snapshot"))
}

// A leader from which the right to publish is taken, at whatever step it stands, changes
// nothing more when it wakes; another one publishes what it had begun; and both go on.
func TestReplicaIsDeposed(t *testing.T) {
	t.Parallel()
	for _, step := range []string{".snapshot.json", "timestamp.json"} {
		for _, while := range []time.Duration{0, 300 * time.Millisecond} {
			t.Run(fmt.Sprint(step, while), func(t *testing.T) {
				t.Parallel()
				var paused atomic.Int64
				g := newGroup(t, 2, func(c *service.Config) {
					c.Events = func(e event.Event) {
						if e.Kind == event.PublishingPaused {
							paused.Add(1)
						}
					}
				})
				old, other := g.members[0], g.members[1]
				old.bootstrap()
				reached, goOn := old.files.hold(step)
				id := old.post("/artifacts/", adding("a"))
				<-reached
				g.shared.Depose(while)
				require.Eventually(t, func() bool { return other.replica.Status().Leads }, time.Minute, time.Millisecond)
				if while == 0 {
					status := old.replica.Status()
					assert.False(t, status.Leads, "though it has not ended")
					assert.NoError(t, status.Paused)
				}
				other.ok(id)
				other.ok(other.post("/artifacts/", adding("b")))
				ids := []string{old.post("/artifacts/", adding("c"))} // the one that is held accepts
				other.ok(ids[0])
				before := content(t, filepath.Join(old.cfg.Dir, "metadata"))
				close(goOn)
				require.Eventually(t, old.replica.Ended, time.Minute, time.Millisecond)
				assert.False(t, old.replica.Status().Leads)
				assert.NoError(t, old.replica.Status().Paused)
				after := content(t, filepath.Join(old.cfg.Dir, "metadata"))
				for name, data := range before { // others, which nothing names, may be there
					require.Equal(t, data, after[name], name)
				}
				for _, m := range g.members {
					m.holdsAll("a", "b", "c")
					m.ok(m.post("/artifacts/", adding("d")))
				}
				require.NoError(t, other.replica.Close(context.Background()))
				old.ok(old.post("/artifacts/", adding("e")))
				old.holdsAll("a", "b", "c", "d", "e")
				if while == 0 || step == "timestamp.json" { // else it may find first that a file of its own is gone
					assert.Zero(t, paused.Load(), "that another one publishes is no fault")
				}
			})
		}
	}
}

// A task has not ended before clients see what it has published, whichever replica is
// asked, though its end is committed.
func TestReplicasTellWhatIsSeen(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3)
	leader := g.members[0]
	leader.bootstrap()
	earlier := leader.post("/artifacts/", adding("earlier"))
	leader.ok(earlier)
	reached, goOn := leader.files.hold("timestamp.json")
	id := g.members[1].post("/artifacts/", adding("a"))
	<-reached // it is committed
	for _, m := range g.members {
		assert.Equal(t, rstuf.TaskStarted, m.task(id).State)
		assert.True(t, m.task(earlier).Succeeded())
		_, text := m.call("GET", "/tasks/", nil)
		assert.Contains(t, text, `"state":"STARTED"`)
	}
	close(goOn)
	for _, m := range g.members {
		m.ok(id)
	}
}

// A repository is bootstrapped once, wherever that is asked for; and signatures that
// wait are given at any replica.
func TestReplicasBootstrapAndSign(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3)
	a, b, c := g.members[0], g.members[1], g.members[2]
	reached, goOn := a.files.hold("1.snapshot.json")
	a.first = a.draft()
	id := b.post("/bootstrap/", a.first.Payload())
	<-reached
	for _, m := range g.members {
		code, text := m.call("POST", "/bootstrap/", a.first.Payload())
		assert.Equal(t, http.StatusNotFound, code, text)
		assert.Contains(t, text, "System already has a Metadata. State: pre")
		code, _ = m.call("POST", "/artifacts/", adding("a"))
		assert.Equal(t, http.StatusNotFound, code)
	}
	close(goOn)
	c.ok(id)
	code, text := c.call("POST", "/bootstrap/", a.first.Payload())
	assert.Equal(t, http.StatusNotFound, code, text)
	assert.Contains(t, text, "State: finished")

	b.ok(b.update(b.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) }, b.alice)))
	for _, m := range g.members {
		assert.True(t, m.waits(rstuf.RoleRoot))
	}
	c.ok(c.sign(rstuf.RoleRoot, c.bob))
	for _, m := range g.members {
		assert.False(t, m.waits(rstuf.RoleRoot))
		assert.EqualValues(t, 2, m.audit().Root.Version())
	}
	// Stopped at one, it is asked for at another in vain.
	a.ok(a.update(a.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) }, a.alice)))
	b.ok(b.post("/metadata/sign/delete", rstuf.MetadataSignDelete{Role: rstuf.RoleRoot}))
	code, text = c.call("POST", "/metadata/sign/delete", rstuf.MetadataSignDelete{Role: rstuf.RoleRoot})
	assert.Equal(t, http.StatusNotFound, code, text)
}

// The online key is changed through a replica that does not publish, and each of them
// publishes with the new one.
func TestReplicasChangeTheOnlineKey(t *testing.T) {
	t.Parallel()
	second := tuftest.Key(t, "online2")
	g := newGroup(t, 2, func(c *service.Config) { c.OnlineKeys = append(c.OnlineKeys, second) })
	a, b := g.members[0], g.members[1]
	a.bootstrap()
	b.ok(b.update(b.nextRoot(func(r *metadata.Root) { setOnline(r, second.Public()) }, b.alice, b.bob)))
	for _, m := range []*member{a, b} {
		m.ok(m.post("/artifacts/", adding("a")))
		assert.Equal(t, second.Public().ID(), m.settings().OnlineKeyID)
		m.audit()
	}
	require.NoError(t, a.replica.Close(context.Background()))
	b.ok(b.post("/artifacts/", adding("b")))
	b.holdsAll("a", "b")
}

// Roles are signed anew, and old versions removed, by the one that publishes alone.
func TestReplicasMaintain(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3, func(c *service.Config) { c.KeepVersions = time.Hour })
	g.members[0].bootstrap()
	before := g.members[1].version(rstuf.RoleTimestamp)
	g.pass(23*time.Hour + time.Minute)
	require.Eventually(t, func() bool { return g.members[1].version(rstuf.RoleTimestamp) == before+1 }, time.Minute, 5*time.Millisecond)
	for range 3 {
		g.members[2].ok(g.members[2].post("/artifacts/", adding("a")))
	}
	g.pass(2 * time.Hour)
	_, err := g.members[0].files.Read(t.Context(), "1.snapshot.json")
	for range 1000 {
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		time.Sleep(5 * time.Millisecond)
		_, err = g.members[0].files.Read(t.Context(), "1.snapshot.json")
	}
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, m := range g.members {
		m.audit()
		w := call(m.svc.Handler(), "GET", "/fsck?complete", nil)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Body.String(), `"problems":[]`)
	}
}

// What may wait is bounded by what waits at all of them.
func TestReplicasBoundWhatWaits(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		g := newGroup(t, 2, func(c *service.Config) { c.MaxWaiting = 20_000 })
		a, b := g.members[0], g.members[1]
		a.bootstrap()
		a.files.fail(errors.New("the disk is full"))
		code := 0
		for n := 0; code != http.StatusServiceUnavailable; n++ {
			code, _ = a.call("POST", "/artifacts/", adding(fmt.Sprint(n)))
		}
		require.Eventually(t, func() bool {
			code, text := b.call("POST", "/artifacts/", adding("b"))
			return code == http.StatusServiceUnavailable && strings.Contains(text, "too many requests wait")
		}, time.Minute, time.Millisecond)
		waiting := b.replica.Status()
		assert.LessOrEqual(t, waiting.Bytes, int64(21_000))
		assert.Greater(t, waiting.Waiting, 10)
		a.files.fail(nil)
		require.Eventually(t, func() bool { return b.replica.Status().Waiting == 0 && a.replica.Status().Waiting == 0 }, time.Minute, time.Millisecond)
		b.ok(b.post("/artifacts/", adding("b")))
	})
}

// While the database is away requests are refused, /readyz says so, and files are
// served; when it is back all goes on.
func TestReplicasWithoutDatabase(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2)
	a, b := g.members[0], g.members[1]
	a.bootstrap()
	id := b.post("/artifacts/", adding("a"))
	for _, m := range g.members {
		m.ok(id)
		m.holdsAll("a")
	}
	g.shared.SetAway(true)
	for _, m := range g.members {
		for _, path := range []string{"/config/", "/task/?task_id=" + id, "/tasks/", "/metadata/sign", "/bootstrap/"} {
			code, text := m.call("GET", path, nil)
			assert.Equal(t, http.StatusServiceUnavailable, code, path)
			assert.Contains(t, text, "the database is away")
			assert.NotContains(t, text, "user=")
		}
		code, text := m.call("POST", "/artifacts/", adding("b"))
		assert.Equal(t, http.StatusServiceUnavailable, code)
		assert.NotContains(t, text, "user=")
		checked := call(m.svc.Handler(), "GET", "/fsck", nil)
		assert.Equal(t, http.StatusServiceUnavailable, checked.Code)
		assert.Contains(t, checked.Body.String(), "the database is away")
		require.Eventually(t, func() bool { return call(m.svc.Handler(), "GET", "/readyz", nil).Code == http.StatusServiceUnavailable }, time.Minute, time.Millisecond)
		m.holdsAll("a")
	}
	g.shared.SetAway(false)
	for _, m := range g.members {
		require.Eventually(t, func() bool { return call(m.svc.Handler(), "GET", "/readyz", nil).Code == http.StatusOK }, time.Minute, time.Millisecond)
		m.ok(m.post("/artifacts/", adding("b")))
	}
	assert.True(t, a.replica.Status().Leads)
}

// A request of which nobody knows whether it was accepted is answered 503, and
// published if it was.
func TestReplicaLosesAnAnswer(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2)
	g.members[0].bootstrap()
	g.shared.LoseAnswer()
	code, text := g.members[1].call("POST", "/artifacts/", adding("a"))
	assert.Equal(t, http.StatusServiceUnavailable, code)
	assert.Contains(t, text, "it is not known whether the request was accepted")
	require.Eventually(t, func() bool { return g.members[0].audit().Artifacts["a"] != "" }, time.Minute, 5*time.Millisecond)
	require.Eventually(t, func() bool { return g.members[1].replica.Status().Waiting == 0 }, time.Minute, time.Millisecond)
}

// A replica that can't begin to publish says so, and goes on to accept.
func TestReplicaCannotLead(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2)
	a, b := g.members[0], g.members[1]
	a.bootstrap()
	role := a.ok(a.post("/artifacts/", adding("a"))).ArtifactRoles[0]
	name := metadata.Filename(role, 2)
	kept, err := a.files.Read(t.Context(), name)
	require.NoError(t, err)
	require.NoError(t, a.files.Remove(t.Context(), name))
	require.NoError(t, a.replica.Close(context.Background()))
	require.Eventually(t, func() bool { return b.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
	assert.ErrorIs(t, b.replica.Status().Paused, service.ErrInconsistent)
	assert.ErrorContains(t, b.replica.Status().Paused, name+": it is missing")
	assert.Equal(t, http.StatusServiceUnavailable, call(b.svc.Handler(), "GET", "/readyz", nil).Code)
	id := b.post("/artifacts/", adding("b"))
	require.NoError(t, b.files.Create(t.Context(), name, kept))
	b.ok(id)
	require.Eventually(t, func() bool { return b.replica.Status().Paused == nil }, time.Minute, time.Millisecond)
	b.holdsAll("a", "b")
}

// Close ends what is under way if it may take its time, and cuts it off if not; what
// waits is left to others, also to the same replica when it is begun again.
func TestReplicaClosesWhileWorkWaits(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 1)
	m := g.members[0]
	m.bootstrap()
	reached, goOn := m.files.hold(".snapshot.json")
	first := m.post("/artifacts/", adding("a"))
	<-reached
	second := m.post("/artifacts/", adding("b"))
	closed := make(chan error, 1)
	go func() { closed <- m.replica.Close(context.Background()) }()
	require.Eventually(t, func() bool { return call(m.svc.Handler(), "GET", "/readyz", nil).Code != http.StatusOK }, time.Minute, time.Millisecond)
	close(goOn)
	require.NoError(t, <-closed)
	m.start()
	m.ok(first)
	m.ok(second)
	assert.EqualValues(t, 3, m.version(rstuf.RoleSnapshot), "a clean end skips no version")

	m.files.fail(errors.New("the disk is full"))
	third := m.post("/artifacts/", adding("c"))
	require.Eventually(t, func() bool { return m.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
	begun := time.Now()
	require.NoError(t, m.replica.Close(context.Background()))
	assert.Less(t, time.Since(begun), 5*time.Second)
	m.start()
	m.ok(third)
	m.holdsAll("a", "b", "c")
}

// Who gathers requests for a window hands over within it, and publishes nothing before:
// another one may be about to end as well, and a publication takes its time.
func TestReplicaHandsOverWithinAWindow(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 1, func(c *service.Config) { c.PublishEvery = time.Hour })
	m := g.members[0]
	m.bootstrap()
	id := m.post("/artifacts/", adding("a"))
	time.Sleep(10 * time.Millisecond) // in which it begins to gather
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, m.replica.Close(ctx))
	assert.NoFileExists(t, m.metadataFile("2.snapshot.json"), "it is for another one")
	m.cfg.PublishEvery = 0
	m.start()
	m.ok(id)
	assert.EqualValues(t, 2, m.version(rstuf.RoleSnapshot))
}

// Events are told by the replica that publishes, and nothing is told of a handover.
func TestReplicasTellEventsOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []event.Kind
	g := newGroup(t, 3, func(c *service.Config) {
		c.Events = func(e event.Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e.Kind)
		}
	})
	g.members[2].bootstrap()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told) == 1
	}, time.Minute, time.Millisecond)
	g.shared.Depose(0)
	b := g.members[1]
	b.ok(b.update(b.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) }, b.alice, b.bob)))
	for _, m := range g.members {
		require.NoError(t, m.replica.Close(context.Background()))
	}
	assert.ElementsMatch(t, []event.Kind{event.RepositoryCreated, event.RootChanged}, told)
}

// Storages that do not keep two writers apart are refused.
func TestReplicasWantAStorage(t *testing.T) {
	t.Parallel()
	cfg := service.Config{Dir: t.TempDir(), Replicas: &sharedtest.Shared{}}
	_, err := service.OpenReplica(t.Context(), cfg)
	require.ErrorIs(t, err, service.ErrUnconditional)
	assert.ErrorContains(t, err, "Config.Storage")
	folder, err := service.NewFolder(t.TempDir())
	require.NoError(t, err)
	cfg.Storage = &unconditional{Folder: folder, times: 99}
	_, err = service.OpenReplica(t.Context(), cfg)
	require.ErrorIs(t, err, service.ErrUnconditional)
	away := &unconditional{Folder: folder, times: 99, err: errRefused}
	cfg.Storage = away
	_, err = service.OpenReplica(t.Context(), cfg)
	require.ErrorIs(t, err, errRefused)
	assert.Equal(t, 98, away.times, "who can't be asked is not asked again")
	cfg.Storage = &unconditional{Folder: folder, times: 1} // its probe was removed by another one that began
	r, err := service.OpenReplica(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, r.Close(context.Background()))
	_, err = service.Open(t.Context(), cfg)
	assert.ErrorContains(t, err, "OpenReplica")
}

type unconditional struct {
	*service.Folder
	times int
	err   error // nil means that it does not keep writers apart
}

func (u *unconditional) Probe(context.Context) error {
	if u.times--; u.times >= 0 {
		return cmp.Or(u.err, service.ErrUnconditional)
	}
	return nil
}

// A replica that alone can't write files lets another one publish, and goes on to accept.
func TestReplicaIsCutOffFromTheFiles(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		g := newGroup(t, 2)
		a, b := g.members[0], g.members[1]
		a.bootstrap()
		a.files.fail(errors.New("the bucket does not answer"))
		begun := time.Now()
		id := a.post("/artifacts/", adding("a"))
		require.Eventually(t, func() bool { return a.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
		assert.Less(t, time.Since(begun), 5*time.Second, "it says so before it lets others try")
		a.ok(id)
		assert.False(t, a.replica.Status().Leads)
		assert.True(t, b.replica.Status().Leads)
		require.Eventually(t, func() bool { return a.replica.Status().Paused == nil }, time.Minute, time.Millisecond)
		b.holdsAll("a")
		// If nobody can, the only one that is left says so, and tries again.
		require.NoError(t, b.replica.Close(context.Background()))
		id = a.post("/artifacts/", adding("b"))
		require.Eventually(t, func() bool { return a.replica.Status().Paused != nil }, time.Minute, time.Millisecond)
		a.files.fail(nil)
		a.ok(id)
		a.holdsAll("a", "b")
		require.Eventually(t, func() bool { // with what it published before
			return strings.Contains(call(a.svc.Handler(), "GET", "/metrics", nil).Body.String(), "rstuf_publications_total 2\n")
		}, time.Minute, time.Millisecond)
	})
}

// While no replica can write files, all that have tried go on to say so: that another one
// has the right to publish for a moment, to find that it can't, is no end of it.
func TestReplicasThatTryInVain(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		g := newGroup(t, 2)
		a, b := g.members[0], g.members[1]
		a.bootstrap()
		for _, m := range g.members {
			m.files.failSlowly(errors.New("the bucket does not answer"), 6*time.Second)
		}
		id := a.post("/artifacts/", adding("a"))
		paused := func(m *member) bool { return m.replica.Status().Paused != nil }
		require.Eventually(t, func() bool { return paused(a) && paused(b) }, time.Minute, time.Millisecond)
		for range 100 {
			require.True(t, paused(a) && paused(b))
			time.Sleep(50 * time.Millisecond)
		}
		for _, m := range g.members {
			m.files.fail(nil)
		}
		a.ok(id)
		require.Eventually(t, func() bool { return !paused(a) && !paused(b) }, time.Minute, time.Millisecond)
	})
}

// What another replica publishes while the files are checked is no problem.
func TestReplicasPublishDuringACheck(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2)
	a, b := g.members[0], g.members[1]
	a.bootstrap()
	reached, goOn := b.files.hold("list")
	report := make(chan string, 1)
	go func() { report <- call(b.svc.Handler(), "GET", "/fsck", nil).Body.String() }()
	<-reached
	a.ok(a.update(a.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 1) }, a.alice, a.bob)))
	close(goOn)
	assert.Contains(t, <-report, `"problems":[]`)
}

// Nor is it what a service that is alone publishes.
func TestCheckWhileSomethingIsPublished(t *testing.T) {
	t.Parallel()
	files := &gate{Folder: must(service.NewFolder(t.TempDir()))}
	f := newFixture(t, func(c *service.Config) { c.Storage = files })
	f.bootstrap()
	reached, goOn := files.hold("list")
	report := make(chan *service.Report, 1)
	go func() { report <- must(f.svc.Check(t.Context(), true)) }()
	<-reached
	f.ok(f.post("/artifacts/", adding("a")))
	close(goOn)
	assert.Empty(t, (<-report).Problems)
}

// While the database gives no answer at all, files are served as they are known.
func TestReplicaWaitsForTheDatabase(t *testing.T) {
	t.Parallel()
	inTime(t, func(t *testing.T) {
		silent := &silentShared{}
		g := newGroup(t, 1, func(c *service.Config) { silent.Shared, c.Replicas = c.Replicas, silent })
		m := g.members[0]
		m.bootstrap()
		m.holdsAll()
		silent.now.Store(true)
		defer silent.now.Store(false)
		begun := time.Now()
		_, err := m.file("timestamp.json")
		require.NoError(t, err)
		assert.Less(t, time.Since(begun), 8*time.Second) // before requests to the API are answered 503
	})
}

// silentShared gives no answers for a while.
type silentShared struct {
	service.Shared
	now atomic.Bool
}

func (s *silentShared) Join(ctx context.Context) (service.Joined, error) {
	joined, err := s.Shared.Join(ctx)
	return silentJoined{joined, s}, err
}

type silentJoined struct {
	service.Joined
	shared *silentShared
}

func (s silentJoined) Version(ctx context.Context) (string, error) {
	if s.shared.now.Load() {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return s.Joined.Version(ctx)
}
