package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// credentials adds to a request what belongs to it, each time that it is sent:
// after a redirect to another host that is no credentials.
type credentials struct {
	home, away http.RoundTripper // for the host, and for others

	base    *url.URL
	header  http.Header
	agent   string
	source  func(context.Context) (string, error)
	timeout time.Duration
	log     *slog.Logger

	lock  lock // held to use token, and by the one request that fetches one
	token string
}

func (t *credentials) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.trusts(req.URL) {
		return t.send(t.away, req, nil, "")
	}
	if t.source == nil {
		return t.send(t.home, req, t.header, "")
	}
	token, err := t.getToken(req.Context(), "")
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := t.send(t.home, req, t.header, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || req.Body != nil && req.GetBody == nil {
		return resp, err
	}
	// The service refused the token, so it did nothing: sending again is safe.
	fresh, err := t.getToken(req.Context(), token)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	if fresh == token {
		return resp, nil
	}
	resp.Body.Close()
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	return t.send(t.home, again, t.header, fresh)
}

// getToken returns the token to use; refused is the one that was answered
// with 401, if any.
func (t *credentials) getToken(ctx context.Context, refused string) (string, error) {
	if err := t.lock.acquire(ctx); err != nil {
		return "", err
	}
	defer t.lock.release()
	if t.token != "" && t.token != refused {
		return t.token, nil
	}
	token, err := t.source(ctx)
	if err == nil && strings.ContainsAny(token, "\r\n\x00") {
		err = errors.New("it holds a line break or a NUL character")
	}
	if err != nil {
		return "", &TokenError{err}
	}
	t.token = token
	return token, nil
}

func (t *credentials) send(next http.RoundTripper, req *http.Request, header http.Header, token string) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.agent)
	for name, values := range header {
		req.Header[name] = values
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	start := time.Now()
	resp, err := paced(next, req, t.timeout)
	if err != nil {
		t.log.DebugContext(req.Context(), "no answer", "method", req.Method, "path", req.URL.Path, "took", time.Since(start), "error", err)
		return nil, err
	}
	t.log.DebugContext(req.Context(), "answer", "method", req.Method, "path", req.URL.Path, "status", resp.StatusCode, "took", time.Since(start))
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		// net/http turns a POST into a GET after these two, for the sake of
		// browsers. What we send is to arrive as it is.
		switch resp.StatusCode {
		case http.StatusMovedPermanently:
			resp.StatusCode = http.StatusPermanentRedirect
		case http.StatusFound:
			resp.StatusCode = http.StatusTemporaryRedirect
		}
	}
	return resp, nil
}

// trusts tells whether the credentials may go to target: the scheme, host and
// port of the base URL, or from http to https where both have their own port.
func (t *credentials) trusts(target *url.URL) bool {
	if !strings.EqualFold(target.Hostname(), t.base.Hostname()) {
		return false
	}
	if target.Scheme == t.base.Scheme {
		return port(target) == port(t.base)
	}
	return target.Scheme == "https" && port(target) == "443" && port(t.base) == "80"
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// closeBody does what a RoundTripper owes to a request that it does not send.
func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}

const maxRedirects = 10

func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= maxRedirects:
		return &RedirectError{fmt.Sprintf("stopped after %d of them", maxRedirects)}
	case req.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "https":
		return &RedirectError{"from https to http, which is not safe to follow; check the proxy in front of the server"}
	}
	return nil
}
