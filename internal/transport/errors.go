package transport

import (
	"errors"
	"fmt"
	"net/http"
)

// What came of a request, for errors.Is.
var (
	// ErrNotFound: the server has no such file (404, 410).
	ErrNotFound = errors.New("not found")
	// ErrForbidden: the server refuses (403). Some object stores answer so for
	// what they do not have.
	ErrForbidden = errors.New("forbidden")
	// ErrTooLarge: an answer has more bytes than the caller allows.
	ErrTooLarge = errors.New("too large")
	// ErrUnavailable: the server can't be reached, is overloaded, slow, or
	// broke off. Later it may work.
	ErrUnavailable = errors.New("the server is unavailable")
)

// statusError is the error for an answer other than a file.
func statusError(status int) error {
	err := fmt.Errorf("status %d", status)
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return fmt.Errorf("%w: %w", err, ErrNotFound)
	case status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", err, ErrForbidden)
	case status == http.StatusTooManyRequests || status >= 500:
		return fmt.Errorf("%w: %w", err, ErrUnavailable)
	}
	return err
}

// TokenError is a failure of the caller's own source of tokens. It is not
// retried.
type TokenError struct{ Err error }

func (e *TokenError) Error() string { return "get a token: " + e.Err.Error() }
func (e *TokenError) Unwrap() error { return e.Err }

// RedirectError is a redirect that is not followed. It is not retried.
type RedirectError struct{ Reason string }

func (e *RedirectError) Error() string { return "redirect: " + e.Reason }
