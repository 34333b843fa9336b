package client_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/client"
	"example.org/rstuf/internal/testpipes"
)

// inBubble runs a test under a fake clock: time passes when everything waits.
func inBubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// servePipes runs a handler inside a bubble and returns a client of it.
func servePipes(t *testing.T, handler http.Handler, cfg client.Config) *client.Client {
	t.Helper()
	cfg.HTTPClient = testpipes.Serve(t, handler)
	api, err := client.New("http://rstuf.example", cfg)
	require.NoError(t, err)
	return api
}
