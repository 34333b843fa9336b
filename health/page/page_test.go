package page_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/health/page"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reportOf looks at a repository of a test.
func reportOf(t *testing.T, repo *rstuftest.Repository) *health.Report {
	t.Helper()
	api, err := client.New(repo.APIURL, client.Config{HTTPClient: repo.HTTPClient()})
	require.NoError(t, err)
	return health.Examine(t.Context(), health.Config{Reader: repo.Reader(t), API: api, Now: repo.Now})
}

func render(t *testing.T, r *health.Report, opts page.Options) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, page.Write(&b, r, opts))
	return b.String()
}

func withRoles(t *testing.T) *rstuftest.Repository {
	repo := rstuftest.New(t,
		rstuftest.WithRole(ceremony.Role{Name: "dev", Paths: []string{"dev/*"}, Threshold: 2}, "dan", "eve", "fay"),
		rstuftest.WithRole(ceremony.Role{Name: "nightly", Paths: []string{"nightly/*"}}),
		rstuftest.WithRole(ceremony.Role{Name: "stable", Paths: []string{"stable/*"}}, "gil"))
	repo.Publish(t, "nightly/a", []byte("content"))
	repo.Sign(t, "dev")
	repo.RotateRoot(t)
	return repo
}

// TestPage: what somebody sees first, and all the rest.
func TestPage(t *testing.T) {
	t.Parallel()
	html := render(t, reportOf(t, withRoles(t)), page.Options{Title: "Ours", Trust: "root.json"})
	for _, want := range []string{
		"<title>Ours</title>", "Signatures are awaited", "0 errors, 2 warnings, 1 document waiting for signatures",
		"verified from root.json on", "what it says is not signed", "First to end: <bdi>timestamp</bdi>",
		"1 more needed of gil", "To do: have it signed",
		"2 of 3 keys (people), ends in 29 days", "Version 2", "for the root before by", "metadata, verified",
		"waits for its first signatures", "version 2</tspan>", "In all 1 artifact of 7 B", "python-tuf", "0.24.0", "1 week",
	} {
		assert.Contains(t, html, want)
	}
	assert.NotContains(t, html, "Look an artifact up", "a file looks nothing up")
}

// TestHashBinsAreOne: they are one box, one bar and one sentence.
func TestHashBinsAreOne(t *testing.T) {
	t.Parallel()
	html := render(t, reportOf(t, rstuftest.New(t, rstuftest.WithPolicy(func(p *ceremony.Policy) { p.HashBins = 64 }))), page.Options{})
	assert.Contains(t, html, "64 hash bins, 64 seen, the first ends in 23 hours")
	assert.Contains(t, html, "Hash bins: 64 of 64 were read and verified; 0 have ended.")
	assert.NotContains(t, html, "bins-3f")
	assert.Less(t, len(html), 30_000)
	assert.Contains(t, html, "<title>Repository</title>")
}

// TestHashBinsUntilAsked: of many hash bins no file is read before somebody asks
// for them, and then each is.
func TestHashBinsUntilAsked(t *testing.T) {
	t.Parallel()
	for _, count := range []int{16384, 512} {
		repo := rstuftest.New(t, rstuftest.WithPolicy(func(p *ceremony.Policy) { p.HashBins = count }))
		repo.Publish(t, "a", []byte("content"))
		var read atomic.Int64
		counted := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, ".bins-") {
				read.Add(1)
			}
			return repo.HTTPClient().Transport.RoundTrip(r)
		})}
		reader := repo.Reader(t, func(c *repository.Config) { c.HTTP.HTTPClient = counted })
		handler := page.NewHandler(page.Live{
			MaxAge: time.Hour,
			Find:   reader.Find,
			Examine: func(ctx context.Context, mostBins int) *health.Report {
				return health.Examine(ctx, health.Config{Reader: reader, Now: repo.Now, MostBins: mostBins})
			},
		})
		get := func(target string) string {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Less(t, w.Body.Len(), 30_000)
			return w.Body.String()
		}
		html := get("/")
		assert.Zero(t, read.Load())
		assert.Contains(t, html, fmt.Sprintf("Hash bins: none of the %d was looked at.", count))
		assert.Contains(t, html, `<button name="bins" value="all">`)
		assert.Contains(t, html, "0 errors")
		assert.NotContains(t, html, "In all", "how many artifacts there are is not known")

		assert.Contains(t, get("/?artifact=a"), "7 bytes. Verified.")
		assert.Equal(t, int64(1), read.Load())
		if count > 1000 {
			continue // to read them all takes seconds
		}
		html = get("/?bins=all")
		assert.Equal(t, int64(count), read.Load())
		assert.Contains(t, html, "Hash bins: 512 of 512 were read and verified; 0 have ended.")
		assert.Contains(t, html, "In all 1 artifact of 7 B.")
		assert.NotContains(t, html, `<button name="bins"`)
		assert.Contains(t, get("/"), "none of the 512 was looked at", "each look is kept")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestEmpty: a report of nothing, and of a repository that has ended.
