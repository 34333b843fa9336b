package exec

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
	"unicode/utf8"

	"example.org/rstuf/internal/quote"
)

// endTime is how long a program may take to end after its answer, and after it
// was killed.
const endTime = 5 * time.Second

var errNoAnswer = errors.New("it ended without an answer")

// program is one that holds a key.
type program struct {
	cfg  Config
	name string
	argv []string
}

// ask runs the program for one request.
func (p program) ask(ctx context.Context, r request) (answer, error) {
	line, err := encodeLine(r)
	if err != nil {
		return answer{}, p.errorf("%w", err)
	}
	return p.exchange(ctx, line)
}

// exchange runs the program, sends it a line, answers what it asks, and gives
// its answer, which is none that refuses. Nothing of the program is left when
// it returns, unless the program took it out of its process group.
func (p program) exchange(ctx context.Context, line []byte) (answer, error) {
	run := &running{program: p, lines: make(chan []byte, 1+maxAsks), limit: cmp.Or(p.cfg.Timeout, DefaultTimeout)}
	a, err := run.run(ctx, line)
	switch {
	case ctx.Err() != nil && err != nil:
		return answer{}, p.errorf("%w", ctx.Err())
	case err != nil:
		return answer{}, p.errorf("%w", err)
	case a.Error != nil:
		return answer{}, p.errorf("%w: %s", ErrRefused, quote.OneLine(run.stderr.redact(*a.Error), maxText))
	}
	return a, nil
}

// running is one run of a program.
type running struct {
	program
	limit  time.Duration
	timer  *time.Timer
	lines  chan []byte // to the program
	stderr *lines
}

func (r *running) run(parent context.Context, line []byte) (answer, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	r.stderr = &lines{show: func(line string) {
		if r.cfg.Stderr != nil {
			r.cfg.Stderr(r.name, line)
		}
	}}
	cmd := exec.CommandContext(ctx, r.argv[0], r.argv[1:]...)
	cmd.Env, cmd.Stderr, cmd.WaitDelay = r.cfg.Env, r.stderr, endTime
	ownGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return answer{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return answer{}, err
	}
	if err := cmd.Start(); err != nil {
		return answer{}, fmt.Errorf("it cannot be started: %w", err)
	}
	r.timer = time.AfterFunc(r.limit, func() { cancel(fmt.Errorf("no answer in %s, it was stopped", r.limit)) })
	defer r.timer.Stop()
	// A program that left its group may hold the pipe open.
	defer context.AfterFunc(ctx, func() { stdout.Close() })()
	var writer sync.WaitGroup
	writer.Go(func() { write(stdin, r.lines) })
	r.lines <- line

	a, err := r.converse(ctx, cancel, bufio.NewReaderSize(stdout, maxAnswer))
	if err != nil && !errors.Is(err, errNoAnswer) {
		cancel(err)
	}
	waitErr := cmd.Wait()
	r.stderr.flush()
	writer.Wait()
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return answer{}, cause
	case err != nil: // without an answer
		return answer{}, r.ended(waitErr)
	case waitErr != nil && a.Error == nil:
		return answer{}, fmt.Errorf("its answer does not count, because it failed afterwards: %w", waitErr)
	}
	return a, nil
}

// write sends the lines, which may hold secrets, and closes the pipe.
func write(to io.WriteCloser, lines <-chan []byte) {
	for line := range lines {
		_, _ = to.Write(line) // one that does not read has no answer either
		clear(line)
	}
	to.Close()
}

// converse reads the program's lines up to its answer and the end of its
// output, and answers its questions.
func (r *running) converse(ctx context.Context, cancel context.CancelCauseFunc, from *bufio.Reader) (answer, error) {
	defer close(r.lines)
	for try := 1; ; try++ {
		line, err := from.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return answer{}, fmt.Errorf("it prints a line of more than %d bytes", maxAnswer)
		case err != nil:
			return answer{}, errNoAnswer
		}
		a, err := parseAnswer(line)
		if err != nil {
			return answer{}, err
		}
		if a.Ask == nil {
			r.timer.Stop()
			r.timer = time.AfterFunc(endTime, func() { cancel(fmt.Errorf("it did not end within %s of its answer", endTime)) })
			if _, err := from.ReadByte(); !errors.Is(err, io.EOF) && ctx.Err() == nil {
				return answer{}, errors.New("it prints more than its answer")
			}
			return a, nil
		}
		if err := r.reply(ctx, *a.Ask, try); err != nil {
			return answer{}, err
		}
	}
}

// reply has a question of the program answered.
func (r *running) reply(ctx context.Context, prompt string, try int) error {
	prompt = quote.OneLine(r.stderr.redact(prompt), maxText)
	switch {
	case r.cfg.Ask == nil:
		return fmt.Errorf("it asks %q, and there is nobody to ask", prompt)
	case try > maxAsks:
		return fmt.Errorf("it asks more than %d times", maxAsks)
	}
	r.timer.Stop()
	secret, err := r.cfg.Ask(ctx, Question{Signer: r.name, Prompt: prompt, Try: try})
	if err != nil {
		return fmt.Errorf("it asks %q: %w", prompt, err)
	}
	defer clear(secret)
	if !utf8.Valid(secret) {
		return fmt.Errorf("it asks %q: the answer is not UTF-8", prompt)
	}
	line, err := encodeLine(reply{string(secret)})
	if err != nil {
		return err
	}
	r.stderr.hide(secret)
	r.timer.Reset(r.limit)
	r.lines <- line
	return nil
}

// ended is the error of a program that has given no answer.
func (r *running) ended(exit error) error {
	err := errNoAnswer
	if exit != nil {
		err = fmt.Errorf("%w (%w)", err, exit)
	}
	if last := r.stderr.last; last != "" && r.cfg.Stderr == nil {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return err
}
