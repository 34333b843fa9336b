package service_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// fullDisk is a storage on which nothing can be written while full is set.
type fullDisk struct {
	*service.Folder
	full atomic.Bool
}

func (d *fullDisk) Create(ctx context.Context, name string, data []byte) error {
	if d.full.Load() {
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return d.Folder.Create(ctx, name, data)
}

func (d *fullDisk) Replace(ctx context.Context, name string, old, data []byte) error {
	if d.full.Load() {
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return d.Folder.Replace(ctx, name, old, data)
}

// While the disk is full, publishing is paused with the reason; requests are
// taken, and published once there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	folder, err := service.NewFolder(t.TempDir())
	require.NoError(t, err)
	disk := &fullDisk{Folder: folder}
	f := newFixture(t, func(c *service.Config) { c.Storage = disk })
	f.bootstrap()
	disk.full.Store(true)
	id := f.post("/artifacts/", adding("a"))
	require.Eventually(t, func() bool { return f.svc.Status().Paused != nil }, time.Minute, time.Millisecond)
	assert.ErrorIs(t, f.svc.Status().Paused, syscall.ENOSPC)
	ready := call(f.svc.Handler(), "GET", "/readyz", nil)
	assert.Equal(t, http.StatusServiceUnavailable, ready.Code)
	assert.NotContains(t, ready.Body.String(), "no space left", "details are not for everybody")
	assert.Contains(t, call(f.svc.Handler(), "GET", "/metrics", nil).Body.String(), "rstuf_paused 1")
	assert.Empty(t, f.audit().Artifacts, "what was published stays as it is")
	disk.full.Store(false)
	f.ok(id)
	assert.NoError(t, f.svc.Status().Paused)
	assert.Len(t, f.audit().Artifacts, 1)
}

// Why nothing is published names files: those with a token are told.
func TestReadyTellsDetailsToTokens(t *testing.T) {
	t.Parallel()
	folder, err := service.NewFolder(t.TempDir())
	require.NoError(t, err)
	disk := &fullDisk{Folder: folder}
	f := newFixture(t, func(c *service.Config) {
		c.Storage, c.Tokens = disk, []service.Token{newToken(t, "admin", adminSecret)}
	})
	disk.full.Store(true)
	payload, err := json.Marshal(f.draft().Payload())
	require.NoError(t, err)
	code, text := authorized(f, "POST", "/api/v1/bootstrap/", "Bearer "+adminSecret, string(payload))
	require.Equal(t, http.StatusAccepted, code, text)
	require.Eventually(t, func() bool { return f.svc.Status().Paused != nil }, time.Minute, time.Millisecond)
	for _, authorization := range []string{"", "Bearer guess"} {
		code, text = authorized(f, "GET", "/readyz", authorization, "")
		assert.Equal(t, http.StatusServiceUnavailable, code)
		assert.Equal(t, "publishing is paused: the log says why\n", text)
	}
	_, text = authorized(f, "GET", "/readyz", "Bearer "+adminSecret, "")
	assert.Contains(t, text, "no space left")
	disk.full.Store(false)
}

// A file that is not what was published is never built upon. Once the right
// one is back, publishing goes on.
func TestDamagedRole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))
	roles := f.ok(f.post("/artifacts/", adding("a"))).ArtifactRoles
	require.Len(t, roles, 1)
	file := filepath.Join(f.cfg.Dir, "metadata", "3."+roles[0]+".json")
	right, err := os.ReadFile(file)
	require.NoError(t, err)
	damaged := append([]byte(nil), right...)
	damaged[len(damaged)/2] ^= 1
	require.NoError(t, os.WriteFile(file, damaged, 0o644))
	id := f.post("/artifacts/", adding("a"))
	require.Eventually(t, func() bool { return f.svc.Status().Paused != nil }, time.Minute, time.Millisecond)
	assert.ErrorContains(t, f.svc.Status().Paused, "3."+roles[0]+".json is damaged")
	require.NoError(t, os.WriteFile(file, right, 0o644))
	f.ok(id)
	f.audit()
}

