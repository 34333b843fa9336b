// Package terminal asks people questions. It is the one place of the command
// that touches a terminal: nothing else prompts, turns echo off or measures
// the window.
//
// Start with [Open]. Without a terminal there is nothing to ask: Open returns
// nil, and the caller reports what was not said instead.
//
// Every question ends: with an answer of use, at the end of input (Ctrl-D), with the
// context's error when that is cancelled (Ctrl-C), or for a new password with
// [ErrTries]; and echo is on again in each case. Within [Terminal.Steps] the answer "back" leads to the question before.
package terminal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"example.org/rstuf/internal/quote"
	"golang.org/x/term"
)

// Tries is how often a password is asked for before [ErrTries].
const Tries = 3

// maxLine bounds what one answer may hold, in bytes.
const maxLine = 64 << 10

var (
	// ErrTries: none of the answers was of use.
	ErrTries = fmt.Errorf("no usable answer in %d tries", Tries)
	// ErrEnd: the terminal's input ended (Ctrl-D) before the answer did.
	ErrEnd = errors.New("the input ended before the answer")
	// ErrBack: the person wants to answer the question before once more.
	ErrBack = errors.New("back to the question before")
)

// A Terminal is where a person reads and types.
type Terminal struct {
	in      *os.File
	out     io.Writer
	back    bool // the answer "back" is understood
	asked   int  // how many questions were asked
	journal journal
}

// Open gives the terminal behind standard input, or nil if that is a pipe, a
// file or nothing. Questions are written to the terminal itself, so that they
// show where output is redirected; to fallback where it cannot be opened.
func Open(stdin io.Reader, fallback io.Writer) *Terminal {
	in, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		return &Terminal{in: in, out: tty} // open until the process ends
	}
	return &Terminal{in: in, out: fallback}
}

// Width is the number of columns of the terminal that w writes to, or 0 if it
// is none.
func Width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// IsTerminal tells whether w writes to a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Printf writes lines to the person, wrapped as [Wrap] does it. Arguments are quoted
// as [quote.Sprintf] does it, and so are all questions and options: names in them
// can come from strangers.
func (t *Terminal) Printf(format string, args ...any) {
	_, _ = io.WriteString(t.out, Wrap(t.out, quote.Sprintf(format, args...)))
}

// Explain writes paragraphs of our own to the person, each of them one line of the
// format.
func (t *Terminal) Explain(format string, args ...any) {
	_, _ = io.WriteString(t.out, WrapProse(t.out, quote.Sprintf(format, args...)))
}

// prompt writes a question, behind which the person types.
func (t *Terminal) prompt(question string) {
	_, _ = io.WriteString(t.out, Wrap(t.out, question+":")+" ")
}

// longDefault is the most columns of a default that stands in the prompt; a longer
// one stands above it.
const longDefault = 32

// Ask asks for a line. An empty answer means def, where there is one. What
// accept returns an error for is shown with it and asked again, as often as it
// takes; accept may be nil.
func (t *Terminal) Ask(ctx context.Context, question, def string, accept func(string) error) (string, error) {
	prompt := quote.Line(question)
	switch {
	case columns(def) > longDefault:
		t.Printf("Default: %s\n", def)
	case def != "":
		prompt = quote.Sprintf("%s [%s]", question, def)
	}
	t.asked++
	for {
		answer, found := t.earlier(question, prompt)
		if !found {
			line, err := t.line(ctx, prompt)
			if err != nil {
				return "", err
			}
			answer = cmp.Or(strings.TrimSpace(line), def)
		}
		back := t.back && strings.EqualFold(answer, "back")
		switch {
		case answer == "":
			t.Printf("An answer is needed.\n")
			continue
		case !back && accept != nil:
			if err := accept(answer); err != nil {
				t.Printf("%v\n", err)
				continue
			}
		}
		if err := t.record(question, answer); err != nil || !back {
			return answer, err
		}
		return "", ErrBack
	}
}

// Answered counts a question that another run has asked: "back" leads to it.
func (t *Terminal) Answered() { t.asked++ }

