package service_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/service"
)

// far is a storage that takes a while for each file.
type far struct {
	service.Storage
	takes time.Duration
	reads atomic.Int64 // of bins
}

func (f *far) Create(ctx context.Context, name string, data []byte) error {
	time.Sleep(f.takes)
	return f.Storage.Create(ctx, name, data)
}

func (f *far) Read(ctx context.Context, name string) ([]byte, error) {
	if strings.Contains(name, ".bins-") {
		f.reads.Add(1)
	}
	return f.Storage.Read(ctx, name)
}

func newFar(t *testing.T, takes time.Duration) (*fixture, *far) {
	storage := &far{takes: takes}
	f := newFixture(t, func(c *service.Config) {
		folder, err := service.NewFolder(c.Dir + "/files")
		require.NoError(t, err)
		storage.Storage = folder
		c.Storage, c.Now, c.BumpEvery = storage, time.Now, 10000*time.Hour
	})
	f.now = time.Now()
	return f, storage
}

// Where a publication takes long, large requests wait for each other as long as one
// takes.
func TestLargeRequestsArePublishedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFar(t, 2*time.Second)
		f.bootstrap(func(p *ceremony.Policy) { p.HashBins = 64 }) // 16 at a time: at least 8 seconds
		before := f.timestamp().Version()
		var ids []string
		for i := range 8 {
			ids = append(ids, f.post("/artifacts/", artifactsBody(10_000*i, 10_000)))
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(30 * time.Second)
		for _, id := range ids {
			f.ok(id)
		}
		assert.Equal(t, before+1, f.timestamp().Version(), "one publication")
	})
}

// What this process has written it does not read again, where that is far away; what
// another one has written it does.
func TestWhatIsFarIsReadOnce(t *testing.T) {
	f, storage := newFar(t, 0)
	f.bootstrap()
	for i := range 5 {
		f.ok(f.post("/artifacts/", artifactsBody(i, 20)))
	}
	assert.Zero(t, storage.reads.Load())
	f.restart()
	storage.reads.Store(0)
	f.ok(f.post("/artifacts/", artifactsBody(30, 20)))
	assert.EqualValues(t, 4, storage.reads.Load(), "each bin")
	f.ok(f.post("/artifacts/", artifactsBody(60, 20)))
	assert.EqualValues(t, 4, storage.reads.Load())
	assert.Len(t, f.audit().Artifacts, 24+20+20)
}
