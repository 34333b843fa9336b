package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

func TestBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"http://h":                        "http://h/api/v1",
		"http://h/":                       "http://h/api/v1",
		"https://h:8443//":                "https://h:8443/api/v1",
		"https://h/tuf":                   "https://h/tuf/api/v1",
		"https://h/tuf/api/v1":            "https://h/tuf/api/v1",
		"https://h/api/v1/":               "https://h/api/v1",
		"http://[::1]:80":                 "http://[::1]:80/api/v1",
		"https://user:secret@h/api/v1///": "https://h/api/v1",
	} {
		api, err := client.New(base, client.Config{})
		require.NoError(t, err, base)
		assert.Equal(t, want, api.URL())
	}
	for _, base := range []string{"", "h", "h:8000", "//h", "ftp://h", "http://", "http:///path", "http://:80", "http://h?x=1", "http://h#x", "http://user:secret@h?x", "http://user:secret@h:port", "http://h/%zz", "\x00"} {
		_, err := client.New(base, client.Config{})
		require.Error(t, err, base)
		assert.NotContains(t, err.Error(), "secret")
	}
}

// seen keeps the requests that reach a server.
type seen struct {
	mu   sync.Mutex
	list []*http.Request
	body []string
	next http.Handler
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.list = append(s.list, r)
	s.body = append(s.body, string(body))
	s.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.next.ServeHTTP(w, r)
}

func (s *seen) last() (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[len(s.list)-1], s.body[len(s.body)-1]
}

func TestHeaders(t *testing.T) {
	server := &seen{next: newFakeAPI()}
	api, _ := serve(t, server, client.Config{Header: http.Header{"x-api-key": {"k"}, "X-Many": {"a", "b"}}, UserAgent: "tests/1"})
	_, err := api.AddArtifacts(t.Context(), rstuf.AddArtifacts{})
	require.NoError(t, err)
	r, body := server.last()
	assert.Equal(t, "k", r.Header.Get("X-Api-Key"))
	assert.Equal(t, []string{"a", "b"}, r.Header["X-Many"])
	assert.Equal(t, "tests/1", r.UserAgent())
	assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	assert.Equal(t, "application/json", r.Header.Get("Accept"))
	assert.JSONEq(t, `{"artifacts": []}`, body)

	_, err = client.New("http://h", client.Config{Header: http.Header{"X-Key": {"secret\r\nX-Other: 1"}}})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
}

func TestUserAndPassword(t *testing.T) {
	server := &seen{next: newFakeAPI()}
	web := httptest.NewServer(server)
	defer web.Close()
	api, err := client.New(strings.Replace(web.URL, "http://", "http://user:s%20cret@", 1), client.Config{HTTPClient: web.Client(), Retries: -1})
	require.NoError(t, err)
	_, err = api.BootstrapState(t.Context())
	require.NoError(t, err)
	r, _ := server.last()
	user, password, _ := r.BasicAuth()
	assert.Equal(t, "user", user)
	assert.Equal(t, "s cret", password)

	web.Close()
	_, err = api.BootstrapState(t.Context())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "cret")
}

// gate wants a bearer token.
func gate(valid func(token string) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !valid(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestToken(t *testing.T) {
	fake := newFakeAPI()
	good := "token-1"
	asked := 0
	api, _ := serve(t, gate(func(token string) bool { return token == good }, fake), client.Config{
		Token: func(context.Context) (string, error) { asked++; return good, nil },
	})
	delete := func() error {
		_, err := api.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{"a"}})
		return err
	}
	require.NoError(t, delete())
	require.NoError(t, delete())
	assert.Equal(t, 1, asked, "a token is kept")

	good = "token-2"
	require.NoError(t, delete(), "and fetched anew when it is refused")
	assert.Equal(t, 2, asked)
	assert.Equal(t, 3, fake.count("POST /api/v1/artifacts/delete"))
}

