package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// storeIgnoring starts a store with the bucket files, which takes no notice of some
// conditions of requests, and has the command use it.
func storeIgnoring(t *testing.T, conditions ...string) *s3mem.Backend {
	store := s3mem.New()
	require.NoError(t, store.CreateBucket("files"))
	keeps := gofakes3.New(store).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, condition := range conditions {
			r.Header.Del(condition)
		}
		keeps.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL_S3": server.URL} {
		t.Setenv(name, value)
	}
	return store
}

// A bucket that does not keep two writers apart is refused, with what it lacks, before
// the database is asked for anything, which is not there in this test.
func TestServeTriesTheBucket(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	address := filepath.Join(dir, "address")
	require.NoError(t, os.WriteFile(address, []byte("postgres://nobody@127.0.0.1:1/none"), 0o600))
	for want, ignored := range map[string][]string{
		"": nil,
		"the store does not refuse a PUT with If-None-Match: * of a file that is there, nor with If-Match of another content": {"If-None-Match", "If-Match"},
		"the store does not refuse a PUT with If-Match of another content":                                                    {"If-Match"},
	} {
		storeIgnoring(t, ignored...)
		_, stderr, err := rstuf(t, dir, "serve", "--dir", "data", "--database", address, "--bucket", "s3://files/team", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0")
		require.Error(t, err)
		if want == "" {
			assert.Contains(t, stderr, "connection refused")
		} else {
			assert.Contains(t, stderr, "rstuf: open a replica: replicas need a storage that keeps two writers apart: bucket files: "+want+": ")
			assert.NotContains(t, stderr, "connection refused")
		}
	}
	storeIgnoring(t) // has another bucket
	_, stderr, err := rstuf(t, dir, "serve", "--dir", "data", "--database", address, "--bucket", "s3://other/team", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0")
	require.Error(t, err)
	assert.Contains(t, stderr, "rstuf: open a replica: try the storage of the metadata files: bucket other: ")
	assert.Contains(t, stderr, "NoSuchBucket")
}

// So is a repository that is taken over not brought into such a bucket: nothing is there
// then, and it can be taken over into one that replicas can use.
func TestAdoptTriesTheBucket(t *testing.T) {
	if *postgresURL == "" {
		t.Skip("needs -postgres")
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "address"), []byte(*postgresURL), 0o600))
	_, stop := serve(t, dir, "--dir", "old", "--dev", "--artifacts-listen", "127.0.0.1:0")
	stop()
	adopt := []string{"--dir", "new", "--key-dir", "old/keys", "--database", "address", "--schema", fmt.Sprint("adopt ", time.Now().UnixNano()), "--bucket", "s3://files/team",
		"--adopt", "old/metadata", "--root", "old/metadata/1.root.json", "--adopt-wait", "10ms"}
	store := storeIgnoring(t, "If-Match")
	_, stderr, err := rstuf(t, dir, append([]string{"serve", "--listen", "127.0.0.1:0", "--metadata-listen", "127.0.0.1:0"}, adopt...)...)
	require.Error(t, err)
	assert.Contains(t, stderr, "replicas need a storage that keeps two writers apart: bucket files: the store does not refuse a PUT with If-Match of another content")
	files, err := store.ListBucket("files", nil, gofakes3.ListBucketPage{})
	require.NoError(t, err)
	assert.Empty(t, files.Contents)
	storeIgnoring(t)
	_, stop = serve(t, dir, adopt...)
	assert.Contains(t, stop(), "adopted old/metadata")
}
