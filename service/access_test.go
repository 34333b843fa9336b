package service_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

const (
	adminSecret  = "admin-0123456789abcdef"
	readSecret   = "read-0123456789abcdef"
	uploadSecret = "upload-0123456789abcdef"
)

func newToken(t *testing.T, name, secret string) service.Token {
	token, err := service.NewToken(name, secret)
	require.NoError(t, err)
	return token
}

// withTokens runs a service with three tokens.
func withTokens(t *testing.T, log *bytes.Buffer) *fixture {
	admin, reader, upload := newToken(t, "admin", adminSecret), newToken(t, "reader", readSecret), newToken(t, "ci-a", uploadSecret)
	reader.Endpoints = service.ReadEndpoints()
	upload.Endpoints, upload.Paths = service.ArtifactEndpoints(), []string{"a/", "shared/a-"}
	f := newFixture(t)
	f.bootstrap()
	f.cfg.Tokens = []service.Token{admin, reader, upload}
	if log != nil {
		f.cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	}
	f.restart()
	return f
}

func authorized(f *fixture, method, path, authorization, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	f.svc.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Each token may do what it is for; health is for everybody.
func TestTokens(t *testing.T) {
	t.Parallel()
	f := withTokens(t, nil)
	for _, c := range []struct {
		method, path, secret, body string
		want                       int
	}{
		{"GET", "/api/v1/bootstrap/", "", "", 401},
		{"GET", "/api/v1/bootstrap/", "guess", "", 401},
		{"GET", "/api/v1/bootstrap/", readSecret, "", 200},
		{"GET", "/api/v1/config/", readSecret, "", 200},
		{"GET", "/api/v1/config/", uploadSecret, "", 403},
		{"GET", "/api/v1/config/", adminSecret, "", 200},
		{"POST", "/api/v1/artifacts/", "", `{"artifacts":[]}`, 401},
		{"POST", "/api/v1/artifacts/", readSecret, `{"artifacts":[]}`, 403},
		{"POST", "/api/v1/artifacts/", uploadSecret, `{"artifacts":[]}`, 202},
		{"POST", "/api/v1/artifacts/", adminSecret, `{"artifacts":[]}`, 202},
		{"POST", "/api/v1/artifacts/publish/", uploadSecret, "", 202},
		{"PUT", "/api/v1/config/", uploadSecret, `{"settings":{"expiration":{"targets":1}}}`, 403},
		{"GET", "/metrics", "", "", 401},
		{"GET", "/metrics", uploadSecret, "", 403},
		{"GET", "/metrics", readSecret, "", 200},
		{"GET", "/healthz", "", "", 200},
		{"GET", "/readyz", "", "", 200},
	} {
		secret := c.secret
		if secret != "" {
			secret = "Bearer " + secret
		}
		code, text := authorized(f, c.method, c.path, secret, c.body)
		assert.Equal(t, c.want, code, "%s %s %q: %s", c.method, c.path, c.secret, text)
		assert.NotContains(t, text, "0123456789")
	}
	for _, header := range []string{"Bearer ", "Bearer", "Basic " + adminSecret, adminSecret} {
		code, _ := authorized(f, "GET", "/api/v1/config/", header, "")
		assert.Equal(t, 401, code, header)
	}
}

// A token for some paths adds and removes artifacts there alone, and all or
// nothing.
func TestTokenPaths(t *testing.T) {
	t.Parallel()
	f := withTokens(t, nil)
	send := func(path string, paths ...string) int {
		body := `{"artifacts":["` + strings.Join(paths, `","`) + `"]}`
		if path == "/api/v1/artifacts/" {
			var list []string
			for _, p := range paths {
				list = append(list, `{"path":"`+p+`","info":{"length":1,"hashes":{"sha256":"`+strings.Repeat("ab", 32)+`"}}}`)
			}
			body = `{"artifacts":[` + strings.Join(list, ",") + `]}`
		}
		code, _ := authorized(f, "POST", path, "Bearer "+uploadSecret, body)
		return code
	}
	for _, path := range []string{"/api/v1/artifacts/", "/api/v1/artifacts/delete"} {
		assert.Equal(t, 202, send(path, "a/x", "a/y/z", "shared/a-1"), path)
		assert.Equal(t, 403, send(path, "b/x"), path)
		assert.Equal(t, 403, send(path, "a/x", "ab"), path)
		assert.Equal(t, 403, send(path, "shared/b-1"), path)
	}
}

// What changes something is logged with the name of the token, never with the
// token.
func TestTokenInLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := withTokens(t, &log)
	code, text := authorized(f, "POST", "/api/v1/artifacts/publish/", "Bearer "+uploadSecret, "")
	require.Equal(t, 202, code, text)
	require.NoError(t, f.svc.Close(t.Context()))
	assert.Contains(t, log.String(), "token=ci-a")
	assert.Contains(t, log.String(), "kind=publish_artifacts")
	assert.NotContains(t, log.String(), uploadSecret)
}

// Tokens that others can guess or that say nothing are refused at the start.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "short", "with a space in it", "with-a-lïne-0123456789", strings.Repeat("x", 15)} {
		_, err := service.NewToken("ci", secret)
		assert.ErrorContains(t, err, "token ci", "%q", secret)
	}
	good := newToken(t, "ci", uploadSecret)
	for says, tokens := range map[string][]service.Token{
		"is empty":                   {{Name: "ci"}},
		"has no name":                {{SHA256: good.SHA256}},
		"two tokens":                 {good, good},
		"an empty path":              {{Name: "ci", SHA256: good.SHA256, Paths: []string{"a/", ""}}},
		`no endpoint "/artifact"`:    {{Name: "ci", SHA256: good.SHA256, Endpoints: []string{"/artifact"}}},
		`no endpoint "DELETE /task/`: {{Name: "ci", SHA256: good.SHA256, Endpoints: []string{"DELETE /task/"}}},
	} {
		_, err := service.Open(t.Context(), service.Config{Dir: t.TempDir(), Tokens: tokens})
		assert.ErrorContains(t, err, says)
	}
}

// Endpoints can be taken away from everybody.
func TestDisabledEndpoints(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.DisabledEndpoints = []string{"POST /bootstrap/", "/delegations/"} })
	code, _ := f.call("GET", "/bootstrap/", nil)
	assert.Equal(t, 200, code)
	for method, path := range map[string]string{"POST": "/bootstrap/", "PUT": "/delegations/"} {
		code, text := f.call(method, path, f.draft().Payload())
		assert.Equal(t, 404, code)
		assert.Contains(t, text, "Not Found")
	}
	_, err := service.Open(t.Context(), service.Config{Dir: t.TempDir(), DisabledEndpoints: []string{"/nothing"}})
	assert.ErrorContains(t, err, "no endpoint")
}
