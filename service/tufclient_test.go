package service_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

// tufClient is go-tuf's updater on a metadata handler, which trusts its first
// root.
func tufClient(t *testing.T, files http.Handler, now time.Time) *updater.Updater {
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	cfg, err := config.New(server.URL, call(files, "GET", "/1.root.json", nil).Body.Bytes())
	require.NoError(t, err)
	cfg.LocalMetadataDir, cfg.LocalTargetsDir = t.TempDir(), t.TempDir()
	client, err := updater.New(cfg)
	require.NoError(t, err)
	client.UnsafeSetRefTime(now)
	return client
}

// clientSees checks that go-tuf's updater verifies the repository and finds
// these artifacts in it.
func (r *replay) clientSees(artifacts []string) {
	client := tufClient(r.T, r.files, r.now())
	require.NoError(r, client.Refresh())
	for _, path := range artifacts {
		info, err := client.GetTargetInfo(path)
		if assert.NoError(r, err, path) {
			assert.Equal(r, path, info.Path)
		}
	}
}
