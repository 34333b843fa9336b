package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A bucket that does not keep two writers apart is refused, with what it lacks, before
// the database is asked for anything, which is not there in this test.
func TestServeTriesTheBucket(t *testing.T) {
	dir := t.TempDir()
	for name, value := range map[string]string{"HOME": dir, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"} {
		t.Setenv(name, value)
	}
	address := filepath.Join(dir, "address")
	require.NoError(t, os.WriteFile(address, []byte("postgres://nobody@127.0.0.1:1/none"), 0o600))
	for want, ignored := range map[string][]string{
		"": nil,
		"the store does not refuse a PUT with If-None-Match: * of a file that is there, nor with If-Match of another content": {"If-None-Match", "If-Match"},
		"the store does not refuse a PUT with If-Match of another content":                                                    {"If-Match"},
	} {
		store := s3mem.New()
		require.NoError(t, store.CreateBucket("files"))
		keeps := gofakes3.New(store).Server()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, condition := range ignored {
				r.Header.Del(condition)
			}
			keeps.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
		_, stderr, err := rstuf(t, dir, "serve", "--dir", "data", "--database", address, "--bucket", "s3://files/team", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0")
		require.Error(t, err)
		if want == "" {
			assert.Contains(t, stderr, "connection refused")
		} else {
			assert.Contains(t, stderr, "rstuf: open a replica: replicas need a storage that keeps two writers apart: bucket files: "+want+": ")
			assert.NotContains(t, stderr, "connection refused")
		}
	}
}