// A folder that cannot be used is refused with the reason.
func TestFoldersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))
	require.NoError(t, f.svc.Close(context.Background()))
	database := filepath.Join(f.cfg.Dir, "state.db")
	right, err := os.ReadFile(database)
	require.NoError(t, err)
	open := func(says string) {
		t.Helper()
		_, err := service.Open(t.Context(), f.cfg)
		require.Error(t, err)
		assert.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, f.cfg.Dir)
	}

	require.NoError(t, os.WriteFile(database, []byte("this is not a database"), 0o600))
	open("state.db")
	for _, size := range []int{1, 4096, 8192, len(right) / 2} {
		require.NoError(t, os.WriteFile(database, right[:size], 0o600))
		open("state.db")
	}
	for page := 2; page < len(right)/4096; page++ { // each may open, or be refused, but nothing panics
		damaged := append([]byte(nil), right...)
		for i := range 64 {
			damaged[page*4096+i] ^= 0xa5
		}
		require.NoError(t, os.WriteFile(database, damaged, 0o600))
		if svc, err := service.Open(t.Context(), f.cfg); err == nil {
			require.NoError(t, svc.Close(context.Background()))
		}
	}

	require.NoError(t, os.Remove(database))
	open("that the database does not know")
	require.NoError(t, os.WriteFile(database, right, 0o600))
	targets := filepath.Join(f.cfg.Dir, "metadata", "1.targets.json")
	file, err := os.ReadFile(targets)
	require.NoError(t, err)
	require.NoError(t, os.Remove(targets))
	open("1.targets.json")
	require.NoError(t, os.WriteFile(targets, file, 0o644))

	f.start()
	assert.Len(t, f.audit().Artifacts, 1)
	_, err = service.Open(t.Context(), service.Config{Dir: database})
	assert.Error(t, err, "a file is no folder")
	_, err = service.Open(t.Context(), service.Config{})
	assert.ErrorContains(t, err, "Config.Dir is empty")
	_, err = service.Open(t.Context(), service.Config{Dir: t.TempDir(), OnlineKeys: []keys.Signer{nil}})
	assert.ErrorContains(t, err, "Config.OnlineKeys[0] is nil")
	_, err = service.Open(t.Context(), service.Config{Dir: t.TempDir(), KeepTasks: -1})
	assert.ErrorContains(t, err, "negative")
}

// The results of tasks are kept for a time, and then forgotten.
func TestResultsAreForgotten(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.KeepTasks = time.Hour })
	f.bootstrap()
	id := f.post("/artifacts/", adding("a"))
	f.ok(id)
	f.pass(2 * time.Hour)
	f.ok(f.post("/artifacts/", adding("b")))
	assert.Equal(t, rstuf.TaskPending, f.task(id).State)
}

// Who has no time to wait for the end leaves what waits in the queue, and is
// told so.
func TestCloseInAHurry(t *testing.T) {
	t.Parallel()
	folder, err := service.NewFolder(t.TempDir())
	require.NoError(t, err)
	disk := &fullDisk{Folder: folder}
	f := newFixture(t, func(c *service.Config) { c.Storage = disk })
	f.bootstrap()
	disk.full.Store(true)
	id := f.post("/artifacts/", adding("a"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = f.svc.Close(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "stays queued")
	disk.full.Store(false)
	f.start()
	f.ok(id)
	assert.Len(t, f.audit().Artifacts, 1)
}

// What no role can hold is refused, and what came with it is published.
func TestRoleThatWouldBeTooLarge(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins = 0
		p.Delegations = []ceremony.Role{{Name: "all", Paths: []string{"*"}, Days: 7}}
	})
	large := func(path string) string {
		request := adding(path)
		request.SkipPublish = true
		request.Artifacts[0].Info.Custom = json.RawMessage(`{"text":"` + strings.Repeat("x", metadata.MaxSize/2+1000) + `"}`)
		return f.post("/artifacts/", request)
	}
	first, second := large("a"), large("b")
	f.ok(f.post("/artifacts/", adding("c")))
	f.ok(first)
	task := f.end(second)
	assert.Equal(t, rstuf.TaskErrored, task.State)
	assert.Contains(t, task.Reason(), "role all")
	assert.NoError(t, f.svc.Status().Paused)
	repo := f.audit()
	assert.Contains(t, repo.Artifacts, "a")
	assert.Contains(t, repo.Artifacts, "c")
	assert.Len(t, repo.Artifacts, 2)
}

// A repository whose online key is gone stays as it is and says what is
// missing; with the key back, what was accepted is published.
func TestOnlineKeyIsGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	require.NoError(t, f.svc.Close(context.Background()))
	f.cfg.OnlineKeys = nil
	f.start()
	id := f.post("/artifacts/", adding("a"))
	require.Eventually(t, func() bool { return f.svc.Status().Paused != nil }, time.Minute, time.Millisecond)
	assert.ErrorContains(t, f.svc.Status().Paused, "cannot be opened")
	pem, err := f.online.MarshalPEM(nil)
	require.NoError(t, err)
	folder := filepath.Join(f.cfg.Dir, "keys")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, writeFile(filepath.Join(folder, f.online.Public().ID()), pem))
	f.ok(id)
	assert.Len(t, f.audit().Artifacts, 1)
}

// Bad tasks and good ones: a request that is refused after it was accepted
// changes nothing and holds nothing up.
func TestRefusedRequestsChangeNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	before := f.settings()
	for path, body := range map[string]string{
		"/metadata/sign":      `{"role":"root","signature":{"keyid":"aa","sig":"bb"}}`,
		"/metadata/online":    `{"roles":["nobody"]}`,
		"/artifacts/delete":   `{"artifacts":[]}`,
		"/delegations/delete": `{"delegations":{"roles":[{"name":"bins-0"}]}}`,
	} {
		task := f.end(f.post(path, []byte(body)))
		assert.False(t, task.Succeeded(), path)
		assert.NotEmpty(t, task.Reason(), path)
	}
	assert.Equal(t, before, f.settings())
	assert.Equal(t, int64(1), f.audit().Timestamp)
	assert.NoError(t, f.svc.Status().Paused)
}
