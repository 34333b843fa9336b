// Package transport carries requests to servers and brings back bounded
// answers: for package client the API's, for package repository the files of a
// published repository.
//
// A [Client] sends requests to one host and whatever it redirects to. [New]
// makes a [Base], the folder that files are read from by name: over http,
// https, or from a folder of this machine (a file: URL).
//
// # What the package promises
//
// Headers, tokens and client certificates go to the host of the URL alone, also
// after a redirect, and stand in no error and in no log. No redirect leads from
// https to http.
//
// Failures that pass are repeated, with a growing pause or with the one that
// the server asks for. A server that keeps silent, or sends next to nothing,
// is given up: see [Config].
//
// No more than what the caller allows is kept in memory, counted after
// unpacking.
package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// DefaultTimeout is that of a [Config] without one.
const DefaultTimeout = time.Minute

// maxIdle is how many connections to a host are kept for the next requests: as
// many as the readers of a repository use at a time.
const maxIdle = 16

// Config says how to connect. The zero value is good for a server that asks
// for no credentials.
type Config struct {
	// HTTPClient carries the requests; its Transport may be any
	// [http.RoundTripper]. Redirects are this package's matter. Default: a
	// client on a copy of [http.DefaultTransport].
	HTTPClient *http.Client
	// TLS holds further roots and client certificates. The certificates are
	// shown to the host of the URL alone. An HTTPClient with a Transport of
	// its own brings its own.
	TLS *tls.Config
	// Header is sent with every request to the host of the URL.
	Header http.Header
	// Token, unless nil, gives the bearer token. It is kept, and asked for
	// again once for a request that is answered with 401.
	Token func(ctx context.Context) (string, error)
	// UserAgent is "rstuf-go" by default.
	UserAgent string
	// Logger gets a debug line for each request and a warning for each retry.
	// Default: nothing is logged.
	Logger *slog.Logger
	// Timeout is how long a server may take to answer, and then the time in
	// which each next part of the answer must come, at [MinRate] at least. A
	// minute by default. A context bounds the whole call.
	Timeout time.Duration
	// Retries is how often a request is sent again after a failure that
	// passes; 4 by default, none if negative.
	Retries int
}

// Client sends requests to one host.
type Client struct {
	base  string
	retry *retryablehttp.Client
}

// NewClient makes a client of the server at an http or https URL, with or
// without a path. A user and password in it are sent as basic authentication.
// Nothing is sent yet.
func NewClient(baseURL string, cfg Config) (*Client, error) {
	base, auth, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	return newClient(base, auth, cfg)
}

func newClient(base *url.URL, auth string, cfg Config) (*Client, error) {
	if base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("base URL %s: it must start with http:// or https://", base)
	}
	header, err := cfg.header(auth)
	if err != nil {
		return nil, err
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
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = plain.Timeout
	}
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	plain.Timeout = 0
	home, away, err := roundTrippers(plain.Transport, cfg.TLS)
	if err != nil {
		return nil, err
	}
	plain.Transport = &credentials{
		home: home, away: away, base: base, header: header, agent: agent,
		source: cfg.Token, timeout: timeout, log: logger, lock: newLock(),
	}
	plain.CheckRedirect = checkRedirect
	retries := cfg.Retries
	if retries == 0 {
		retries = 4
	}
	return &Client{base: base.String(), retry: &retryablehttp.Client{
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
	}}, nil
}

// header is what goes with every request to the host, by canonical names.
func (cfg *Config) header(auth string) (http.Header, error) {
	header := http.Header{}
	for name, values := range cfg.Header {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				return nil, fmt.Errorf("header %q: its value holds a line break or a NUL character", name)
			}
			header.Add(name, value)
		}
	}
	if auth != "" && header.Get("Authorization") == "" {
		header.Set("Authorization", auth)
	}
	return header, nil
}

// roundTrippers are those for the host itself and for hosts that it redirects
// to; the latter know no client certificate.
func roundTrippers(given http.RoundTripper, config *tls.Config) (home, away http.RoundTripper, err error) {
	if given != nil {
		if config != nil {
			return nil, nil, errors.New("TLS settings beside an HTTPClient that has a Transport: put them into the Transport")
		}
		return given, given, nil
	}
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		if config != nil {
			return nil, nil, errors.New("TLS settings beside a replaced http.DefaultTransport: pass an HTTPClient with a Transport")
		}
		return http.DefaultTransport, http.DefaultTransport, nil
	}
	make := func(config *tls.Config) *http.Transport {
		t := standard.Clone()
		t.MaxIdleConnsPerHost = maxIdle
		if config != nil {
			t.TLSClientConfig = config
		}
		return t
	}
	own := make(config.Clone())
	if config == nil || len(config.Certificates) == 0 && config.GetClientCertificate == nil {
		return own, own, nil
	}
	anonymous := config.Clone()
	anonymous.Certificates, anonymous.GetClientCertificate = nil, nil
	return own, make(anonymous), nil
}

// URL is the base URL, without credentials and without a slash at its end.
func (c *Client) URL() string { return c.base }

// Request is one request.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte // nil for none
	// Repeat: doing it twice is the same as doing it once.
	Repeat bool
}

// Do sends a request, again and again as long as that may help, and passes the
// last answer to handle. What handle returns is a failure in reading the answer
// that may be over the next time: what was read for good is not to be told in
// that way.
func (c *Client) Do(ctx context.Context, r Request, handle func(*http.Response) error) error {
	if r.Repeat {
		ctx = withRepeat(ctx)
	}
	var body any
	if r.Body != nil {
		body = r.Body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return err
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	answered := false
	read := func(resp *http.Response) error {
		answered = true
		return handle(resp)
	}
	req.SetResponseHandler(read)
	resp, err := c.retry.Do(req)
	if err == nil && !answered {
		err = read(resp) // the answer that was one too many to retry
	}
	return err
}
