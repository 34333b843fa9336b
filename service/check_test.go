package service_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

func (f *fixture) metadataFile(name string) string { return filepath.Join(f.cfg.Dir, "metadata", name) }

func (f *fixture) close() { require.NoError(f, f.svc.Close(context.Background())) }

// version is the published version of a role.
func (f *fixture) version(role string) int64 {
	data, err := os.ReadFile(f.metadataFile("timestamp.json"))
	require.NoError(f, err)
	doc, err := metadata.Parse(data)
	require.NoError(f, err)
	view, err := doc.Timestamp()
	require.NoError(f, err)
	number := view.Meta["snapshot.json"].Version
	if role == "timestamp" {
		return doc.Version()
	}
	if role == "snapshot" {
		return number
	}
	data, err = os.ReadFile(f.metadataFile(metadata.Filename("snapshot", number)))
	require.NoError(f, err)
	doc, err = metadata.Parse(data)
	require.NoError(f, err)
	snapshot, err := doc.Snapshot()
	require.NoError(f, err)
	return snapshot.Meta[role+".json"].Version
}

// What a crash cannot leave is refused at the start, with what was found and
// what to do; nothing is changed.
func TestStartRefusesWhatIsNoCrash(t *testing.T) {
	t.Parallel()
	copyDB := func(f *fixture, from, to string) {
		data, err := os.ReadFile(filepath.Join(f.cfg.Dir, from))
		require.NoError(f, err)
		require.NoError(f, writeFile(filepath.Join(f.cfg.Dir, to), data))
	}
	for name, c := range map[string]struct {
		harm func(f *fixture)
		says []string
	}{
		"an older database": {func(f *fixture) { copyDB(f, "old.db", "state.db") }, []string{"timestamp.json", "has version 4", "the database only version 2", "newest one"}},
		"a missing role": {func(f *fixture) {
			require.NoError(f, os.Remove(f.metadataFile(metadata.Filename("bins-0", f.version("bins-0")))))
		}, []string{".bins-0.json", "missing", "backup"}},
		"a missing root": {func(f *fixture) {
			f.start()
			f.ok(f.update(f.nextRoot(func(root *metadata.Root) { root.Expires = root.Expires.Add(time.Hour) }, f.alice, f.bob)))
			f.close()
			require.NoError(f, os.Remove(f.metadataFile("1.root.json")))
		}, []string{"1.root.json", "missing"}},
		"a missing timestamp": {func(f *fixture) { require.NoError(f, os.Remove(f.metadataFile("timestamp.json"))) }, []string{"timestamp.json", "missing", "version 4 was published"}},
		"another timestamp of that version": {func(f *fixture) {
			data, err := os.ReadFile(f.metadataFile("timestamp.json"))
			require.NoError(f, err)
			require.NoError(f, writeFile(f.metadataFile("timestamp.json"), append(data, '\n')))
		}, []string{"timestamp.json", "another version 4", "fsck --repair"}},
		"a damaged timestamp": {func(f *fixture) { require.NoError(f, writeFile(f.metadataFile("timestamp.json"), []byte("{"))) }, []string{"timestamp.json", "damaged", "fsck --repair"}},
		"a newer root":        {func(f *fixture) { require.NoError(f, writeFile(f.metadataFile("2.root.json"), []byte("{}"))) }, []string{"2.root.json", "newer than the database"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.bootstrap()
			f.ok(f.post("/artifacts/", adding("a")))
			f.close()
			copyDB(f, "state.db", "old.db")
			f.start()
			for _, path := range []string{"b", "c"} {
				f.ok(f.post("/artifacts/", adding(path)))
			}
			f.close()
			c.harm(f)
			before := f.folder()
			_, err := service.Open(t.Context(), f.cfg)
			require.ErrorIs(t, err, service.ErrInconsistent)
			for _, text := range c.says {
				assert.ErrorContains(t, err, text)
			}
			assert.Equal(t, before, f.folder(), "nothing is changed")
			report, err := service.Check(t.Context(), f.cfg, false)
			require.NoError(t, err)
			assert.NotEmpty(t, report.Problems)
			f.svc, err = service.Open(t.Context(), service.Config{Dir: t.TempDir()}) // for the fixture to close
			require.NoError(t, err)
		})
	}
}

// folder is the metadata folder's content.
func (f *fixture) folder() map[string]string {
	files := map[string]string{}
	entries, err := os.ReadDir(f.metadataFile(""))
	require.NoError(f, err)
	for _, e := range entries {
		data, err := os.ReadFile(f.metadataFile(e.Name()))
		require.NoError(f, err)
		files[e.Name()] = string(data)
	}
	return files
}