func TestTokenThatIsRefused(t *testing.T) {
	asked := 0
	api, _ := serve(t, gate(func(string) bool { return false }, newFakeAPI()), client.Config{
		Token: func(context.Context) (string, error) { asked++; return "token-" + strings.Repeat("x", asked), nil },
	})
	_, err := api.BootstrapState(t.Context())
	var answer *client.Error
	require.ErrorAs(t, err, &answer)
	assert.Equal(t, http.StatusUnauthorized, answer.Status)
	assert.Equal(t, 2, asked, "once at the start, once again")
	assert.NotContains(t, err.Error(), "token-")
}

func TestTokenSourceThatFails(t *testing.T) {
	fake := newFakeAPI()
	broken := errors.New("no login")
	asked := 0
	api, _ := serve(t, fake, client.Config{Token: func(context.Context) (string, error) { asked++; return "", broken }})
	_, err := api.BootstrapState(t.Context())
	require.ErrorIs(t, err, broken)
	assert.Equal(t, 1, asked)
	assert.Empty(t, fake.done)

	api, _ = serve(t, fake, client.Config{Token: func(context.Context) (string, error) { return "secret\n", nil }})
	_, err = api.BootstrapState(t.Context())
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret")
}

func TestTokenSourceThatHangs(t *testing.T) {
	api, _ := serve(t, newFakeAPI(), client.Config{Token: func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}})
	first, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		_, err := api.BootstrapState(first)
		assert.ErrorIs(t, err, context.Canceled)
	})
	second, cancelSecond := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelSecond()
	_, err := api.BootstrapState(second)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	cancel()
	all.Wait()
}

func TestTokenUnderConcurrency(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	api, _ := serve(t, gate(func(token string) bool { return token == "new" }, newFakeAPI()), client.Config{
		Token: func(context.Context) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked == 1 {
				return "old", nil
			}
			return "new", nil
		},
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := api.BootstrapState(t.Context())
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Equal(t, 2, asked, "one refresh serves all")
}

func TestRedirectsKeepMethodAndBody(t *testing.T) {
	for _, status := range []int{301, 302, 307, 308} {
		server := &seen{next: newFakeAPI()}
		web := httptest.NewServer(server)
		defer web.Close()
		api, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, web.URL+r.URL.Path, status)
		}), client.Config{})
		_, err := api.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{"a"}})
		require.NoError(t, err, status)
		r, body := server.last()
		assert.Equal(t, http.MethodPost, r.Method)
		assert.JSONEq(t, `{"artifacts": ["a"]}`, body)
	}
}

func TestRedirectsLeakNoCredentials(t *testing.T) {
	elsewhere := &seen{next: newFakeAPI()}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	home := &seen{next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/artifacts/delete" {
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		newFakeAPI().ServeHTTP(w, r)
	})}
	asked := 0
	api, _ := serve(t, home, client.Config{
		Header: http.Header{"X-Api-Key": {"secret"}, "Cookie": {"session=secret"}},
		Token:  func(context.Context) (string, error) { asked++; return "secret", nil },
	})
	_, err := api.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{"a"}})
	require.NoError(t, err)
	r, _ := home.last()
	assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
	r, _ = elsewhere.last()
	for name, values := range r.Header {
		assert.NotContains(t, strings.Join(values, " "), "secret", name)
	}
	assert.Equal(t, 1, asked)
}

func TestWhereCredentialsGo(t *testing.T) {
	for _, tt := range []struct {
		base, target string
		sent         bool
	}{
		{"http://a.example", "http://a.example/x", true},
		{"http://a.example", "http://A.EXAMPLE:80/x", true},
		{"https://a.example", "https://a.example:443/x", true},
		{"http://a.example", "https://a.example/x", true},
		{"http://a.example", "https://a.example:8443/x", false},
		{"http://a.example:8000", "https://a.example/x", false},
		{"http://a.example", "http://a.example:8080/x", false},
		{"http://a.example", "http://b.a.example/x", false},
		{"http://b.a.example", "http://a.example/x", false},
		{"http://a.example", "http://a.example@evil.example/x", false},
	} {
		var last *http.Request
		api, err := client.New(tt.base, client.Config{
			Header: http.Header{"X-Key": {"secret"}},
			HTTPClient: &http.Client{Transport: inMemory{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if last = r; r.URL.Path == "/x" {
					io.WriteString(w, `{"data": {"bootstrap": true}}`)
					return
				}
				http.Redirect(w, r, tt.target, http.StatusTemporaryRedirect)
			})}},
		})
		require.NoError(t, err)
		state, err := api.BootstrapState(t.Context())
		require.NoError(t, err)
		require.True(t, state.Bootstrap)
		assert.Equal(t, tt.sent, last.Header.Get("X-Key") != "", "%s to %s", tt.base, tt.target)
	}
}

