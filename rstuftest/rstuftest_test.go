package rstuftest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
)

func newUpdater(t *testing.T, repo *rstuftest.Repository) *updater.Updater {
	cfg, err := config.New(repo.MetadataURL, repo.RootJSON)
	require.NoError(t, err)
	cfg.LocalMetadataDir, cfg.LocalTargetsDir = t.TempDir(), t.TempDir()
	cfg.RemoteTargetsURL = repo.ArtifactsURL
	cfg.PrefixTargetsWithHash = false
	client, err := updater.New(cfg)
	require.NoError(t, err)
	require.NoError(t, client.Refresh())
	return client
}

// What was published can be downloaded and verified from the first root on; a
// changed file and a removed one cannot.
func TestPublishDownloadRemove(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t)
	repo.Publish(t, "pkg/hello.txt", []byte("hello"))

	info, err := newUpdater(t, repo).GetTargetInfo("pkg/hello.txt")
	require.NoError(t, err)
	_, content, err := newUpdater(t, repo).DownloadTarget(info, "", "")
	require.NoError(t, err)
	assert.Equal(t, "hello", string(content))

	repo.Replace("pkg/hello.txt", []byte("hacks"))
	_, _, err = newUpdater(t, repo).DownloadTarget(info, "", "")
	assert.Error(t, err)

	repo.Remove(t, "pkg/hello.txt")
	_, err = newUpdater(t, repo).GetTargetInfo("pkg/hello.txt")
	assert.Error(t, err)
}

func TestRepositoriesAreIndependent(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			repo := rstuftest.New(t)
			path := fmt.Sprintf("file-%d", i)
			repo.Publish(t, path, []byte(path))
			client := newUpdater(t, repo)
			_, err := client.GetTargetInfo(path)
			assert.NoError(t, err)
			_, err = client.GetTargetInfo(fmt.Sprintf("file-%d", i+1))
			assert.Error(t, err)
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	t.Run("custom delegations", func(t *testing.T) {
		t.Parallel()
		repo := rstuftest.New(t, rstuftest.WithPolicy(func(p *ceremony.Policy) {
			p.Delegations = []ceremony.Role{{Name: "pub", Paths: []string{"pub/*"}, Days: 7}}
		}))
		repo.Publish(t, "pub/a", []byte("a"))
		_, err := newUpdater(t, repo).GetTargetInfo("pub/a")
		assert.NoError(t, err)
	})
	t.Run("clock", func(t *testing.T) {
		t.Parallel()
		now := time.Now().Add(-300 * 24 * time.Hour)
		repo := rstuftest.New(t, rstuftest.WithConfig(func(c *service.Config) { c.Now = func() time.Time { return now } }))
		repo.Publish(t, "a", []byte("a"))
		assert.True(t, repo.Service.Status().Expires.Before(time.Now()))
	})
	t.Run("without bootstrap", func(t *testing.T) {
		t.Parallel()
		repo := rstuftest.New(t, rstuftest.WithoutBootstrap())
		state, err := repo.Client.BootstrapState(t.Context())
		require.NoError(t, err)
		assert.Equal(t, rstuf.BootstrapState{}, state)
		_, err = repo.Client.SubmitBootstrap(t.Context(), repo.Draft.Payload())
		assert.NoError(t, err)
	})
}

func TestArtifactsAreServed(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t)
	for path, want := range map[string]int{"there": http.StatusOK, "elsewhere": http.StatusNotFound} {
		repo.Replace("there", []byte("x"))
		resp, err := http.Get(repo.ArtifactsURL + path)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, want, resp.StatusCode, path)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		rstuftest.New(b)
	}
}
