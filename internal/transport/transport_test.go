package transport_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/testpipes"
	"example.org/rstuf/internal/transport"
)

// base is a folder that a handler serves.
func base(t *testing.T, cfg transport.Config, handler http.HandlerFunc) *transport.Base {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b, err := transport.New(server.URL+"/", cfg)
	require.NoError(t, err)
	return b
}

func TestURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://h":                            "http://h",
		"https://user:secret@h//":             "https://h",
		"https://h/projects/group%2Fproject/": "https://h/projects/group%2Fproject",
		"https://h/a%2F":                      "https://h/a%2F",
		"https://h/with space/%C3%BC":         "https://h/with%20space/%C3%BC",
		"file:///media/usb/":                  "file:///media/usb",
		"file://localhost/media":              "file://localhost/media",
	} {
		b, err := transport.New(text, transport.Config{})
		require.NoError(t, err, text)
		assert.Equal(t, want, b.URL())
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			assert.NotContains(t, fmt.Sprintf(verb, b), "secret")
		}
	}
	for _, text := range []string{"", "h", "/folder", "ftp://h", "http://", "https://h?x=secret", "http://user:secret@h#x", "http://user:secret@h:port", "file://host/folder", "file:", "file:///a?b", "http://h/%zz"} {
		_, err := transport.New(text, transport.Config{})
		require.Error(t, err, text)
		assert.NotContains(t, err.Error(), "user:secret")
	}
	_, err := transport.NewClient("file:///a", transport.Config{})
	assert.ErrorContains(t, err, "https://", "an API is no folder")
}

// TestWhatIsSent: an encoded slash of the base stays, a file's name is one
// element, an artifact's path has several.
func TestWhatIsSent(t *testing.T) {
	var uri atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uri.Store(r.RequestURI)
		io.WriteString(w, "{}")
	}))
	defer server.Close()
	b, err := transport.New(server.URL+"/p/group%2Fproject/", transport.Config{})
	require.NoError(t, err)
	for _, name := range []string{"1.root.json", "1.a%2Fb.json", "1.a%3F%23%25%20%C3%BC.json"} {
		_, err := b.Fetch(t.Context(), name, 10)
		require.NoError(t, err)
		assert.Equal(t, "/p/group%2Fproject/"+name, uri.Load())
	}
	for path, want := range map[string]string{"a/b c?.tgz": "a/b%20c%3F.tgz", "%2e%2e/x": "%252e%252e/x", "/a": "/a"} {
		body, err := b.Open(t.Context(), path, 0)
		require.NoError(t, err)
		body.Close()
		assert.Equal(t, "/p/group%2Fproject/"+want, uri.Load())
	}
	uri.Store("")
	for _, name := range []string{"a/b", "..", ".", "a?b", "a#b", "../x"} {
		_, err := b.Fetch(t.Context(), name, 10)
		assert.ErrorContains(t, err, "not the name of a file", name)
	}
	for _, path := range []string{"..", "../x", "a/../../x", "a/.", "./a"} {
		_, err := b.Open(t.Context(), path, 0)
		assert.ErrorContains(t, err, "leads out of the folder", path)
	}
	assert.Empty(t, uri.Load())
}

func TestStatus(t *testing.T) {
	for status, want := range map[int]error{
		404: transport.ErrNotFound, 410: transport.ErrNotFound, 403: transport.ErrForbidden,
		429: transport.ErrUnavailable, 500: transport.ErrUnavailable, 503: transport.ErrUnavailable, 401: nil, 204: nil, 206: nil,
	} {
		b := base(t, transport.Config{Retries: -1}, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		_, err := b.Fetch(t.Context(), "2.root.json", 10)
		_, openErr := b.Open(t.Context(), "2.root.json", 0)
		for _, err := range []error{err, openErr} {
			require.ErrorContains(t, err, fmt.Sprint("2.root.json: status ", status))
			for _, sentinel := range []error{transport.ErrNotFound, transport.ErrForbidden, transport.ErrUnavailable, transport.ErrTooLarge} {
				assert.Equal(t, sentinel == want, errors.Is(err, sentinel), "%d: %v", status, err)
			}
		}
	}
	gone, err := transport.New("http://127.0.0.1:1", transport.Config{Retries: -1})
	require.NoError(t, err)
	_, err = gone.Fetch(t.Context(), "x.json", 10)
	require.ErrorIs(t, err, transport.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = gone.Fetch(ctx, "x.json", 10)
	require.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, transport.ErrUnavailable)
}

func TestForm(t *testing.T) {
	for body, want := range map[string]string{
		"<!DOCTYPE html><html>": `2.root.json: not JSON: it begins with "<!DOCTYPE html><html"`,
		"":                      "2.root.json: not JSON: it is empty",
		"[]":                    `2.root.json: not JSON: it begins with "[]"`,
		"\x1b[2J":               `2.root.json: not JSON: it begins with "\x1b[2J"`,
		strings.Repeat(" ", 65): "2.root.json: too large: more than 64 bytes",
	} {
		asked := 0
		b := base(t, transport.Config{}, func(w http.ResponseWriter, r *http.Request) { asked++; io.WriteString(w, body) })
		_, err := b.Fetch(t.Context(), "2.root.json", 64)
		assert.EqualError(t, err, want)
		assert.Equal(t, 1, asked, "it would be the same the next time")
	}
	b := base(t, transport.Config{}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "\r\n {}"+strings.Repeat(" ", 59)) })
	body, err := b.Fetch(t.Context(), "x", 64)
	require.NoError(t, err)
	assert.Len(t, body, 64)
}

