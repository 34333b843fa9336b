package service_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/race"
	"example.org/rstuf/service"
)

// One flipped bit anywhere in the database, before a start or while the service
// runs, ends neither the process nor in a wait for ever: it is an error, or does
// no harm.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	f.ok(f.post("/artifacts/", adding("a", "b")))
	parked := adding("c")
	parked.SkipPublish = true
	f.post("/artifacts/", parked)
	f.close()
	original := f.cfg.Dir
	right, err := os.ReadFile(filepath.Join(original, "state.db"))
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for i := range 240 {
		f.cfg.Dir = t.TempDir()
		require.NoError(t, os.CopyFS(f.cfg.Dir, os.DirFS(original)))
		path := filepath.Join(f.cfg.Dir, "state.db")
		flip := func() {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			at := random.IntN(len(right))
			_, err = file.WriteAt([]byte{right[at] ^ 1<<random.IntN(8)}, int64(at))
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}
		// Over damaged pages that are in use the library reads memory that is
		// others'. It ends as an error all the same, but the race detector sees it.
		running := i%3 == 0 && !race.Enabled
		if !running {
			flip()
		}
		svc, err := service.Open(t.Context(), f.cfg)
		if err != nil {
			refused++
			continue
		}
		f.svc = svc
		if running {
			flip()
		}
		code, text := f.call("POST", "/artifacts/", adding("d"))
		assert.Contains(t, []int{202, 503}, code, text)
		f.call("GET", "/task/?task_id=00", nil)
		f.call("POST", "/artifacts/publish/", nil)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_ = svc.Close(ctx) // the error of a database that is damaged
		cancel()
	}
	assert.NotZero(t, refused)
	f.svc, err = service.Open(t.Context(), service.Config{Dir: t.TempDir()}) // for the fixture to close
	require.NoError(t, err)
}
