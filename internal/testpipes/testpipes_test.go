package testpipes_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/testpipes"
)

func TestInBubble(t *testing.T) {
	assert.False(t, testpipes.InBubble())
	synctest.Test(t, func(t *testing.T) { assert.True(t, testpipes.InBubble()) })
}

// Each host has its own server, and a host that is not there is no server.
func TestHosts(t *testing.T) {
	network := &testpipes.Network{}
	for _, host := range []string{"one", "two"} {
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, host) })}
		go server.Serve(network.Listen(host))
		t.Cleanup(func() { server.Close() })
	}
	client := &http.Client{Transport: &http.Transport{DialContext: network.Dial}}
	t.Cleanup(client.CloseIdleConnections)
	for _, host := range []string{"one", "two"} {
		resp, err := client.Get("http://" + host + ":8080/")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		assert.Equal(t, host, string(body))
	}
	_, err := client.Get("http://three/")
	assert.ErrorContains(t, err, "there is no host three")
}
