package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const defaultTimeout = time.Minute

// newHTTP is the HTTP client for everything below base: it retries, follows
// redirects, and holds the credentials.
func newHTTP(base *url.URL, auth string, cfg Config) (*retryablehttp.Client, error) {
	header := cfg.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if auth != "" && header.Get("Authorization") == "" {
		header.Set("Authorization", auth)
	}
	for name, values := range header {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				return nil, fmt.Errorf("header %q: its value holds a line break or a NUL character", name)
			}
		}
	}
	logger := cfg.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	agent := cfg.UserAgent
	if agent == "" {
		agent = "rstuf-go"
	}
	plain := http.Client{}
	if cfg.HTTPClient != nil {
		plain = *cfg.HTTPClient
	}
	if plain.Transport == nil {
		plain.Transport = http.DefaultTransport
	}
	plain.Transport = &transport{next: plain.Transport, base: base, header: header, agent: agent, source: cfg.Token, log: logger, lock: newLock()}
	plain.CheckRedirect = checkRedirect
	if cfg.Timeout > 0 {
		plain.Timeout = cfg.Timeout
	} else if plain.Timeout == 0 {
		plain.Timeout = defaultTimeout
	}
	retries := cfg.Retries
	if retries == 0 {
		retries = 4
	}
	return &retryablehttp.Client{
		HTTPClient:   &plain,
		RetryWaitMin: retryWaitMin,
		RetryWaitMax: retryWaitMax,
		RetryMax:     max(retries, 0),
		CheckRetry:   checkRetry,
		Backoff:      retryPause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: func(req *http.Request) error {
			logger.WarnContext(req.Context(), "retry", "method", req.Method, "path", req.URL.Path)
			return nil
		},
	}, nil
}

// transport adds to a request what belongs to it, each time that it is sent:
// after a redirect to another host that is no credentials.
type transport struct {
	next   http.RoundTripper
	base   *url.URL
	header http.Header
	agent  string
	source TokenSource
	log    *slog.Logger

	lock  lock // held to use token, and by the one request that fetches one
	token string
}

// errToken is a failure of the caller's TokenSource; it is not retried.
type errToken struct{ err error }

func (e errToken) Error() string { return "get a token: " + e.err.Error() }
func (e errToken) Unwrap() error { return e.err }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.trusts(req.URL) {
		return t.send(req, nil, "")
	}
	if t.source == nil {
		return t.send(req, t.header, "")
	}
	token, err := t.getToken(req.Context(), "")
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := t.send(req, t.header, token)
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
	return t.send(again, t.header, fresh)
}

// getToken returns the token to use; refused is the one that was answered
// with 401, if any.
func (t *transport) getToken(ctx context.Context, refused string) (string, error) {
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
		return "", errToken{err}
	}
	t.token = token
	return token, nil
}

func (t *transport) send(req *http.Request, header http.Header, token string) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.agent)
	for name, values := range header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	start := time.Now()
	resp, err := t.next.RoundTrip(req)
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
func (t *transport) trusts(target *url.URL) bool {
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

// errRedirect is a redirect that is not followed; it is not retried.
type errRedirect struct{ reason string }

func (e errRedirect) Error() string { return "redirect: " + e.reason }

func checkRedirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= maxRedirects:
		return errRedirect{fmt.Sprintf("stopped after %d of them", maxRedirects)}
	case req.URL.Scheme == "http" && via[0].URL.Scheme == "https":
		return errRedirect{"from https to http, which is not safe to follow; check the proxy in front of the service"}
	}
	return nil
}
