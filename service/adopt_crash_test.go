package service

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/durable"
	"example.org/rstuf/keys"
)

// An adoption that ends before or after any durable step, by a crash of the
// process or a loss of power, leaves the source as it was. Either nothing is
// adopted, and adopting again does it, or a start goes on. So it is in a new
// folder, and in the folder itself whose state.db is lost.
func TestCrashWhileAdopting(t *testing.T) {
	t.Parallel()
	private := crashKeys(t, "alice", "bob", "online", "online2")
	draft, _ := crashRoots(t, private)
	signers := []keys.Signer{private[2]}
	origin := &crashRun{T: t, dir: t.TempDir(), signers: signers, seen: map[string][]byte{}, contents: map[string]string{}, now: time.Now()}
	require.NoError(t, origin.open(newCrasher(-1)))
	request, want := add(map[string]int{"a": 1, "b": 2})
	require.True(t, origin.send("POST", "/bootstrap/", draft.Payload(), nil) && origin.send("POST", "/artifacts/", request, want))
	require.NoError(t, origin.s.Close(t.Context()))
	before := folderOf(t, filepath.Join(origin.dir, "metadata"))
	for _, where := range []string{"a new folder", "in place", "in place of a damaged state.db"} {
		if where == "in place of a damaged state.db" && StoreOfTests != nil {
			continue // there is none
		}
		inPlace := where != "a new folder"
		for n := 1; ; n++ {
			r := &crashRun{T: t, dir: t.TempDir(), signers: signers, seen: map[string][]byte{}, contents: map[string]string{}, now: origin.now}
			folder := filepath.Join(origin.dir, "metadata")
			if inPlace {
				folder = filepath.Join(r.dir, "metadata")
				require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join(origin.dir, "metadata"))))
			}
			if where == "in place of a damaged state.db" {
				require.NoError(t, os.WriteFile(filepath.Join(r.dir, "state.db"), []byte("damaged"), 0o600))
			}
			source := Source{URL: "file://" + filepath.ToSlash(folder), Root: []byte(before["1.root.json"]), Wait: time.Nanosecond, Unpublished: []Unpublished{{Path: "a"}}}
			_, err := r.adopt(newCrasher(n), source)
			if err == nil {
				assert.Greater(t, n, 10, "an adoption has more durable steps than that")
				break
			}
			r.storage.losePower(t)
			for name, file := range folderOf(t, folder) {
				if before[name] != "" && !(inPlace && name == "timestamp.json") {
					require.Equal(t, before[name], file, "%s, crash %s", name, r.crash.at)
				}
			}
			r.published()
			_, err = r.adopt(newCrasher(-1), source)
			if err != nil { // the crash came after the commit
				require.ErrorIs(t, err, ErrNotLost, "%s, crash %s", where, r.crash.at)
			}
			require.NoError(t, r.open(newCrasher(-1)), "crash %s", r.crash.at)
			more, _ := add(map[string]int{"c": 3})
			require.True(t, r.send("POST", "/artifacts/", more, nil))
			published := r.published()
			assert.Equal(t, map[string]int{"b": 2, "c": 3}, r.lengths(published), "with what was not published, crash %s", r.crash.at)
			assert.Contains(t, []int64{4, 5}, published.Timestamp, "the adoption was published once, crash %s", r.crash.at)
			require.NoError(t, r.s.Close(t.Context()))
		}
	}
}

// adopt is an adoption that ends when the crasher says so.
func (r *crashRun) adopt(c *crasher, source Source) (*Adopted, error) {
	d := &durable.Disk{Unsafe: true, Step: c.step}
	folder, err := newFolder(filepath.Join(r.dir, "metadata"), d)
	require.NoError(r, err)
	r.crash, r.storage = c, &lossy{Folder: folder, t: r.T, contents: r.contents}
	r.now = r.now.Add(time.Minute)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		select {
		case <-c.crashed: // nothing is tried again then
			cancel()
		case <-ctx.Done():
		}
	}()
	return adopt(ctx, Config{Dir: r.dir, Store: steppingStore(r.dir, d), Storage: r.storage, OnlineKeys: r.signers, Now: func() time.Time { return r.now }}, source, d)
}

func folderOf(t *testing.T, dir string) map[string]string {
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		require.NoError(t, err)
		all[entry.Name()] = string(data)
	}
	return all
}