// A Step asks one question, several, or none. It is told whether it was done
// before and is to be done again.
type Step func(ctx context.Context, again bool) error

// Steps does one step after another. Where a person answers "back", the last
// step that has asked anything is done again. Steps can be nested: from the first
// question of an inner step the way goes on to the step before it.
func (t *Terminal) Steps(ctx context.Context, steps ...Step) error {
	outer := t.back
	t.back = true
	defer func() { t.back = outer }()
	var done []int // the steps that have asked
	again := false
	for i := 0; i < len(steps); {
		asked := t.asked
		err := steps[i](ctx, again)
		again = false
		switch {
		case errors.Is(err, ErrBack) && len(done) > 0:
			i, done, again = done[len(done)-1], done[:len(done)-1], true
		case errors.Is(err, ErrBack) && !outer:
			t.Printf("This is the first question.\n")
			again = true
		case err != nil:
			return err
		default:
			if t.asked > asked {
				done = append(done, i)
			}
			i++
		}
	}
	return nil
}

// Number asks for a whole number. A def of 0 means that there is no default.
func (t *Terminal) Number(ctx context.Context, question string, def int, accept func(int) error) (int, error) {
	text := ""
	if def != 0 {
		text = strconv.Itoa(def)
	}
	var number int
	_, err := t.Ask(ctx, question, text, func(answer string) (err error) {
		if number, err = strconv.Atoi(answer); err != nil {
			return fmt.Errorf("%q is not a whole number", answer)
		}
		return accept(number)
	})
	return number, err
}

// Confirm asks a question of yes or no.
func (t *Terminal) Confirm(ctx context.Context, question string, def bool) (bool, error) {
	text := "n"
	if def {
		text = "y"
	}
	yes := false
	_, err := t.Ask(ctx, question+" (y/n)", text, func(answer string) error {
		switch strings.ToLower(answer) {
		case "y", "yes":
			yes = true
		case "n", "no":
			yes = false
		default:
			return errors.New("please answer y or n")
		}
		return nil
	})
	return yes, err
}

// Choose shows numbered options and asks for one of them, by its number, its
// text, or as much of the text's beginning as tells it from the others: a name
// before more that is said of it. It returns the position. def is the option for
// an empty answer; -1 means that there is none.
func (t *Terminal) Choose(ctx context.Context, question string, options []string, def int) (int, error) {
	for i, option := range options {
		t.Printf("  %d) %s\n", i+1, option)
	}
	text := ""
	if def >= 0 {
		text = strconv.Itoa(def + 1)
	}
	position := -1
	_, err := t.Ask(ctx, question, text, func(answer string) error {
		chosen, err := choice(answer, options)
		position = chosen
		return err
	})
	return position, err
}

// choice is the option that an answer stands for.
func choice(answer string, options []string) (int, error) {
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(options) {
		return n - 1, nil
	}
	shown := make([]string, len(options))
	for i, option := range options {
		shown[i] = strings.ToLower(quote.Line(option))
	}
	answer = strings.ToLower(answer)
	for _, fits := range []func(string) bool{
		func(option string) bool { return option == answer },
		func(option string) bool { // a name before a comma or a bracket
			rest, found := strings.CutPrefix(option, answer)
			return found && rest != "" && strings.ContainsAny(rest[:1], " ,(:")
		},
		func(option string) bool { return strings.HasPrefix(option, answer) },
	} {
		i := slices.IndexFunc(shown, fits)
		if i >= 0 && !slices.ContainsFunc(shown[i+1:], fits) {
			return i, nil
		}
	}
	return -1, fmt.Errorf("please answer with a number from 1 to %d, or with the beginning of a line above", len(options))
}

func (t *Terminal) line(ctx context.Context, prompt string) (string, error) {
	t.prompt(prompt)
	line, err := wait(ctx, func() ([]byte, error) { return readLine(t.in) })
	if err != nil {
		t.Printf("\n")
	}
	return string(line), err
}