func TestRedirectToPlainHTTPIsRefused(t *testing.T) {
	plain := httptest.NewServer(newFakeAPI())
	defer plain.Close()
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/api/v1/bootstrap/", http.StatusTemporaryRedirect))
	defer secure.Close()
	api, err := client.New(secure.URL, client.Config{HTTPClient: secure.Client()})
	require.NoError(t, err)
	_, err = api.BootstrapState(t.Context())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "from https to http")
}

func TestUntrustedCertificateIsNotRetried(t *testing.T) {
	secure := httptest.NewUnstartedServer(newFakeAPI())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer secure.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var log bytes.Buffer
	api, err := client.New(secure.URL, client.Config{HTTPClient: &http.Client{Transport: transport}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	_, err = api.BootstrapState(t.Context())
	require.ErrorIs(t, err, client.ErrUnavailable)
	assert.NotContains(t, log.String(), "retry")
}

func TestLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	proxy := &faultProxy{service: newFakeAPI(), faults: repeated(status(503, "Retry-After: 0", ""), 1)}
	api, _ := serve(t, proxy, client.Config{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Header: http.Header{"X-Api-Key": {"secret"}},
		Token:  func(context.Context) (string, error) { return "secret", nil },
	})
	_, err := api.BootstrapState(t.Context())
	require.NoError(t, err)
	assert.Contains(t, log.String(), "retry")
	assert.Contains(t, log.String(), "status=200")
	assert.NotContains(t, log.String(), "secret")
}

func TestErrorsInOneLine(t *testing.T) {
	for body, want := range map[string]string{
		`{"detail": {"message": "Task not accepted.", "error": "It requires bootstrap finished. State: None"}}`: "GET /config/: status 404: Task not accepted: It requires bootstrap finished. State: None",
		`{"detail": {"error": "why"}}`: "GET /config/: status 404: why",
		`{"detail": "Not Found"}`:      "GET /config/: status 404: Not Found",
		`{"detail": [{"type": "missing", "loc": ["body", "a", 0, "b"], "msg": "Field required", "input": {}}]}`: "GET /config/: status 404: a[0].b: Field required",
		"":                    "GET /config/: status 404: Not Found",
		"plain\r\n\ttext\x00": "GET /config/: status 404: plain text",
		page:                  "GET /config/: status 404: Not Found",
		"\xff\xfe broken":     "GET /config/: status 404: broken",
		`{"other": 1}`:        `GET /config/: status 404: {"other": 1}`,
	} {
		api := offline(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			io.WriteString(w, body)
		}), client.Config{})
		_, err := api.Settings(t.Context())
		assert.EqualError(t, err, want)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	api := offline(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(422)
		io.WriteString(w, `{"detail": [`+strings.Repeat(`{"type": "missing", "loc": ["body", "é\u001b[2J"], "msg": "Field required"},`, 5000)+`{}]}`)
	}), client.Config{})
	_, err := api.Settings(t.Context())
	var answer *client.Error
	require.ErrorAs(t, err, &answer)
	assert.Len(t, answer.Fields, 5001, "all are there")
	assert.Less(t, len(err.Error()), 2200, "the line tells of the first")
	assert.NotContains(t, err.Error(), "\x1b", "nothing that steers a terminal")
}

