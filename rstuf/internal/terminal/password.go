package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/term"

	"example.org/rstuf/internal/quote"
)

// Password asks for a password without showing it. The answer may be empty.
func (t *Terminal) Password(ctx context.Context, question string) ([]byte, error) {
	fd := int(t.in.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read the terminal's state: %w", err)
	}
	read, err := hide(t.in) // before the prompt: somebody may type as soon as they see it
	if err != nil {
		return nil, fmt.Errorf("turn the terminal's echo off: %w", err)
	}
	t.prompt(quote.Line(question))
	password, err := wait(ctx, read)
	err = errors.Join(err, term.Restore(fd, state)) // a reader that is left behind changes nothing any more
	t.Printf("\n")
	return password, err
}

// NewPassword asks for a password that is to be set, twice, until both are the
// same and not empty.
func (t *Terminal) NewPassword(ctx context.Context, question string) ([]byte, error) {
	for range Tries {
		first, err := t.Password(ctx, question)
		if err != nil {
			return nil, err
		}
		if len(first) == 0 {
			t.Printf("The password must not be empty.\n")
			continue
		}
		second, err := t.Password(ctx, question+", again")
		if err != nil {
			return nil, err
		}
		if bytes.Equal(first, second) {
			return first, nil
		}
		t.Printf("The two differ.\n")
	}
	return nil, fmt.Errorf("%s: %w", question, ErrTries)
}
