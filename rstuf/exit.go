package main

import (
	"context"
	"errors"
	"fmt"

	"example.org/rstuf/bootstrap"
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
	case errors.As(err, &waiting):
		return exitWaiting
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case refused(err), errors.Is(err, bootstrap.ErrOtherRoot):
		return exitRefused
	}
	return exitFailed
}
