package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/rstuf/internal/terminal"
	"example.org/rstuf/rstuf/internal/terminal/terminaltest"
)

// at opens a terminal at which the lines have been typed; what it prints goes
// to the buffer where the test has no terminal of its own.
func at(t *testing.T, typed string) *terminal.Terminal {
	t.Helper()
	keyboard, tty := terminaltest.Open(t)
	_, err := keyboard.WriteString(typed)
	require.NoError(t, err)
	opened := terminal.Open(tty, new(bytes.Buffer))
	require.NotNil(t, opened)
	return opened
}

func TestOpenWithoutTerminal(t *testing.T) {
	assert.Nil(t, terminal.Open(strings.NewReader("y\n"), nil))
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	assert.Nil(t, terminal.Open(null, nil))
	assert.Zero(t, terminal.Width(null))
	assert.False(t, terminal.IsTerminal(null))
}

func TestQuestions(t *testing.T) {
	ctx := t.Context()
	odd := func(n int) error {
		if n%2 == 0 {
			return errors.New("want an odd one")
		}
		return nil
	}
	asked := at(t, "\n x \n2\nz\n7\nB\n9\nca\nCarol\nmaybe\nno\n")
	answer, err := asked.Ask(ctx, "text", "default", nil)
	require.NoError(t, err)
	assert.Equal(t, "default", answer)
	answer, err = asked.Ask(ctx, "text", "", nil)
	require.NoError(t, err)
	assert.Equal(t, "x", answer)
	number, err := asked.Number(ctx, "number", 0, odd)
	require.NoError(t, err)
	assert.Equal(t, 7, number, "after 2 and z")
	chosen, err := asked.Choose(ctx, "choice", []string{"a", "b"}, -1)
	require.NoError(t, err)
	assert.Equal(t, 1, chosen)
	chosen, err = asked.Choose(ctx, "choice", []string{"carol, ed25519", "carolina", "dan"}, -1) // 9, ca, Carol
	require.NoError(t, err)
	assert.Equal(t, 0, chosen)
	yes, err := asked.Confirm(ctx, "sure", true)
	require.NoError(t, err)
	assert.False(t, yes)
}

// "back" does the last step again that asked anything, from an inner step too.
func TestSteps(t *testing.T) {
	ctx := t.Context()
	asked := at(t, "back\none\ntwo\nback\nBACK\nuno\ndos\ntres\nback\nfour\n")
	var answers []string
	ask := func(name string) terminal.Step {
		return func(ctx context.Context, again bool) error {
			answer, err := asked.Ask(ctx, name, "", nil)
			if err == nil {
				answers = append(answers, fmt.Sprint(name, "=", answer, " ", again))
			}
			return err
		}
	}
	silent := func(context.Context, bool) error { return nil }
	inner := func(ctx context.Context, _ bool) error { return asked.Steps(ctx, ask("b"), silent, ask("c")) }
	require.NoError(t, asked.Steps(ctx, ask("a"), silent, inner))
	assert.Equal(t, []string{"a=one true", "b=two false", "a=uno true", "b=dos false", "c=tres false"}, answers)
	answer, err := asked.Ask(ctx, "text", "", nil)
	require.NoError(t, err)
	assert.Equal(t, "back", answer, "outside of steps it is an answer like others")
	failing := func(context.Context, bool) error { return errors.New("no") }
	assert.EqualError(t, asked.Steps(ctx, failing, ask("d")), "no")
}

func TestPasswords(t *testing.T) {
	ctx := t.Context()
	keyboard, tty := terminaltest.Open(t)
	asked := terminal.Open(tty, new(bytes.Buffer))
	_, err := keyboard.WriteString(" with blanks \none\ntwo\n\nsame\nsame\n")
	require.NoError(t, err)
	password, err := asked.Password(ctx, "password")
	require.NoError(t, err)
	assert.Equal(t, " with blanks ", string(password), "as it was typed")
	password, err = asked.NewPassword(ctx, "new") // differ, empty, same
	require.NoError(t, err)
	assert.Equal(t, "same", string(password))
	assert.True(t, terminaltest.Echo(t, tty))
}

func TestEnd(t *testing.T) {
	_, err := at(t, "\x04").Ask(t.Context(), "text", "default", nil)
	assert.ErrorIs(t, err, terminal.ErrEnd)
}

func TestCancel(t *testing.T) {
	_, tty := terminaltest.Open(t)
	asked := terminal.Open(tty, new(bytes.Buffer))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := asked.Password(ctx, "password")
		done <- err
	}()
	require.Eventually(t, func() bool { return !terminaltest.Echo(t, tty) }, time.Minute, time.Millisecond)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.True(t, terminaltest.Echo(t, tty), "echo is on again")
}
