package service_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func writeFile(name string, data []byte) error { return os.WriteFile(name, data, 0o600) }

// The metadata server answers GET and HEAD, conditional and range requests,
// and nothing but metadata.
func TestMetadataHandler(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	get := func(method, path string, header ...string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		f.svc.MetadataHandler().ServeHTTP(w, r)
		return w.Result()
	}
	root := get("GET", "/1.root.json")
	assert.Equal(t, "public, max-age=31536000, immutable", root.Header.Get("Cache-Control"))
	assert.Equal(t, "application/json", root.Header.Get("Content-Type"))
	timestamp := get("GET", "/timestamp.json")
	assert.Equal(t, "no-cache", timestamp.Header.Get("Cache-Control"))

	tag := timestamp.Header.Get("ETag")
	assert.Equal(t, http.StatusNotModified, get("GET", "/timestamp.json", "If-None-Match", tag).StatusCode)
	f.ok(f.post("/artifacts/", adding("a")))
	assert.Equal(t, http.StatusOK, get("GET", "/timestamp.json", "If-None-Match", tag).StatusCode)

	head := get("HEAD", "/1.root.json")
	assert.Equal(t, http.StatusOK, head.StatusCode)
	assert.Equal(t, root.ContentLength, head.ContentLength)
	part := get("GET", "/1.root.json", "Range", "bytes=0-3")
	assert.Equal(t, http.StatusPartialContent, part.StatusCode)
	assert.Equal(t, int64(4), part.ContentLength)

	post := get("POST", "/1.root.json")
	assert.Equal(t, http.StatusMethodNotAllowed, post.StatusCode)
	assert.Equal(t, "GET, HEAD", post.Header.Get("Allow"))
	require.NoError(t, os.WriteFile(f.cfg.Dir+"/metadata/secret", []byte("x"), 0o600))
	for _, path := range []string{"/", "/2.root.json", "/secret", "/../state.db", "/..%2fstate.db", "/state.db", "/0.root.json", "/root.json", "/timestamp.json.tmp", "/x/timestamp.json", "/1.root.json/"} {
		assert.Equal(t, http.StatusNotFound, get("GET", path).StatusCode, path)
	}
}
