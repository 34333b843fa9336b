package transport

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
		return RetryAfter(resp) <= maxRetryAfter, nil
	case err == nil && resp.StatusCode >= 500 && resp.StatusCode != http.StatusNotImplemented:
		return repeat && RetryAfter(resp) <= maxRetryAfter, nil
	case err == nil:
		return false, nil
	}
	return passes(err) && (repeat || NotSent(err)), nil
}

// passes tells whether a failure may be over the next time.
func passes(err error) bool {
	var (
		token    *TokenError
		redirect *RedirectError
		cert     *tls.CertificateVerificationError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &token), errors.As(err, &redirect), errors.As(err, &cert), errors.As(err, &record):
		return false
	}
	return true
}

// NotSent tells whether the request never left: there was no connection.
func NotSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// retryPause is the pause before the next attempt: what the server asked for,
// else [Backoff].
func retryPause(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if pause := RetryAfter(resp); pause > 0 {
			return pause
		}
	}
	return Backoff(least, most, attempt)
}

// Backoff is the pause after so many attempts. It grows from least to most. Up
// to half of it is random, so that many clients do not come back in step.
func Backoff(least, most time.Duration, attempt int) time.Duration {
	pause := least << min(attempt, 20)
	pause = min(pause, most)
	return pause/2 + rand.N(pause/2+1)
}

// RetryAfter is the pause that an answer asks for; 0 if it asks for none. A
// date counts from the answer's own Date, so that the two clocks need not
// agree.
func RetryAfter(resp *http.Response) time.Duration {
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

// Sleep waits, or fails with the context.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
