package client

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"example.org/rstuf/internal/transport"
)

// Config tells a [Client] how to reach a service. The zero value is good for
// a service that asks for no credentials.
type Config struct {
	// HTTPClient carries the requests; its Transport may be any
	// [http.RoundTripper]. Redirects are the Client's own matter. Default: a
	// client on a copy of [http.DefaultTransport].
	HTTPClient *http.Client
	// TLS holds further roots and client certificates, which are shown to the
	// host of the base URL alone. An HTTPClient with a Transport of its own
	// brings its own.
	TLS *tls.Config
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
	// Timeout is how long the service may take to answer a request, and then
	// the time in which each next part of the answer must come, at 1 KiB a
	// second at least. A minute by default. A context bounds the whole call.
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
	http      *transport.Client
	maxAnswer int64
}

// New makes a client of the service at baseURL, with or without a path and
// "/api/v1": https://rstuf.example.com, http://gateway/tuf/api/v1/. A user and
// password in it are sent as basic authentication. Nothing is sent yet.
func New(baseURL string, cfg Config) (*Client, error) {
	connection, err := transport.NewClient(baseURL, cfg.transport())
	if err != nil {
		return nil, err
	}
	if cfg.MaxAnswer <= 0 {
		cfg.MaxAnswer = 64 << 20
	}
	base := strings.TrimSuffix(connection.URL(), apiPrefix) + apiPrefix
	return &Client{base: base, http: connection, maxAnswer: cfg.MaxAnswer}, nil
}

func (cfg Config) transport() transport.Config {
	return transport.Config{
		HTTPClient: cfg.HTTPClient, TLS: cfg.TLS, Header: cfg.Header, Token: cfg.Token,
		UserAgent: cfg.UserAgent, Logger: cfg.Logger, Timeout: cfg.Timeout, Retries: cfg.Retries,
	}
}

// URL is where the API is, without credentials: https://host/api/v1.
func (c *Client) URL() string { return c.base }
