package service_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/service"
)

func readOpenAPI(t testing.TB, h http.Handler) openAPIDoc {
	t.Helper()
	w := call(h, "GET", "/openapi.json", nil)
	require.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var doc openAPIDoc
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
	return doc
}

var httpMethods = []string{"GET", "POST", "PUT", "DELETE", "PATCH"}

// TestOpenAPIRoutes: what is described is there, and what is there is described.
func TestOpenAPIRoutes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	doc := readOpenAPI(t, f.svc.Handler())
	paths := dig(doc, "paths")
	assert.Greater(t, len(paths), 18)
	for path := range paths {
		described := dig(paths, path)
		assert.NotEmpty(t, described)
		if !strings.HasPrefix(path, "/api/v1/") {
			assert.NotEqual(t, http.StatusNotFound, call(f.svc.Handler(), "GET", path, nil).Code, path)
			assert.NotEmpty(t, dig(described, "get")["summary"], path)
			continue
		}
		for _, method := range httpMethods {
			code := call(f.svc.Handler(), method, path, []byte("{}")).Code
			_, there := described[strings.ToLower(method)]
			assert.Equal(t, there, code != http.StatusMethodNotAllowed, "%s %s: %d", method, path, code)
			if there {
				assert.NotEmpty(t, dig(described, strings.ToLower(method))["summary"], path)
			}
		}
	}
	for _, endpoint := range slices.Concat(service.ReadEndpoints(), service.ArtifactEndpoints(), service.SignEndpoints()) {
		_, path, both := strings.Cut(endpoint, " ")
		if !both {
			path = endpoint
		}
		assert.True(t, paths[path] != nil || paths["/api/v1"+path] != nil, endpoint)
	}
}

// TestOpenAPIFollowsConfig: endpoints that are taken away are not described, and
// tokens are if they are asked for; the description itself needs none.
func TestOpenAPIFollowsConfig(t *testing.T) {
	t.Parallel()
	assert.NotContains(t, readOpenAPI(t, newFixture(t).svc.Handler()), "security")
	f := newFixture(t, func(c *service.Config) {
		c.DisabledEndpoints = []string{"/bootstrap/", "POST /metadata/sign", "/docs"}
		c.Tokens = []service.Token{newToken(t, "reader", readSecret)}
	})
	doc := readOpenAPI(t, f.svc.Handler())
	assert.NotContains(t, dig(doc, "paths"), "/api/v1/bootstrap/")
	assert.NotContains(t, dig(doc, "paths"), "/docs")
	assert.Contains(t, dig(doc, "paths", "/api/v1/metadata/sign"), "get")
	assert.NotContains(t, dig(doc, "paths", "/api/v1/metadata/sign"), "post")
	assert.Contains(t, doc, "security")
	assert.Contains(t, dig(doc, "paths", "/api/v1/config/", "get", "responses"), "401")
	assert.Equal(t, []any{}, dig(doc, "paths", "/healthz", "get")["security"])
	assert.Equal(t, http.StatusNotFound, call(f.svc.Handler(), "GET", "/docs", nil).Code)
	w := call(f.svc.Handler(), "GET", "/openapi.json", nil)
	assert.NotContains(t, w.Body.String(), readSecret)
}

// schemaDeviations are recorded exchanges that the description does not have, with
// the row in the table of docs/service.md that says why.
var schemaDeviations = []schemaDeviation{
	{"`delegated_roles` is `{}` when empty", func(_ *exchange, _ int, wrong string) bool {
		return strings.HasSuffix(wrong, ".delegated_roles: object is no [array string null]")
	}},
	{"the reason of a failed role is a list", func(_ *exchange, _ int, wrong string) bool {
		return strings.HasSuffix(wrong, ".failed_roles[0].reason: array is no string")
	}},
	{"`POST /delegations/` before bootstrap: 200", func(e *exchange, status int, _ string) bool {
		return status == 200 && strings.HasPrefix(e.Step, "pre.delegations.")
	}},
}

type schemaDeviation struct {
	row     string
	applies func(e *exchange, status int, wrong string) bool
}

// TestOpenAPIRecordings: every recorded request that was taken and every recorded
// answer is as the description has it, or a documented difference.
func TestOpenAPIRecordings(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../docs/service.md")
	require.NoError(t, err)
	for _, d := range schemaDeviations {
		assert.Contains(t, string(docs), "\n| "+d.row)
	}
	doc := readOpenAPI(t, newFixture(t).svc.Handler())
	requests, answers, differ := 0, 0, 0
	check := func(e *exchange, status int, wrong []string) {
		for _, text := range wrong {
			if slices.ContainsFunc(schemaDeviations, func(d schemaDeviation) bool { return d.applies(e, status, text) }) {
				differ++
				continue
			}
			t.Errorf("%s %s: %s", e.endpoint(), e.Step, text)
		}
	}
	for _, s := range loadScenarios(t) {
		for i := range s.exchanges {
			e := &s.exchanges[i]
			path, _, _ := strings.Cut(e.Request.Path, "?")
			for _, state := range e.TaskStates {
				answers++
				check(e, state.Status, doc.answer("GET", path, state.Status, state.Body))
			}
			if e.Response == nil {
				continue
			}
			if e.Response.Status == http.StatusAccepted {
				requests++
				check(e, e.Response.Status, doc.request(e.Request.Method, path, e.payload()))
			}
			if dig(doc, "paths", path, strings.ToLower(e.Request.Method)) != nil && e.Response.Body != nil {
				answers++
				check(e, e.Response.Status, doc.answer(e.Request.Method, path, e.Response.Status, e.Response.Body))
			}
		}
	}
	t.Logf("%d requests, %d answers, %d differences", requests, answers, differ)
	assert.Positive(t, answers)
	if *recordings == testdir.Recordings { // of others nobody knows how many there are
		assert.Greater(t, requests, 40)
		assert.Greater(t, answers, 100)
		assert.Equal(t, 4, differ)
	}
}

// TestDocsPage: a page without script that names every endpoint and asks for
// nothing.
func TestDocsPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := call(f.svc.Handler(), "GET", "/docs", nil)
	require.Equal(t, http.StatusOK, w.Code)
	text := w.Body.String()
	assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	for path, methods := range dig(readOpenAPI(t, f.svc.Handler()), "paths") {
		for method := range methods.(map[string]any) {
			assert.Contains(t, text, "<code>"+strings.ToUpper(method)+" "+path+"</code></h2>")
		}
	}
	for _, field := range []string{"artifacts[].info.hashes", "task_id", "data.result.details.added_artifacts", "metadata.root.signatures[].keyid"} {
		assert.Contains(t, text, field)
	}
	for _, bad := range []string{"<script", "http://", "https://", "<img", "<link"} {
		assert.NotContains(t, text, bad)
	}
}