func TestEmpty(t *testing.T) {
	t.Parallel()
	require.Error(t, page.Write(io.Discard, nil, page.Options{}))
	assert.Contains(t, render(t, &health.Report{}, page.Options{}), "Nothing is wrong")
	html := render(t, health.Examine(t.Context(), health.Config{}), page.Options{})
	assert.Contains(t, html, "were not looked at")
	assert.Contains(t, html, "What could not be seen")
	assert.Contains(t, html, "No API was asked")

	repo := rstuftest.New(t)
	later := func() time.Time { return repo.Now().AddDate(5, 0, 0) }
	r := health.Examine(t.Context(), health.Config{Now: later, Reader: repo.Reader(t, func(c *repository.Config) {
		c.AllowExpiredUnsafe, c.Now = true, later
	})})
	html = render(t, r, page.Options{})
	assert.Contains(t, html, "Something is wrong")
	assert.Contains(t, html, "it has ended")
	assert.Contains(t, html, `class="over"`)
	assert.NotContains(t, html, "NaN")
}

// TestSelfContained: no script, nothing from elsewhere, and a policy that the
// style fits.
func TestSelfContained(t *testing.T) {
	t.Parallel()
	html := render(t, reportOf(t, withRoles(t)), page.Options{})
	assert.NotContains(t, strings.ToLower(html), "<script")
	for _, link := range regexp.MustCompile(`(?i)\s(src|href|action|data|srcset|style|on\w+)\s*=\s*"([^"]*)"`).FindAllStringSubmatch(html, -1) {
		assert.Equal(t, "data:,", link[2], link[0])
	}
	_, rest, _ := strings.Cut(html, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	require.NotEmpty(t, style)
	sum := sha256.Sum256([]byte(style))
	assert.Contains(t, html, "style-src &#39;sha256-"+strings.ReplaceAll(base64.StdEncoding.EncodeToString(sum[:]), "+", "&#43;")+"&#39;")
	assert.NotContains(t, style, "url(")
	assert.NotContains(t, style, "@import")
	assert.Contains(t, html, `<html lang="en">`)
	assert.Equal(t, strings.Count(html, "<svg "), strings.Count(html, `role="img" aria-label="`), "each picture has a name")
	assert.Equal(t, strings.Count(html, "<table>"), strings.Count(html, "<thead>"))
}

var hostileNames = []string{
	"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "a\u202eb", "a\nb", "\x1b[2J", "\u2066x", "{{.}}", "&lt;", "]]>", "javascript:alert(1)",
	strings.Repeat("long ", 1<<12),
}

// hostileReport has a name of a stranger wherever one may stand.
func hostileReport(name string) *health.Report {
	ref := metadata.KeyRef{KeyID: name, Name: name}
	role := health.Role{Name: name, By: "targets", Signed: []metadata.KeyRef{ref}, Left: 1 << 40, Life: 1 << 62, Threshold: -1, Keys: -5}
	return &health.Report{
		API: name, Metadata: name, Bootstrap: name,
		Roles:   []health.Role{{Name: "root", By: "root"}, role, role},
		Bins:    &health.Bins{Prefix: name, Count: 3, Seen: 3, First: role},
		Keys:    []health.Key{{Name: name, ID: name, Type: name, Scheme: name, Public: name, URI: name, Roles: []string{name}, Clients: []health.Support{{Name: name, Note: name}}}},
		Pending: []health.Pending{{Role: name, Status: ceremony.Status{Document: metadata.Verification{Role: name, Problem: name, Missing: []metadata.KeyRef{ref}}}}},
		Roots:   []health.Root{{Signed: []metadata.KeyRef{ref}, SignedBefore: []metadata.KeyRef{ref}, Changes: []ceremony.Difference{{Field: name, Old: name, New: name}}}},
		Clients: []health.Client{{Name: name, Release: name, Reads: health.Reads(name), Reasons: []health.Reason{{Role: name, Text: name, Count: 2}}}},
		Findings: []health.Finding{
			{Severity: health.Error, Code: "role.expired", Role: name, Text: name, Do: "nothing"},
			{Severity: health.Error, Code: "key.clients", Key: &ref, Text: name},
		},
		NotSeen: []health.NotSeen{{What: name, Why: name}},
	}
}

