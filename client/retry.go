package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	retryWaitMin = 100 * time.Millisecond
	retryWaitMax = 5 * time.Second
	// maxRetryAfter is the longest pause that a service may ask for. If it
	// asks for more, the call ends with its answer.
	maxRetryAfter = time.Minute
)

type repeatKey struct{}

// withRepeat marks the requests of ctx as safe to repeat even if the service
// may have acted on them already.
func withRepeat(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatKey{}, true)
}

// checkRetry decides whether a request is sent again. It is called for each
// answer, and again with what went wrong in reading it.
func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	repeat := ctx.Value(repeatKey{}) != nil
	switch {
	case err == nil && resp.StatusCode == http.StatusTooManyRequests:
		// The request was turned away.
		return retryAfter(resp) <= maxRetryAfter, nil
	case err == nil && resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
		return repeat && retryAfter(resp) <= maxRetryAfter, nil
	case err == nil:
		return false, nil
	}
	return passes(err) && (repeat || notSent(err)), nil
}

// passes tells whether a failure may be over the next time.
func passes(err error) bool {
	var (
		answer   *Error
		token    errToken
		redirect errRedirect
		content  *contentError
		cert     *tls.CertificateVerificationError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &content):
		return content.cut
	case errors.As(err, &answer), errors.As(err, &token), errors.As(err, &redirect), errors.As(err, &cert), errors.As(err, &record):
		return false
	}
	return true
}

// notSent tells whether the request never left: there was no connection.
func notSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// retryPause is the pause before the next attempt: what the service asked for,
// else a growing one. Up to half of it is random, so that many clients do not
// come back in step.
func retryPause(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if pause := retryAfter(resp); pause > 0 {
			return pause
		}
	}
	pause := least << min(attempt, 20)
	pause = min(pause, most)
	return pause/2 + rand.N(pause/2+1)
}

// retryAfter is the pause that an answer asks for; 0 if it asks for none. A
// date counts from the answer's own Date, so that the two clocks need not
// agree.
func retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(at.Sub(now), 0)
}
