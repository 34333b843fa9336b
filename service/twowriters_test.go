package service_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// paused stands still between the read and the replacement of timestamp.json.
type paused struct {
	*service.Folder
	reached, wake chan struct{}
}

func (p *paused) Replace(ctx context.Context, name string, old, data []byte) error {
	if name == "timestamp.json" && p.reached != nil {
		close(p.reached)
		p.reached = nil
		<-p.wake
	}
	return p.Folder.Replace(ctx, name, old, data)
}

// A service that is paused between reading timestamp.json and replacing it, while
// another one with a copy of its database goes on, changes nothing that clients
// see when it wakes, and says why. The names it has used are passed by.
func TestTwoWritersOfWhichOneWakesLate(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	folder, err := service.NewFolder(files)
	require.NoError(t, err)
	old := &paused{Folder: folder, wake: make(chan struct{})}
	f := newFixture(t, func(c *service.Config) { c.Storage = old })
	f.bootstrap()
	require.NoError(t, f.svc.Close(t.Context()))
	database, err := os.ReadFile(filepath.Join(f.cfg.Dir, "state.db"))
	require.NoError(t, err)
	f.start()
	first := f.svc
	reached := make(chan struct{})
	old.reached = reached
	f.post("/artifacts/", adding("a"))
	<-reached // its files are there, and committed; clients have not been told
	before := content(t, files)

	f.cfg.Dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(f.cfg.Dir, "state.db"), database, 0o600))
	if f.cfg.Storage, err = service.NewFolder(files); err != nil {
		t.Fatal(err)
	}
	f.cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	f.start()
	for _, path := range []string{"b", "c", "d"} {
		f.ok(f.post("/artifacts/", adding(path)))
	}
	published := content(t, files)
	for name, data := range published { // what nothing names may be gone
		if there, ok := before[name]; ok && name != "timestamp.json" {
			assert.Equal(t, there, data, "%s has another content now", name)
		}
	}
	close(old.wake)
	require.Eventually(t, func() bool { return first.Status().Paused != nil }, time.Minute, time.Millisecond)
	assert.ErrorContains(t, first.Status().Paused, "another process has published here: it has version 4 already, and this service was about to publish version 2")
	assert.Equal(t, published, content(t, files))
	require.ErrorIs(t, first.Status().Paused, service.ErrLost) // so it ends, though it has not announced what it committed
	assert.NoError(t, first.Close(context.Background()))
}

// Files that somebody else has made are passed by, and never removed, nor is
// anything that is newer than what is committed. What this service itself has made
// and passed by is removed.
func TestFilesOfOthersStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	role := f.ok(f.post("/artifacts/", adding("a"))).ArtifactRoles[0]
	files := filepath.Join(f.cfg.Dir, "metadata")
	other := "bins-0"
	if role == other {
		other = "bins-1"
	}
	theirs, err := os.ReadFile(filepath.Join(files, "1.snapshot.json"))
	require.NoError(t, err)
	place := func(name string) { require.NoError(t, os.WriteFile(filepath.Join(files, name), theirs, 0o644)) }
	place("3.snapshot.json") // the next
	place("50." + other + ".json")
	f.ok(f.post("/artifacts/", adding("a")))
	require.Eventually(t, func() bool { // its first attempt
		_, err := os.Stat(filepath.Join(files, "3."+role+".json"))
		return os.IsNotExist(err)
	}, time.Minute, time.Millisecond)
	f.restart() // it finds what is newer
	place("60." + role + ".json")
	for range 3 {
		f.ok(f.post("/artifacts/", adding("a")))
	}
	f.audit()
	for _, name := range []string{"3.snapshot.json", "50." + other + ".json", "60." + role + ".json"} {
		data, err := os.ReadFile(filepath.Join(files, name))
		require.NoError(t, err)
		assert.Equal(t, theirs, data, name)
	}
}

func content(t *testing.T, dir string) map[string]string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	files := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		_, err = metadata.Parse(data)
		require.NoError(t, err, e.Name())
		files[e.Name()] = string(data)
	}
	return files
}
