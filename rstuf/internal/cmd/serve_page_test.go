package cmd

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// browse sends a request as a browser does, and gives the answer's body.
func browse(t *testing.T, browser *http.Client, method, target string, form url.Values, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := browser.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}

// TestServePage: the page is at "/" of the API, and the API where it was.
func TestServePage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServe(t, dir, "--dev", "--dir", "demo")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "demo", "artifacts", "a.txt"), []byte("hello\n"), 0o644))
	out, code := command(t, dir, "artifact", "--api-server", s.API, "add", "demo/artifacts/a.txt")
	require.Equal(t, 0, code, out)
	answer, body := browse(t, http.DefaultClient, http.MethodGet, s.API+"/?artifact=a.txt", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	for _, want := range []string{
		"It works, and something should be done", s.API + "/api/v1", s.Metadata, "verified from the first root of this service",
		"<bdi>a.txt</bdi>: 6 bytes. Verified.", "the online key", "bootstrap: finished",
	} {
		assert.True(t, strings.Contains(body, want), want)
	}
	assert.False(t, strings.Contains(body, "could not be seen"), "could not be seen")
	assert.Contains(t, answer.Header.Get("Content-Security-Policy"), "default-src 'none'")
	answer, _ = browse(t, http.DefaultClient, http.MethodGet, s.API+"/", nil, "Host", "evil.example")
	assert.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode)
	answer, body = browse(t, http.DefaultClient, http.MethodGet, s.API+"/api/v1/bootstrap/", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode, body)
	answer, _ = browse(t, http.DefaultClient, http.MethodGet, s.API+"/other", nil)
	assert.Equal(t, http.StatusNotFound, answer.StatusCode)
}

// TestServePageLogin: with tokens the page is for those who may read, and the
// token stands nowhere but in the form that sends it.
func TestServePageLogin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := func(name, may string) string {
		// The token alone is the standard output.
		cmd := exec.Command("rstuf", "serve", "token", name, "--tokens", "tokens", "--may", may)
		cmd.Dir = dir
		out, err := cmd.Output()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	reads, publishes := token("reader", "read"), token("ci", "artifacts")
	s := startServe(t, dir, "--dir", "repo", "--tokens", "tokens", "--key-dir", dir)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}
	answer, body := browse(t, browser, http.MethodGet, s.API+"/", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.True(t, strings.Contains(body, `type="password"`), `type="password"`)
	assert.False(t, strings.Contains(body, "Roles"), "Roles")

	for _, wrong := range []string{"", "no token of this service", strings.Repeat("x", 10_000), publishes} {
		answer, body = browse(t, browser, http.MethodPost, s.API+"/login", url.Values{"token": {wrong}})
		assert.Equal(t, http.StatusForbidden, answer.StatusCode)
		assert.True(t, strings.Contains(body, "not known, or may not read"), "not known, or may not read")
	}
	answer, _ = browse(t, browser, http.MethodPost, s.API+"/login", url.Values{"token": {reads}}, "Origin", "http://evil.example")
	assert.Equal(t, http.StatusForbidden, answer.StatusCode, "another page logs nobody in")

	answer, body = browse(t, browser, http.MethodPost, s.API+"/login", url.Values{"token": {reads}})
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.Equal(t, "/", answer.Request.URL.RequestURI(), "the token is in no URL")
	assert.True(t, strings.Contains(body, "there is no repository yet"), "there is no repository yet")
	assert.False(t, strings.Contains(body, reads), reads)
	assert.True(t, strings.Contains(body, "Log out"), "Log out")
	here, err := url.Parse(s.API)
	require.NoError(t, err)
	require.Len(t, jar.Cookies(here), 1)
	assert.NotContains(t, jar.Cookies(here)[0].Value, reads)

	answer, body = browse(t, browser, http.MethodPost, s.API+"/logout", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.True(t, strings.Contains(body, `type="password"`), `type="password"`)
}

// TestServeNoPage: the page can be taken away like an endpoint.
func TestServeNoPage(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir(), "--dev", "--dir", "demo", "--disable", "/", "--metadata-page")
	for path, want := range map[string]int{"/": http.StatusNotFound, "/login": http.StatusNotFound, "/api/v1/bootstrap/": http.StatusOK} {
		answer, _ := browse(t, http.DefaultClient, http.MethodGet, s.API+path, nil)
		assert.Equal(t, want, answer.StatusCode, path)
	}
	answer, body := browse(t, http.DefaultClient, http.MethodGet, s.Metadata+"/", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.True(t, strings.Contains(body, "No API was asked"))
	assert.False(t, strings.Contains(body, s.API))
	answer, body = browse(t, http.DefaultClient, http.MethodGet, s.Metadata+"/timestamp.json", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.True(t, strings.HasPrefix(body, `{"sign`))
}

// TestServeListing: the metadata files are listed where that is asked for, and what
// the API is can be read.
func TestServeListing(t *testing.T) {
	t.Parallel()
	s := startServe(t, t.TempDir(), "--dev", "--dir", "demo", "--list-metadata")
	for url, want := range map[string]string{
		s.Metadata + "/": `<a href="1.root.json">1.root.json</a>`, s.API + "/docs": "<code>POST /api/v1/artifacts/</code>",
		s.API + "/openapi.json": `"openapi": "3.1.0"`,
	} {
		answer, body := browse(t, http.DefaultClient, http.MethodGet, url, nil)
		assert.Equal(t, http.StatusOK, answer.StatusCode, url)
		assert.Contains(t, body, want)
	}
	out, err := exec.Command("rstuf", "serve", "--dir", t.TempDir(), "--list-metadata", "--metadata-page").CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "give one")
}

// TestHealthServe shows a page of another deployment until it is stopped.
func TestHealthServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServe(t, dir, "--dev", "--dir", "demo")
	page := exec.Command("rstuf", "health", s.API, "-m", s.Metadata, "-r", s.TrustedRoot, "--serve", "127.0.0.1:0")
	page.Dir, page.Env = dir, append(os.Environ(), "HOME="+dir)
	stdout, err := page.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, page.Start())
	t.Cleanup(func() { page.Process.Kill() })
	line := make([]byte, 200)
	n, err := stdout.Read(line)
	require.NoError(t, err)
	address, ok := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "page: ")
	require.True(t, ok, string(line[:n]))
	answer, body := browse(t, http.DefaultClient, http.MethodGet, address+"/", nil)
	assert.Equal(t, http.StatusOK, answer.StatusCode)
	assert.True(t, strings.Contains(body, "verified from "+s.TrustedRoot), "verified from "+s.TrustedRoot)
	answer, _ = browse(t, http.DefaultClient, http.MethodGet, address+"/", nil, "Host", "evil.example")
	assert.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode)
	require.NoError(t, page.Process.Signal(os.Interrupt))
	require.NoError(t, page.Wait())
}