// A version number whose file somebody may have fetched is not used again: not
// when a publication fails half-way, and not after that. What it left is there,
// is not served, and is removed once a later version is published.
func TestFailedPublicationLeavesItsNumber(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	inner, err := service.NewFolder(folder)
	require.NoError(t, err)
	disk := &noSnapshots{Folder: inner}
	f := newFixture(t, func(c *service.Config) { c.Storage = disk })
	f.bootstrap()
	disk.full.Store(true)
	id := f.post("/artifacts/", adding("a"))
	require.Eventually(t, func() bool { return f.svc.Status().Paused != nil }, time.Minute, time.Millisecond)
	entries, err := filepath.Glob(filepath.Join(folder, "2.bins-*.json"))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	left := filepath.Base(entries[0])
	content, err := os.ReadFile(entries[0])
	require.NoError(t, err)
	f.pass(time.Hour) // what is made now is another content
	disk.full.Store(false)
	f.ok(id)
	after, err := os.ReadFile(entries[0])
	if err == nil {
		assert.Equal(t, content, after, "the name holds what it held")
	}
	w := httptest.NewRecorder()
	f.svc.MetadataHandler().ServeHTTP(w, httptest.NewRequest("GET", "/"+left, nil))
	assert.Equal(t, http.StatusNotFound, w.Code, "it was never published")
	assert.FileExists(t, filepath.Join(folder, strings.Replace(left, "2.", "3.", 1)))
	require.Eventually(t, func() bool { _, err := os.Stat(entries[0]); return os.IsNotExist(err) }, time.Minute, time.Millisecond)
}

// noSnapshots is a storage with room for anything but snapshots while full.
type noSnapshots struct {
	*service.Folder
	full atomic.Bool
}

func (d *noSnapshots) Create(ctx context.Context, name string, data []byte) error {
	if d.full.Load() && strings.HasSuffix(name, "snapshot.json") {
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	return d.Folder.Create(ctx, name, data)
}

// A stop in order skips no version.
func TestVersionsFollowAfterAStop(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	for want := int64(2); want < 5; want++ {
		f.restart()
		f.ok(f.post("/artifacts/", adding("a"+string(rune('0'+want)))))
		assert.Equal(t, want, f.version("snapshot"))
		assert.Equal(t, want, f.version("timestamp"))
	}
}

// The complete check finds one changed byte in any published file; the quick
// one that it is gone. A repository that is well has no problems.
func TestCheck(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a", "b", "c")))
	f.ok(f.update(f.nextRoot(func(root *metadata.Root) { root.Expires = root.Expires.Add(time.Hour) }, f.alice, f.bob)))
	f.ok(f.post("/artifacts/", adding("d")))
	for _, complete := range []bool{false, true} {
		online, err := f.svc.Check(t.Context(), complete)
		require.NoError(t, err)
		assert.Empty(t, online.Problems)
		assert.NotZero(t, online.Files)
	}
	published := []string{"timestamp.json", "1.root.json", "2.root.json", "1.targets.json"}
	for _, role := range []string{"snapshot", "bins-0", "bins-1", "bins-2", "bins-3"} {
		published = append(published, metadata.Filename(role, f.version(role)))
	}
	f.close()
	for _, name := range published {
		path := f.metadataFile(name)
		right, err := os.ReadFile(path)
		require.NoError(t, err)
		for at := 0; at < len(right); at += len(right)/5 + 1 {
			wrong := []byte(string(right))
			wrong[at] ^= 4
			require.NoError(t, os.WriteFile(path, wrong, 0o644))
			report, err := service.Check(t.Context(), f.cfg, true)
			require.NoError(t, err)
			require.NotEmpty(t, report.Problems, "%s, byte %d", name, at)
			assert.Equal(t, name, report.Problems[0].File)
			assert.NotEmpty(t, report.Problems[0].Remedy)
		}
		require.NoError(t, os.Remove(path))
		report, err := service.Check(t.Context(), f.cfg, false)
		require.NoError(t, err)
		if name == "2.root.json" { // a crash can leave the newest out
			assert.Empty(t, report.Problems)
		} else {
			require.Len(t, report.Problems, 1, name)
			assert.Equal(t, name, report.Problems[0].File)
		}
		require.NoError(t, os.WriteFile(path, right, 0o644))
	}
	report, err := service.Check(t.Context(), f.cfg, true)
	require.NoError(t, err)
	assert.Empty(t, report.Problems)
	f.start()
}
