package repository_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// TestWaitFor: a server shows what was published only after a while.
func TestWaitFor(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "old", []byte("old"))
	stage := newStage(t, repo)
	old, now := snapshotOf(t, repo), stage.handler
	r := downloader(t, repo, func(cfg *repository.Config) { cfg.MetadataURL, cfg.HTTP.Retries = stage.URL, -1 })
	repo.Publish(t, "new", []byte("new"))
	repo.Remove(t, "old")
	looks := 0
	stage.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/timestamp.json" {
			looks++
		}
		switch {
		case looks == 2 && req.URL.Path == "/timestamp.json":
			w.WriteHeader(503) // which passes
		case looks < 4:
			old.ServeHTTP(w, req)
		default:
			now.ServeHTTP(w, req)
		}
	})
	info := rstuf.ArtifactInfo{Length: 3, Hashes: map[string]string{"sha256": hexDigest("new")}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, r.WaitFor(ctx, repository.Expected{Path: "new", Info: &info}, repository.Expected{Path: "old", Absent: true}))
	assert.Equal(t, 4, looks)

	// What does not come is told, in the caller's time.
	other := rstuf.ArtifactInfo{Length: 3, Hashes: map[string]string{"sha256": strings.Repeat("0", 64)}}
	for text, expected := range map[string]repository.Expected{
		"artifact nothing is not published yet": {Path: "nothing"},
		"artifact new is not published yet":     {Path: "new", Info: &other},
		"artifact new is still published":       {Path: "new", Absent: true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := r.WaitFor(ctx, expected)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, text)
	}
	require.NoError(t, r.WaitFor(t.Context(), repository.Expected{Path: "new", Info: &other, Absent: true}))

	// What will not pass is not waited for.
	stage.handler = old
	require.ErrorIs(t, r.WaitFor(t.Context(), repository.Expected{Path: "new"}), repository.ErrRollback)
}
