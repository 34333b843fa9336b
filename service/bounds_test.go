package service_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/service"
)

var whole = flag.Bool("whole", false, "test bounds with as much as one request may have, not with an eighth")

// Memory follows the bytes of requests, not what they multiply with: 1.7 million
// paths of four bytes to be removed from 64 roles once took more than 4 GiB.
func TestMemoryOfARemoval(t *testing.T) {
	paths, most := 1_700_000/8, uint64(128<<20)
	if *whole {
		paths, most = 1_700_000, 1<<30
	}
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins = 0
		for i := range 64 {
			p.Delegations = append(p.Delegations, ceremony.Role{Name: fmt.Sprintf("role%d", i), Paths: []string{fmt.Sprintf("%d/*", i)}, Days: 7})
		}
	})
	f.ok(f.post("/artifacts/", adding("7/kept", "7/gone", "9/gone")))
	var body strings.Builder
	body.WriteString(`{"artifacts":["7/gone","9/gone"`)
	for i := range paths {
		fmt.Fprintf(&body, ",\"%x\"", i)
	}
	body.WriteString("]}")
	require.Less(t, body.Len(), 32<<20)

	var peak atomic.Uint64
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	id := f.post("/artifacts/delete", []byte(body.String()))
	var task rstuf.Task
	require.Eventually(t, func() bool { task = f.task(id); return task.State.Terminal() }, 5*time.Minute, 50*time.Millisecond)
	close(done)
	<-ended
	assert.Equal(t, []string{"7/gone", "9/gone"}, task.Result.Details.DeletedArtifacts)
	assert.Len(t, task.Result.Details.NotFoundArtifacts, paths)
	assert.Contains(t, f.audit().Artifacts, "7/kept")
	assert.Len(t, f.audit().Artifacts, 1)
	t.Logf("peak of the heap: %d MiB", peak.Load()>>20)
	assert.Less(t, peak.Load(), most)
}

// What one publication could not hold is refused before it is acknowledged.
func TestTooManyInOneRequest(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.MaxBody = 64 << 20 })
	f.bootstrap()
	code, text := f.call("POST", "/artifacts/delete", []byte(`{"artifacts":["a"`+strings.Repeat(`,"b"`, 4_000_000)+`]}`))
	assert.Equal(t, 413, code)
	assert.Contains(t, text, "send it in parts")
	assert.Zero(t, f.svc.Status().Waiting)
}

// Changes of one path in one publication take effect in the order of arrival,
// also where removals look in every role.
func TestRemovalsAmongAdditions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins, p.Delegations = 0, []ceremony.Role{{Name: "a", Paths: []string{"a/*"}, Days: 7}, {Name: "all", Paths: []string{"*", "*/*"}, Days: 7}}
	})
	f.ok(f.post("/artifacts/", adding("a/old", "x")))
	park := func(path string, body any) string { return f.post(path, body) }
	remove := func(paths ...string) rstuf.DeleteArtifacts {
		return rstuf.DeleteArtifacts{Artifacts: paths, SkipPublish: true}
	}
	add := func(paths ...string) rstuf.AddArtifacts { r := adding(paths...); r.SkipPublish = true; return r }
	ids := []string{
		park("/artifacts/", add("a/new", "a/back")),
		park("/artifacts/delete", remove("a/new", "a/old", "x", "a/old", "nothing")),
		park("/artifacts/", add("a/old")),
		park("/artifacts/delete", remove("a/back")),
		park("/artifacts/", add("a/back", "x")),
		park("/artifacts/delete", remove("x")),
	}
	f.ok(f.post("/artifacts/publish/", nil))
	second := f.task(ids[1]).Result.Details
	assert.Equal(t, []string{"a/new", "a/old", "x"}, second.DeletedArtifacts)
	assert.Equal(t, []string{"a/old", "nothing"}, second.NotFoundArtifacts, "the second time it is gone")
	artifacts := f.audit().Artifacts
	assert.Len(t, artifacts, 2)
	assert.Contains(t, artifacts, "a/old")
	assert.Contains(t, artifacts, "a/back")
}

// A result is there for everybody who waits for it, however many end at once.
func TestResultsOfManyTasks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	const many = 12_000
	ids := make([]string, many)
	parked := []byte(`{"artifacts":[],"publish_artifacts":false}`)
	for i := range ids {
		ids[i] = f.post("/artifacts/", parked)
	}
	f.ok(f.post("/artifacts/publish/", nil))
	for _, id := range ids {
		if state := f.task(id).State; state != rstuf.TaskSuccess {
			t.Fatalf("task %s is %s", id, state)
		}
	}
	f.pass(11 * time.Minute)
	f.ok(f.post("/artifacts/", adding("a")))
	assert.Equal(t, rstuf.TaskPending, f.task(ids[0]).State, "they are too many to keep for a day")
	assert.Equal(t, rstuf.TaskSuccess, f.task(ids[many-1]).State)
}

// slowRemovals is a storage that takes its time to remove files.
type slowRemovals struct {
	*service.Folder
	started, goOn chan struct{}
}

func (s *slowRemovals) Remove(ctx context.Context, name string) error {
	select {
	case s.started <- struct{}{}:
	default:
	}
	select {
	case <-s.goOn:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Folder.Remove(ctx, name)
}

// Old versions are removed beside publications, which do not wait for that.
func TestPruningBesidePublications(t *testing.T) {
	t.Parallel()
	folder, err := service.NewFolder(t.TempDir())
	require.NoError(t, err)
	slow := &slowRemovals{folder, make(chan struct{}, 1), make(chan struct{})}
	f := newFixture(t, func(c *service.Config) { c.Storage, c.KeepVersions = slow, time.Hour })
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a")))
	require.Eventually(t, func() bool { return f.svc.Replaced() > 0 }, time.Minute, time.Millisecond)
	f.pass(2 * time.Hour)
	<-slow.started // and it does not end
	f.ok(f.post("/artifacts/", adding("b")))
	close(slow.goOn)
}

// A window gathers what comes within it into one publication.
func TestPublishEvery(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.PublishEvery = 300 * time.Millisecond })
	f.bootstrap()
	before := f.version("snapshot")
	var ids []string
	for i := range 20 {
		ids = append(ids, f.post("/artifacts/", adding(fmt.Sprint(i))))
	}
	for _, id := range ids {
		f.ok(id)
	}
	assert.LessOrEqual(t, f.version("snapshot"), before+2)
	assert.Len(t, f.audit().Artifacts, 20)
	id := f.post("/artifacts/", adding("last"))
	f.restart() // does not wait for the window
	f.ok(id)
}