// TestCompression: the bound is on what is unpacked; artifacts are not.
func TestCompression(t *testing.T) {
	const length = 1 << 20
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, "{"+strings.Repeat(" ", length-2)+"}")
	w.Close()
	var accepted atomic.Value
	handler := func(w http.ResponseWriter, r *http.Request) {
		accepted.Store(r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed.Bytes())
	}
	for name, cfg := range map[string]transport.Config{
		"by net/http": {}, "stored so": {HTTPClient: &http.Client{Transport: &http.Transport{DisableCompression: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := base(t, cfg, handler)
			body, err := b.Fetch(t.Context(), "x.json", length)
			require.NoError(t, err)
			assert.Len(t, body, length)
			_, err = b.Fetch(t.Context(), "x.json", length-1)
			require.ErrorIs(t, err, transport.ErrTooLarge)
			artifact, err := b.Open(t.Context(), "x", 0)
			require.NoError(t, err)
			defer artifact.Close()
			got, err := io.ReadAll(artifact)
			require.NoError(t, err)
			assert.Equal(t, packed.Bytes(), got, "as it is stored")
			assert.Equal(t, "identity", accepted.Load())
		})
	}
	broken := base(t, transport.Config{Retries: -1}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(packed.Bytes()[:packed.Len()/2])
	})
	_, err := broken.Fetch(t.Context(), "x.json", length)
	require.ErrorIs(t, err, transport.ErrUnavailable)
}

func TestOpenFrom(t *testing.T) {
	content := []byte("0123456789")
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		start   int64
	}{
		"a server with ranges": {func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}, 4},
		"a server without": {func(w http.ResponseWriter, r *http.Request) { w.Write(content) }, 0},
		"one that begins elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				w.Write(content)
				return
			}
			w.Header().Set("Content-Range", "bytes 2-9/10")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(content[2:])
		}, 0},
		"a file that got shorter": {func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			w.Write(content)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := base(t, transport.Config{}, test.handler).Open(t.Context(), "x", 4)
			require.NoError(t, err)
			defer body.Close()
			got, err := io.ReadAll(body)
			require.NoError(t, err)
			assert.Equal(t, test.start, body.Start)
			assert.Equal(t, content[test.start:], got)
		})
	}
}

// TestSlowServers run under a fake clock.
func TestSlowServers(t *testing.T) {
	drip := func(w http.ResponseWriter, r *http.Request, bytes int, every time.Duration) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, bytes)); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			transport.Sleep(r.Context(), every)
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		within  time.Duration
		err     string
	}{
		"silence":            {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, time.Minute, "no answer within 1m0s"},
		"silence in between": {func(w http.ResponseWriter, r *http.Request) { drip(w, r, 1, time.Hour) }, time.Minute, "sent nothing for 1m0s"},
		"a byte at a time":   {func(w http.ResponseWriter, r *http.Request) { drip(w, r, 1, time.Second) }, time.Minute, "too slow"},
		"a little too slow":  {func(w http.ResponseWriter, r *http.Request) { drip(w, r, 1000, time.Second) }, time.Minute, "too slow"},
		"slow but steady":    {func(w http.ResponseWriter, r *http.Request) { drip(w, r, 1100, time.Second) }, 20 * time.Minute, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := bubble(t, test.handler)
				start := time.Now()
				_, err := b.Fetch(t.Context(), "x.json", 1_200_000)
				require.ErrorContains(t, err, test.err)
				assert.Equal(t, test.err != "too large", errors.Is(err, transport.ErrUnavailable))
				assert.InDelta(t, test.within, time.Since(start), float64(test.within/10))
			})
		})
	}
	t.Run("a slow reader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := bubble(t, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 1<<20)) })
			body, err := b.Open(t.Context(), "x", 0)
			require.NoError(t, err)
			defer body.Close()
			for part := make([]byte, 1<<10); err == nil; time.Sleep(10 * time.Minute) {
				_, err = body.Read(part)
			}
			assert.Equal(t, io.EOF, err, "it is not the server that is slow")
		})
	})
}

// bubble is a base on a network inside a synctest bubble.
func bubble(t *testing.T, handler http.HandlerFunc) *transport.Base {
	t.Helper()
	b, err := transport.New("http://h", transport.Config{HTTPClient: testpipes.Serve(t, handler), Retries: -1})
	require.NoError(t, err)
	return b
}

