package release_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/examples/release"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// What is released clients find.
func TestFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		repo := rstuftest.New(t)
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "app"), []byte("app 1.0"), 0o600))
		require.NoError(t, release.Folder(t.Context(), repo.Client, repo.Reader(t), folder, "v1"))
		repo.Replace("v1/app", []byte("app 1.0")) // the file comes to the web server by another way
		assert.Equal(t, "app 1.0", string(repo.Get(t, "v1/app")))
	})
}

// Every fault of the API is survived, or told.
func TestFaults(t *testing.T) {
	rstuftest.TestPublisher(t, func(ctx context.Context, u rstuftest.Upload) error {
		api, err := client.New(u.APIURL, client.Config{HTTPClient: u.HTTPClient})
		if err != nil {
			return err
		}
		reader, err := repository.New(repository.Config{
			MetadataURL: u.MetadataURL, HTTP: repository.HTTPConfig{HTTPClient: u.HTTPClient},
		}, repository.TrustRoot(u.Root))
		if err != nil {
			return err
		}
		return release.Artifacts(ctx, api, reader, []rstuf.Artifact{u.Artifact})
	}, nil)
}
