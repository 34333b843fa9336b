package sigstore

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"example.org/rstuf/internal/origin"
)

// clientOf is a client that follows no redirect, which would take a token along.
func clientOf(client *http.Client) http.Client {
	var own http.Client
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return own
}

// parseURL wants a place where a token may be sent. Its errors do not repeat the
// text, which may hold a password.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !origin.IsLoopback(u.Hostname())) {
		return nil, errors.New("want a URL such as https://sigstore.example.com, without a password")
	}
	return u, nil
}

// errNonsense stands for whatever an answer holds, since it may repeat a token.
var errNonsense = errors.New("its answer is not what such a service sends")

// exchange gives the body of a good answer. Its errors hold nothing of the
// answer, of the header or of the URL.
func (s services) exchange(ctx context.Context, method string, u *url.URL, header http.Header, body []byte) ([]byte, error) {
	within, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	data, err := exchange(within, &s.client, method, u, header, body)
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return nil, fmt.Errorf("no answer in %v", s.cfg.Timeout)
	}
	return data, err
}

func exchange(ctx context.Context, client *http.Client, method string, u *url.URL, header http.Header, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL can't be used")
	}
	request.Header = header
	response, err := client.Do(request)
	if err != nil {
		return nil, broken(err)
	}
	defer response.Body.Close()
	switch status := response.StatusCode; {
	case status == http.StatusOK || status == http.StatusCreated:
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusBadRequest:
		return nil, fmt.Errorf("it refuses (status %d): does it take tokens of this issuer and audience, and is the clock right?", status)
	default:
		return nil, fmt.Errorf("it answers with status %d", status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBundle+1))
	if err != nil {
		return nil, broken(err)
	}
	if len(data) > maxBundle {
		return nil, fmt.Errorf("its answer is larger than %d bytes", maxBundle)
	}
	return data, nil
}

// broken says why there is no answer, where that is certain to hold nothing of one:
// other errors of net/http repeat what it could not read.
func broken(err error) error {
	var network *net.OpError
	var authority *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.As(err, &network):
		return network
	case errors.As(err, &authority):
		return authority
	}
	return errors.New("the connection broke off, or its answer is no HTTP")
}
