package page_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/health/page"
)

// TestLogin: a session is somebody's own, ends with its time or a log out, and
// there are never many.
func TestLogin(t *testing.T) {
	t.Parallel()
	now := time.Now()
	handler := page.NewLogin(page.Login{
		Title: "<Ours>", Now: func() time.Time { return now },
		May: func(_ *http.Request, token string) bool { return strings.HasPrefix(token, "good") },
		Page: func(token string) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page of ", token) })
		},
	})
	ask := func(method, target, token string, cookie *http.Cookie, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(url.Values{"token": {token}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		assert.NotEmpty(t, w.Header().Get("Content-Security-Policy"))
		return w
	}
	login := func(token string) *http.Cookie {
		w := ask(http.MethodPost, "/login", token, nil)
		require.Equal(t, http.StatusSeeOther, w.Code)
		assert.Equal(t, "/", w.Header().Get("Location"))
		require.Len(t, w.Result().Cookies(), 1)
		return w.Result().Cookies()[0]
	}
	assert.Contains(t, ask(http.MethodGet, "/", "", nil).Body.String(), "&lt;Ours&gt;")
	assert.Equal(t, http.StatusForbidden, ask(http.MethodPost, "/login", "bad", nil).Code)
	assert.Equal(t, http.StatusForbidden, ask(http.MethodPost, "/login", "good", nil, "Sec-Fetch-Site", "cross-site").Code)
	assert.Contains(t, ask(http.MethodGet, "/?token=good", "", nil).Body.String(), "password", "a token in the URL is none")

	alice, bob := login("good alice"), login("good bob")
	assert.True(t, alice.HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, alice.SameSite)
	assert.NotContains(t, alice.Value, "good")
	assert.Equal(t, "page of good alice", ask(http.MethodGet, "/", "", alice).Body.String())
	assert.Equal(t, "page of good bob", ask(http.MethodGet, "/", "", bob).Body.String())
	assert.Contains(t, ask(http.MethodGet, "/", "", &http.Cookie{Name: alice.Name, Value: "x"}).Body.String(), "password")
	assert.Equal(t, http.StatusSeeOther, ask(http.MethodPost, "/logout", "", bob).Code)
	assert.Contains(t, ask(http.MethodGet, "/", "", bob).Body.String(), "password")

	now = now.Add(time.Hour)
	for range 200 {
		login("good")
	}
	assert.Contains(t, ask(http.MethodGet, "/", "", alice).Body.String(), "password", "the oldest made room")
	carol := login("good carol")
	now = now.Add(12 * time.Hour)
	assert.Contains(t, ask(http.MethodGet, "/", "", carol).Body.String(), "password", "its time is over")
	assert.Equal(t, http.StatusNotFound, ask(http.MethodGet, "/other", "", nil).Code)

	// With TLS no other host may have set the cookie.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.org/login", strings.NewReader("token=good"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	cookie := w.Result().Cookies()[0]
	assert.Equal(t, "__Host-rstuf", cookie.Name)
	assert.True(t, cookie.Secure)
}
