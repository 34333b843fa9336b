package client

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/internal/wire"
)

// What an answer means, for errors.Is.
var (
	// ErrNotBootstrapped: the service has no repository yet; see package
	// bootstrap.
	ErrNotBootstrapped = errors.New("the service is not bootstrapped")
	// ErrAlreadyBootstrapped: the service has a repository, or one is being
	// made.
	ErrAlreadyBootstrapped = errors.New("the service is already bootstrapped")
	// ErrSigningPending: the bootstrap, or a role that a task has changed, waits
	// for signatures; see [Client.Pending] and [Client.Sign].
	ErrSigningPending = rstuf.ErrSignaturesPending
	// ErrNotFound: there is no such thing, or no such endpoint.
	ErrNotFound = transport.ErrNotFound
	// ErrUnavailable: the service can't be reached, is overloaded, or answers
	// with what no API says. Later it may work.
	ErrUnavailable = transport.ErrUnavailable
)

// Error is an answer of the service other than success.
type Error struct {
	Method, Path string
	// Status is the HTTP status. A deployed RSTUF sends one error with 200.
	Status int
	// Message says what was not done and Detail why, in the service's words.
	Message, Detail string
	// Fields are the field errors of a 422.
	Fields rstuf.ValidationError
	// RetryAfter is the pause that the service asked for.
	RetryAfter time.Duration

	kinds []error
}

// Error is one line: the call, the status, and what the service said.
func (e *Error) Error() string {
	text := wire.ErrorBody{Message: e.Message, Reason: e.Detail, Fields: e.Fields}.Error()
	return strings.TrimSuffix(fmt.Sprintf("%s %s: status %d: %s", e.Method, e.Path, e.Status, quote.OneLine(text, maxLine)), ": ")
}

// Unwrap gives the sentinels and the field errors to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if len(e.Fields) > 0 {
		return append([]error{e.Fields}, e.kinds...)
	}
	return e.kinds
}

// classify sets what the answer means. The API has no codes: what tells the
// cases apart is the bootstrap's state, which it names at the end of Detail.
func (e *Error) classify() {
	const label = "State: "
	at := strings.LastIndex(e.Detail, label)
	named := at >= 0
	state := ""
	if named {
		state = e.Detail[at+len(label):]
	}
	switch {
	case e.Status == 429 || e.Status >= 502 && e.Status <= 504:
		e.kinds = []error{ErrUnavailable}
	case e.Status >= 400 && e.Status != 404:
	case !named:
		e.kinds = []error{ErrNotFound}
	case e.Path == bootstrapPath:
		e.kinds = []error{ErrAlreadyBootstrapped}
		if state == wire.BootstrapSigning {
			e.kinds = append(e.kinds, ErrSigningPending)
		}
	case state == wire.BootstrapFinished:
		e.kinds = []error{ErrNotFound}
	default:
		e.kinds = []error{ErrNotBootstrapped}
		if state == wire.BootstrapSigning {
			e.kinds = append(e.kinds, ErrSigningPending)
		}
	}
}

// contentError is a success whose body is not what it should be. It is
// ErrUnavailable, since it is not the API that wrote it.
type contentError struct {
	reason string
	cut    bool // the body ended too early
}

func (e *contentError) Error() string { return e.reason }
func (e *contentError) Unwrap() error { return ErrUnavailable }

// TaskError is a task that ended without doing what was asked.
type TaskError struct {
	Task rstuf.Task
}

// Error is one line with the service's own reason.
func (e *TaskError) Error() string {
	text := "task " + e.Task.ID
	if e.Task.Result != nil && e.Task.Result.Task != "" {
		text += " (" + string(e.Task.Result.Task) + ")"
	}
	text += ": " + string(e.Task.State)
	if reason := e.Task.Reason(); reason != "" {
		text += ": " + reason
	}
	return quote.OneLine(text, maxLine)
}

// maxLine bounds, in bytes, what an error shows of a service's words.
const maxLine = 2000