// TestHostileNames: markup of strangers is text, and nothing of them reorders or
// hides what stands around it.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		found := repository.Artifact{Path: name, Role: name, ArtifactInfo: rstuf.ArtifactInfo{Hashes: map[string]string{name: name}}}
		found.Custom, _ = json.Marshal(map[string]string{name: name})
		served := httptest.NewRecorder()
		page.NewHandler(page.Live{
			Options: page.Options{Title: name, Trust: name},
			Examine: func(context.Context, int) *health.Report { return hostileReport(name) },
			Find: func(_ context.Context, path string) (repository.Artifact, error) {
				if path == "missing" {
					return found, errors.New(name)
				}
				return found, nil
			},
		}).ServeHTTP(served, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?artifact="+url.QueryEscape(name), nil))
		assert.Equal(t, http.StatusOK, served.Code)
		for _, html := range []string{served.Body.String(), render(t, hostileReport(name), page.Options{Title: name, Trust: name})} {
			assert.NotContains(t, html, "<script")
			assert.NotContains(t, html, "<img")
			for _, c := range html {
				if !unicode.IsPrint(c) && c != '\n' {
					t.Errorf("%q of %.20q stands in the page", c, name)
					break
				}
			}
			assert.NotContains(t, html, "NaN")
			assert.NotContains(t, html, "ZgotmplZ")
		}
	}
}

// TestHandler: the page is made anew when it is old, once for all who ask.
func TestHandler(t *testing.T) {
	t.Parallel()
	repo := withRoles(t)
	reader := repo.Reader(t)
	report := reportOf(t, repo)
	var mu sync.Mutex
	looks := 0
	handler := page.NewHandler(page.Live{
		MaxAge: time.Hour,
		Find:   reader.Find,
		Examine: func(context.Context, int) *health.Report {
			mu.Lock()
			defer mu.Unlock()
			looks++
			return report
		},
	})
	get := func(method, target string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
		return w
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { assert.Equal(t, http.StatusOK, get(http.MethodGet, "/").Code) })
	}
	all.Wait()
	assert.Equal(t, 1, looks)

	found := get(http.MethodGet, "/?artifact=nightly/a")
	assert.Contains(t, found.Body.String(), "Role <bdi>nightly</bdi> speaks for <bdi>nightly/a</bdi>: 7 bytes. Verified.")
	assert.Contains(t, get(http.MethodGet, "/?artifact=nightly/b").Body.String(), "no role of the repository has it")
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY",
	} {
		assert.Equal(t, want, found.Header().Get(name), name)
	}
	policy := found.Header().Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.Contains(t, policy, "frame-ancestors 'none'")
	assert.NotContains(t, policy, "unsafe")

	assert.Equal(t, http.StatusOK, get(http.MethodHead, "/").Code)
	assert.Equal(t, http.StatusNotFound, get(http.MethodGet, "/other").Code)
	refused := get(http.MethodPost, "/")
	assert.Equal(t, http.StatusMethodNotAllowed, refused.Code)
	assert.Equal(t, "GET, HEAD", refused.Header().Get("Allow"))
	assert.NotEmpty(t, refused.Header().Get("Content-Security-Policy"))
}

// TestHandlerPauses: what takes long is not done all the time.
func TestHandlerPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		handler := page.NewHandler(page.Live{MaxAge: time.Second, Examine: func(context.Context, int) *health.Report {
			looks++
			time.Sleep(time.Minute)
			return hostileReport("a")
		}})
		for range 12 {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			time.Sleep(time.Minute)
		}
		assert.Equal(t, 2, looks)
	})
}

// TestHandlerWaits: a request that waits for the look of another one ends with
// its own context.
func TestHandlerWaits(t *testing.T) {
	t.Parallel()
	looking, release := make(chan struct{}), make(chan struct{})
	handler := page.NewHandler(page.Live{Examine: func(context.Context, int) *health.Report {
		close(looking)
		<-release
		return hostileReport("a")
	}})
	var first sync.WaitGroup
	first.Go(func() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		assert.Equal(t, http.StatusOK, w.Code)
	})
	<-looking
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(gone, http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	close(release)
	first.Wait()
}

// TestAmounts: a bar for each role that lists artifacts, the most bytes first; hash
// bins are one, and lengths that a stranger wrote do no harm.
func TestAmounts(t *testing.T) {
	t.Parallel()
	draw := func(r *health.Report) string {
		var b bytes.Buffer
		require.NoError(t, page.Write(&b, r, page.Options{}))
		_, picture, _ := strings.Cut(b.String(), "Artifacts and their bytes by role")
		picture, _, _ = strings.Cut(picture, "</svg>")
		return picture
	}
	roles := []health.Role{
		{Name: "root", By: "root"}, {Name: "small", By: "targets", Artifacts: 1, ArtifactBytes: 10},
		{Name: "<b>large", By: "targets", Artifacts: 2, ArtifactBytes: 1000},
	}
	picture := draw(&health.Report{Roles: roles})
	assert.Regexp(t, `(?s)&lt;b&gt;large.*2 artifacts, 1.0 kB.*width="336".*small.*1 artifact, 10 B.*width="3"`, picture)
	assert.NotContains(t, picture, "root")
	picture = draw(&health.Report{Roles: roles, Bins: &health.Bins{Prefix: "bins", Artifacts: 7, ArtifactBytes: math.MaxInt64}})
	assert.Contains(t, picture, "7 artifacts")
	assert.NotContains(t, picture, "small")
	assert.Empty(t, draw(&health.Report{Roles: roles[:1]}))
}
