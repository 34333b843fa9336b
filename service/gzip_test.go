package service_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
)

// Versioned files are compressed for those who accept that, and say so to
// caches; ranges, lengths of HEAD and timestamp.json are those of the plain form.
func TestGzip(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) { p.HashBins = 256 })
	get := func(method, path string, header ...string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		f.svc.MetadataHandler().ServeHTTP(w, r)
		return w.Result()
	}
	const name = "/1.snapshot.json"
	plain, err := os.ReadFile(filepath.Join(f.cfg.Dir, "metadata", name))
	require.NoError(t, err)
	for accept, zipped := range map[string]bool{
		"": false, "identity": false, "br": false, "gzip;q=0": false, "*;q=0": false, "gzip;q=x": false, "gzip;q=0, *": false,
		"gzip": true, "GZIP": true, "br, gzip;q=0.5": true, "*": true, "x-gzip": true, "deflate, gzip": true,
	} {
		resp := get("GET", name, "Accept-Encoding", accept)
		assert.Equal(t, "Accept-Encoding", resp.Header.Get("Vary"), accept)
		body := io.Reader(resp.Body)
		if zipped {
			require.Equal(t, "gzip", resp.Header.Get("Content-Encoding"), accept)
			assert.Less(t, resp.ContentLength, int64(len(plain)/2), accept)
			body, err = gzip.NewReader(resp.Body)
			require.NoError(t, err)
		} else {
			require.Empty(t, resp.Header.Get("Content-Encoding"), accept)
		}
		data, err := io.ReadAll(body)
		require.NoError(t, err)
		assert.Equal(t, plain, data, accept)
	}
	whole, small := get("GET", name), get("GET", name, "Accept-Encoding", "gzip")
	assert.NotEqual(t, whole.Header.Get("ETag"), small.Header.Get("ETag"), "two forms, two tags")
	assert.Equal(t, http.StatusNotModified, get("GET", name, "Accept-Encoding", "gzip", "If-None-Match", small.Header.Get("ETag")).StatusCode)
	assert.Equal(t, small.ContentLength, get("HEAD", name, "Accept-Encoding", "gzip").ContentLength)
	part := get("GET", name, "Accept-Encoding", "gzip", "Range", "bytes=1-4")
	assert.Equal(t, http.StatusPartialContent, part.StatusCode)
	data, err := io.ReadAll(part.Body)
	require.NoError(t, err)
	assert.Equal(t, plain[1:5], data)
	timestamp := get("GET", "/timestamp.json", "Accept-Encoding", "gzip")
	assert.Empty(t, timestamp.Header.Get("Content-Encoding"))
	assert.Empty(t, get("GET", "/1.bins-00.json", "Accept-Encoding", "gzip").Header.Get("Content-Encoding"), "it is not worth it")
}

// A version that is not committed is not served, whatever stands in its file.
func TestUncommittedIsNotServed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	for _, name := range []string{"2.root.json", "2.snapshot.json", "2.targets.json", "2.bins-0.json", "1.stranger.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(f.cfg.Dir, "metadata", name), []byte("{}"), 0o644))
		w := httptest.NewRecorder()
		f.svc.MetadataHandler().ServeHTTP(w, httptest.NewRequest("GET", "/"+name, nil))
		assert.Equal(t, http.StatusNotFound, w.Code, name)
	}
}
