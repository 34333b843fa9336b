package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/client"
)

// The exit codes; docs/cli.md lists them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitWaiting     = 4
	exitTimeout     = 5
	exitInterrupted = 130
)

// usageError is wrong usage of the command.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(err error) error { return usageError{err} }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// waitingError: all went well, and signatures are missing.
type waitingError struct{ text string }

func (e waitingError) Error() string { return e.text }

// isPending tells whether all was done and signatures alone are missing.
func isPending(err error) bool {
	var missing rstuf.Missing
	return errors.As(err, &missing) && errors.Is(missing, rstuf.ErrSignaturesPending)
}

// explainPending says what to do about signatures that are missing.
func explainPending(err error) error {
	if !isPending(err) {
		return err
	}
	var missing rstuf.Missing
	errors.As(err, &missing)
	var roles []string
	for _, w := range missing.Waiting {
		roles = append(roles, strings.Replace(w.String(), " (", " waits for signatures (", 1))
	}
	return waitingError{strings.Join(roles, "; ") + ": see rstuf admin metadata sign"}
}

// unfinished is the error of a wait for a task that goes on, if there is one.
func unfinished(err error) *client.UnfinishedError {
	var open *client.UnfinishedError
	errors.As(err, &open)
	return open
}

// exitCode says which code an error means.
func exitCode(ctx context.Context, err error) int {
	var (
		wrong   usageError
		waiting waitingError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &wrong):
		return exitUsage
	case errors.As(err, &waiting), isPending(err):
		return exitWaiting
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case refused(err), errors.Is(err, bootstrap.ErrOtherRoot):
		return exitRefused
	}
	return exitFailed
}