func TestInvalidRequestsAreNotSent(t *testing.T) {
	fake := newFakeAPI()
	api := offline(t, fake, client.Config{})
	ctx := t.Context()
	for name, send := range map[string]func() (*client.Task, error){
		"hashes": func() (*client.Task, error) {
			return api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: "a"}}})
		},
		"path": func() (*client.Task, error) {
			return api.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{""}})
		},
		"expiration": func() (*client.Task, error) { return api.UpdateSettings(ctx, map[string]int{"root": 0}) },
		"roles":      func() (*client.Task, error) { return api.DeleteDelegations(ctx) },
		"delegations": func() (*client.Task, error) {
			return api.AddDelegations(ctx, rstuf.Delegations{Roles: []rstuf.DelegatedRole{{Name: "a/b", Paths: []string{"x"}, Threshold: 1, ExpirePolicy: 1}}})
		},
		"signature": func() (*client.Task, error) { return api.Sign(ctx, "root", rstuf.Signature{}) },
	} {
		_, err := send()
		var invalid rstuf.ValidationError
		require.ErrorAs(t, err, &invalid, name)
		assert.Contains(t, err.Error(), name)
	}
	_, err := api.UpdateMetadata(ctx, []byte("{not json"))
	require.Error(t, err)
	_, err = api.Task("").State(ctx)
	require.Error(t, err)
	assert.Empty(t, fake.done)
}

func TestAddArtifactsIsTheSameAsMarshalJSON(t *testing.T) {
	custom := artifact(3)
	custom.Info.Custom = []byte(`{"a": [1, 2.50, "x"]}`)
	odd := artifact(4)
	odd.Path = "a\"b\\c\x01\n\u2028<>&é文 \U0001F600"
	odd.Info.Hashes = map[string]string{"sha512": strings.Repeat("ab", 64), "sha256": strings.Repeat("cd", 32), "x\"y": "00"}
	for _, request := range []rstuf.AddArtifacts{
		{Artifacts: []rstuf.Artifact{}},
		{Artifacts: []rstuf.Artifact{artifact(1), artifact(2), custom, odd}, AddTaskIDToCustom: true, SkipPublish: true},
	} {
		want, err := request.MarshalJSON()
		require.NoError(t, err)
		got, err := client.Encode(nil, request)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(got))
	}
	for _, bad := range []rstuf.Artifact{
		{Path: "a\xff"},
		{Path: "a", Info: rstuf.ArtifactInfo{Custom: []byte("{")}},
		{Path: "a", Info: rstuf.ArtifactInfo{Hashes: map[string]string{"\xff": "00"}}},
	} {
		_, err := client.Encode(nil, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{bad}})
		assert.Error(t, err)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("a/b", "sha256", "00", int64(1))
	f.Add("\x00\"\\\u2028é", "x\n", "\x7f", int64(-1))
	f.Add("\xff", "", "", int64(0))
	f.Fuzz(func(t *testing.T, path, algorithm, digest string, length int64) {
		request := rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: path, Info: rstuf.ArtifactInfo{Length: length, Hashes: map[string]string{algorithm: digest}}}}}
		got, err := client.Encode(nil, request)
		if err != nil {
			return
		}
		want, err := request.MarshalJSON()
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(got))
	})
}

// TestContextEndsWhileTheServiceActs: only a request that was sent may have
// been acted on, and only for one that can't be repeated does that matter.
func TestContextEndsWhileTheServiceActs(t *testing.T) {
	arrived := make(chan struct{}, 1)
	api, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	}), client.Config{})
	remove := func(ctx context.Context) error {
		_, err := api.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{"a"}})
		return err
	}
	for name, do := range map[string]func(context.Context) error{
		"delete": remove,
		"state":  func(ctx context.Context) error { _, err := api.BootstrapState(ctx); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		err := do(ctx)
		require.ErrorIs(t, err, context.Canceled, name)
		assert.Equal(t, name == "delete", strings.Contains(err.Error(), "may have acted"), err)
		err = do(ctx) // it has ended already
		require.ErrorIs(t, err, context.Canceled, name)
		assert.NotContains(t, err.Error(), "may have acted")
	}
}
