package service_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// What a browser sends for another page is refused, also from another port of
// the same host, whether it has a body or not; what the clients of the API send
// is not.
func TestOtherPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	server := httptest.NewServer(f.svc.Handler())
	t.Cleanup(server.Close)
	own := strings.TrimPrefix(server.URL, "http://")
	for name, c := range map[string]struct {
		path, body string
		header     map[string]string
		want       int
	}{
		"a client":                          {"/artifacts/", `{"artifacts":[]}`, map[string]string{"Content-Type": "application/json"}, 202},
		"a client with a charset":           {"/artifacts/", `{"artifacts":[]}`, map[string]string{"Content-Type": "application/json; charset=utf-8"}, 202},
		"another kind of JSON":              {"/artifacts/", `{"artifacts":[]}`, map[string]string{"Content-Type": "application/vnd.rstuf+json"}, 202},
		"the official client publishes":     {"/artifacts/publish/", "", nil, 202},
		"a page of the service":             {"/artifacts/publish/", "", map[string]string{"Origin": server.URL, "Sec-Fetch-Site": "same-origin"}, 202},
		"a form":                            {"/artifacts/", `{"artifacts":[]}`, map[string]string{"Content-Type": "text/plain"}, 422},
		"a form with fields":                {"/artifacts/", `{"artifacts":[]}`, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 422},
		"no type":                           {"/artifacts/", `{"artifacts":[]}`, nil, 422},
		"a type that only looks like JSON":  {"/artifacts/", `{"artifacts":[]}`, map[string]string{"Content-Type": "text/plain; application/json"}, 422},
		"another site's page":               {"/artifacts/publish/", "", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403},
		"another port's page":               {"/artifacts/publish/", "", map[string]string{"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, 403},
		"an old browser, by its origin":     {"/artifacts/publish/", "", map[string]string{"Origin": "https://evil.example"}, 403},
		"a sandboxed page":                  {"/artifacts/publish/", "", map[string]string{"Origin": "null"}, 403},
		"another page with the right type":  {"/artifacts/", `{"artifacts":[]}`, map[string]string{"Content-Type": "application/json", "Origin": "https://evil.example"}, 403},
		"a page by a name that leads here":  {"/artifacts/publish/", "", map[string]string{"Host": "evil.example:80", "Origin": "http://evil.example:80"}, 421},
		"a name that only looks like local": {"/artifacts/publish/", "", map[string]string{"Host": "127.0.0.1.evil.example"}, 421},
		"localhost":                         {"/artifacts/publish/", "", map[string]string{"Host": "localhost:8080"}, 202},
		"loopback of IPv6":                  {"/artifacts/publish/", "", map[string]string{"Host": "[::1]:8080"}, 202},
		"its own address":                   {"/artifacts/publish/", "", map[string]string{"Host": own}, 202},
	} {
		r, err := http.NewRequest("POST", server.URL+"/api/v1"+c.path, strings.NewReader(c.body))
		require.NoError(t, err)
		for key, value := range c.header {
			r.Header.Set(key, value)
			if key == "Host" {
				r.Host = value
			}
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, c.want, resp.StatusCode, "%s: %s", name, text)
		switch resp.StatusCode {
		case 421:
			assert.Contains(t, string(text), "--host", name)
		case 422:
			assert.Contains(t, string(text), "application/json", name)
		}
	}
}

// A name that leads to the loopback address reads nothing either, unless the
// configuration has it.
func TestHosts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *service.Config) { c.Hosts = []string{"rstuf.example.com", "gate.example.com:8443"} })
	get := func(path, host, local string) int {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = host
		address, err := net.ResolveTCPAddr("tcp", local)
		require.NoError(t, err)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(address)))
		w := httptest.NewRecorder()
		f.svc.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for _, path := range []string{"/api/v1/bootstrap/", "/metrics"} {
		for _, local := range []string{"127.0.0.1:8080", "[::1]:8080", "127.8.8.8:80"} {
			assert.Equal(t, 421, get(path, "evil.example", local), "%s at %s", path, local)
			assert.Equal(t, 421, get(path, "gate.example.com:80", local))
			assert.Equal(t, 200, get(path, "rstuf.example.com", local))
			assert.Equal(t, 200, get(path, "RSTUF.example.com:443", local))
			assert.Equal(t, 200, get(path, "gate.example.com:8443", local))
			assert.Equal(t, 200, get(path, "localhost", local))
		}
		assert.Equal(t, 200, get(path, "any.example", "192.0.2.1:8080"), "other addresses are reached by other names")
	}
}