// TestRetries: what passes is repeated, whole.
func TestRetries(t *testing.T) {
	asked := 0
	var log bytes.Buffer
	b := base(t, transport.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(w http.ResponseWriter, r *http.Request) {
		switch asked++; asked {
		case 1:
			w.WriteHeader(503)
		case 2:
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"half`)
		default:
			io.WriteString(w, `{"whole":1}`)
		}
	})
	body, err := b.Fetch(t.Context(), "x.json", 1000)
	require.NoError(t, err)
	assert.Equal(t, `{"whole":1}`, string(body))
	assert.Equal(t, 3, asked)
	assert.Equal(t, 2, strings.Count(log.String(), "retry"))
}

// TestTLS: a private authority and a client certificate, which no other host
// gets to see.
func TestTLS(t *testing.T) {
	var shown [2]atomic.Int32
	server := func(i int, handler http.HandlerFunc) *httptest.Server {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			shown[i].Store(int32(len(r.TLS.PeerCertificates)))
			handler(w, r)
		}))
		s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.StartTLS()
		t.Cleanup(s.Close)
		return s
	}
	away := server(1, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") })
	home := server(0, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, away.URL+r.URL.Path, http.StatusFound)
	})

	plain, err := transport.New(home.URL, transport.Config{Retries: -1})
	require.NoError(t, err)
	_, err = plain.Fetch(t.Context(), "x.json", 10)
	require.ErrorIs(t, err, transport.ErrUnavailable)
	assert.ErrorContains(t, err, "certificate")

	authorities := x509.NewCertPool()
	authorities.AddCert(home.Certificate())
	cfg := transport.Config{TLS: &tls.Config{RootCAs: authorities, Certificates: home.TLS.Certificates}}
	b, err := transport.New(home.URL, cfg)
	require.NoError(t, err)
	_, err = b.Fetch(t.Context(), "x.json", 10)
	require.NoError(t, err)
	assert.EqualValues(t, 1, shown[0].Load())
	assert.EqualValues(t, 0, shown[1].Load())

	cfg.HTTPClient = home.Client()
	_, err = transport.New(home.URL, cfg)
	assert.ErrorContains(t, err, "put them into the Transport")
}

func TestRedirectFromHTTPSToHTTP(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	// Also where the way to https began at http.
	start := httptest.NewServer(http.RedirectHandler(secure.URL, http.StatusFound))
	defer start.Close()
	for _, url := range []string{secure.URL, start.URL} {
		b, err := transport.New(url, transport.Config{HTTPClient: secure.Client()})
		require.NoError(t, err)
		_, err = b.Fetch(t.Context(), "x.json", 10)
		assert.ErrorContains(t, err, "from https to http")
	}
}

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "usb ü")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "folder"), 0o755))
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(content), 0o644))
	}
	write("1.root.json", `{"v": 1}`)
	write("1.a%2Fb.json", `{"v": 2}`)
	write("a/tool", "0123456789")
	write("../secret", `{"secret"}`)
	require.NoError(t, os.Symlink("../secret", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("1.root.json", filepath.Join(dir, "inside")))
	b, err := transport.New("file://"+(strings.ReplaceAll(filepath.ToSlash(dir), " ", "%20"))+"/", transport.Config{})
	require.NoError(t, err)

	body, err := b.Fetch(t.Context(), "1.root.json", 8)
	require.NoError(t, err)
	assert.Equal(t, `{"v": 1}`, string(body))
	body, err = b.Fetch(t.Context(), "1.a%2Fb.json", 8)
	require.NoError(t, err)
	assert.Equal(t, `{"v": 2}`, string(body))
	_, err = b.Fetch(t.Context(), "inside", 8)
	require.NoError(t, err)
	_, err = b.Fetch(t.Context(), "1.root.json", 7)
	require.ErrorIs(t, err, transport.ErrTooLarge)
	_, err = b.Fetch(t.Context(), "2.root.json", 7)
	require.ErrorIs(t, err, transport.ErrNotFound)
	for _, name := range []string{"link", "a", "../secret", ".."} {
		_, err = b.Fetch(t.Context(), name, 1000)
		assert.Error(t, err, name)
	}
	for _, path := range []string{"link", "a", "a/folder", "../secret", "a/../../secret", ""} {
		_, err = b.Open(t.Context(), path, 0)
		assert.Error(t, err, path)
	}
	for from, want := range map[int64]string{0: "0123456789", 4: "456789", 10: "", 11: "0123456789"} {
		file, err := b.Open(t.Context(), "a/tool", from)
		require.NoError(t, err)
		got, err := io.ReadAll(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		assert.Equal(t, want, string(got))
	}
	require.NoError(t, os.RemoveAll(dir))
	_, err = b.Fetch(t.Context(), "2.root.json", 7)
	require.ErrorIs(t, err, transport.ErrUnavailable, "the medium is out")
	assert.NotErrorIs(t, err, transport.ErrNotFound)
}
