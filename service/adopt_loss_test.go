package service_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// inPlace has a service go on from its own files.
func (f *fixture) inPlace() (*service.Adopted, error) {
	root, err := os.ReadFile(f.metadataFile("1.root.json"))
	require.NoError(f, err)
	return service.Adopt(f.Context(), f.cfg, service.Source{URL: "file://" + filepath.ToSlash(f.metadataFile("")), Root: root, Wait: time.Millisecond})
}

// goOn starts a service whose database was lost, and looks whether it is whole.
func (f *fixture) goOn() {
	report, err := service.Check(f.Context(), f.cfg, true)
	require.NoError(f, err)
	require.Empty(f, report.Problems)
	f.start()
	f.ok(f.post("/artifacts/", adding("pub/after")))
	assert.Contains(f, f.audit().Artifacts, "pub/after")
}

// The database is deleted while many publish. Everything that was published is
// there afterwards, and clients that saw the last of it follow.
func TestAdoptAfterALossUnderLoad(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	client := tufClient(t, f.svc.MetadataHandler(), f.clock())
	require.NoError(t, client.Refresh())
	var load sync.WaitGroup
	for _, path := range []string{"a", "b", "c", "d", "e", "f"} {
		load.Go(func() { f.ok(f.post("/artifacts/", adding(path))) })
	}
	require.NoError(t, os.Remove(filepath.Join(f.cfg.Dir, "state.db")))
	load.Wait()
	parked := adding("lost")
	parked.SkipPublish = true
	f.post("/artifacts/", parked)
	f.close()
	require.NoFileExists(t, filepath.Join(f.cfg.Dir, "state.db"))
	before := f.folder()
	last := f.version("snapshot")

	_, err := service.Open(t.Context(), f.cfg)
	require.ErrorContains(t, err, "--adopt")
	require.NoError(t, os.Remove(filepath.Join(f.cfg.Dir, "state.db"))) // which a start makes
	done, err := f.inPlace()
	require.NoError(t, err)
	assert.Equal(t, &service.Lost{Waiting: -1}, done.Lost)
	assert.Zero(t, done.Files, "all is there")
	for name, file := range before {
		if name != "timestamp.json" {
			assert.Equal(t, file, f.folder()[name], name)
		}
	}
	f.goOn()
	assert.Len(t, f.audit().Artifacts, 7)
	assert.Greater(t, f.version("snapshot"), last+1, "a version that was written and not named may have been fetched")
}

// A damaged database is kept, and tells what it still can.
func TestAdoptAfterDamage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage  func(t *testing.T, path string)
		waiting int
		snaps   int // the life of a snapshot
		signing []string
	}{
		"an entry": {func(t *testing.T, path string) {
			db, err := bolt.Open(path, 0o600, nil)
			require.NoError(t, err)
			require.NoError(t, db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("roles")).Put([]byte("pub"), []byte("?")) }))
			require.NoError(t, db.Close())
		}, 2, 3, []string{"dev", "root"}},
		"cut off": {func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 9000)) }, -1, 1, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, f, dev := oldRoles(t)
			for _, path := range []string{"pub/x", "pub/y"} {
				parked := adding(path)
				parked.SkipPublish = true
				f.post("/artifacts/", parked)
			}
			f.close()
			database := filepath.Join(f.cfg.Dir, "state.db")
			require.NoError(t, writeFile(database+".damaged", []byte("an earlier one")))
			test.damage(t, database)
			_, err := service.Open(t.Context(), f.cfg)
			require.ErrorContains(t, err, "state.db is damaged")

			done, err := f.inPlace()
			require.NoError(t, err)
			assert.Equal(t, &service.Lost{Waiting: test.waiting, Aside: "state.db.damaged-2"}, done.Lost)
			assert.Equal(t, test.snaps, done.Expiration["snapshot"])
			assert.Equal(t, test.signing, done.Signing)
			assert.FileExists(t, database+".damaged-2")
			earlier, err := os.ReadFile(database + ".damaged")
			require.NoError(t, err)
			assert.Equal(t, "an earlier one", string(earlier))
			f.goOn()
			if len(test.signing) > 0 {
				f.ok(f.sign("dev", dev))
				assert.Contains(t, f.audit().Artifacts, "dev/a")
			}
		})
	}
}

// An older database that was put back is fine, and so nothing is adopted over it.
func TestAdoptLeavesAnOldDatabase(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.close()
	database := filepath.Join(f.cfg.Dir, "state.db")
	old, err := os.ReadFile(database)
	require.NoError(t, err)
	f.start()
	f.ok(f.post("/artifacts/", adding("a")))
	f.close()
	require.NoError(t, writeFile(database, old))
	before := f.folder()
	_, err = f.inPlace()
	require.ErrorIs(t, err, service.ErrNotLost)
	assert.Equal(t, before, f.folder())
	require.NoError(t, os.Rename(database, database+".old"))
	_, err = f.inPlace()
	require.NoError(t, err)
	f.goOn()
}

// Roles whose people must sign next are not confused by a loss: what they had
// signed stays published.
func TestAdoptInPlaceKeepsRolesOfPeople(t *testing.T) {
	t.Parallel()
	_, f, dev := oldRoles(t)
	f.ok(f.sign("dev", dev))
	version := f.version("dev")
	f.close()
	require.NoError(t, os.Remove(filepath.Join(f.cfg.Dir, "state.db")))
	_, err := f.inPlace()
	require.NoError(t, err)
	f.goOn()
	assert.Equal(t, version, f.version("dev"))
	f.ok(f.post("/artifacts/", adding("dev/b")))
	f.ok(f.sign("dev", dev))
	assert.Greater(t, f.version("dev"), version)
	assert.Contains(t, f.audit().Artifacts, "dev/a")
	assert.Contains(t, f.audit().Artifacts, "dev/b")
	f.ok(f.update(f.nextRoot(func(r *metadata.Root) { r.Expires = r.Expires.AddDate(0, 0, 2) }, f.alice, f.bob)))
}
