package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Config tells a [Client] how to reach a service. The zero value is good for
// a service that asks for no credentials.
type Config struct {
	// HTTPClient carries the requests; its Transport may be any
	// [http.RoundTripper]. Redirects are the Client's own matter. Default: a
	// client on [http.DefaultTransport].
	HTTPClient *http.Client
	// Header is sent with every request to the host of the base URL, such as
	// the API key that a gateway wants.
	Header http.Header
	// Token, where set, gives the bearer token.
	Token TokenSource
	// UserAgent is "rstuf-go" by default.
	UserAgent string
	// Logger gets a debug line for each request and a warning for each retry.
	// Default: nothing is logged.
	Logger *slog.Logger
	// Timeout bounds one attempt of one request, with its answer; a minute by
	// default. A context bounds the whole call.
	Timeout time.Duration
	// Retries is how often a request is sent again after a failure that
	// passes; 4 by default, none if negative.
	Retries int
	// MaxAnswer bounds an answer's body in bytes; 64 MiB by default.
	MaxAnswer int64
}

// TokenSource gives a bearer token. The Client keeps the token, and asks again
// once for a request that is answered with 401.
type TokenSource func(ctx context.Context) (token string, err error)

// apiPrefix is where the API is below the host.
const apiPrefix = "/api/v1"

// Client calls the API of one RSTUF deployment.
type Client struct {
	base      string // ends in apiPrefix
	http      *retryablehttp.Client
	maxAnswer int64
}

// New makes a client of the service at baseURL, with or without a path and
// "/api/v1": https://rstuf.example.com, http://gateway/tuf/api/v1/. A user and
// password in it are sent as basic authentication. Nothing is sent yet.
func New(baseURL string, cfg Config) (*Client, error) {
	base, auth, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	base.Path = strings.TrimSuffix(base.Path, apiPrefix) + apiPrefix
	retrying, err := newHTTP(base, auth, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.MaxAnswer <= 0 {
		cfg.MaxAnswer = 64 << 20
	}
	return &Client{base: base.String(), http: retrying, maxAnswer: cfg.MaxAnswer}, nil
}

// URL is where the API is, without credentials: https://host/api/v1.
func (c *Client) URL() string { return c.base }

// parseBase checks a URL that other URLs are made from. It returns it without
// a slash at its end and without user and password, and these as a value of
// the Authorization header.
func parseBase(text string) (base *url.URL, auth string, err error) {
	base, err = url.Parse(text)
	if err != nil {
		// The parser's own error repeats the URL, with the password in it.
		return nil, "", fmt.Errorf("base URL: not a URL; it has the form https://host/path")
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, "", fmt.Errorf("base URL %s: it must start with http:// or https://", base.Redacted())
	case base.Hostname() == "":
		return nil, "", fmt.Errorf("base URL %s: it names no host", base.Redacted())
	case base.RawQuery != "" || base.Fragment != "":
		return nil, "", fmt.Errorf("base URL %s: it can't have a query or a fragment", base.Redacted())
	}
	if base.User != nil {
		password, _ := base.User.Password()
		auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(base.User.Username()+":"+password))
		base.User = nil
	}
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = ""
	return base, auth, nil
}
