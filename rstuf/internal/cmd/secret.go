package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"example.org/rstuf/rstuf/internal/terminal"
	"github.com/spf13/pflag"
)

// maxSecret bounds a password or token, in bytes.
const maxSecret = 64 << 10

// secretFlags say where a secret comes from, if not from a prompt. A secret is
// never an argument: other users see those.
type secretFlags struct {
	name    string // of the flags: password, token
	file    string
	fd      int
	command string
	// read is what a descriptor gave: it can be read only once.
	read []byte
}

func (s *secretFlags) add(flags *pflag.FlagSet, name, what string) {
	s.name = name
	flags.StringVar(&s.file, name+"-file", "", "read "+what+" from `FILE`, which only its owner may be able to read")
	flags.IntVar(&s.fd, name+"-fd", -1, "read "+what+" from the open file descriptor `N`")
	flags.StringVar(&s.command, name+"-command", "", "run the shell `COMMAND` for "+what+", which it prints")
}

// given tells whether any of the flags says where the secret is.
func (s *secretFlags) given() bool { return s.file != "" || s.fd >= 0 || s.command != "" }

// hint names the flags, for errors.
func (s *secretFlags) hint() string {
	return fmt.Sprintf("--%s-file, --%s-fd or --%s-command", s.name, s.name, s.name)
}

// get gives the secret that the flags point to, without the end of its line;
// nil if they point to none. A helper command is told the file that the secret
// is for.
func (s *secretFlags) get(ctx context.Context, file string) (secret []byte, err error) {
	set := 0
	for _, given := range []bool{s.file != "", s.fd >= 0, s.command != ""} {
		if given {
			set++
		}
	}
	switch {
	case set > 1:
		return nil, usagef("give one of %s", s.hint())
	case s.file != "":
		secret, err = secretFile(s.file)
	case s.fd >= 0:
		secret, err = s.descriptor()
	case s.command != "":
		secret, err = secretCommand(ctx, s.command, file)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(secret) == 0 {
		return nil, fmt.Errorf("the %s that was given is empty", s.name)
	}
	return secret, nil
}

func (s *secretFlags) descriptor() ([]byte, error) {
	if s.read == nil {
		f := os.NewFile(uintptr(s.fd), fmt.Sprintf("file descriptor %d", s.fd))
		if f == nil {
			return nil, usagef("--%s-fd %d: not an open file descriptor", s.name, s.fd)
		}
		defer f.Close()
		secret, err := readSecret(f)
		if err != nil {
			return nil, fmt.Errorf("--%s-fd: %w", s.name, err)
		}
		s.read = secret
	}
	return bytes.Clone(s.read), nil
}

// secretFile reads a secret, and refuses a file that others can read.
func secretFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode(); mode.IsRegular() && !private(info) {
		return nil, fmt.Errorf("%s holds a secret and others can read it (mode %04o): chmod 600 it", path, mode.Perm())
	}
	secret, err := readSecret(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return secret, nil
}

// secretCommand runs a credential helper. It may talk to the person through
// the terminal or standard error; RSTUF_KEY_FILE tells it which key the
// password is for.
func secretCommand(ctx context.Context, command, file string) ([]byte, error) {
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/c"
	}
	cmd := exec.CommandContext(ctx, shell, flag, command)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	cmd.Env = append(os.Environ(), "RSTUF_KEY_FILE="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("credential helper: %w", err)
	}
	secret, err := readSecret(out)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("credential helper: %w", err)
	}
	return secret, nil
}

func readSecret(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSecret {
		return nil, fmt.Errorf("more than %d bytes is no password or token", maxSecret)
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r")), nil
}

// noTerminal is the error for a question that cannot be asked.
func noTerminal(question, instead string) error {
	return usagef("%s: nothing says it and there is no terminal to ask: give %s", question, instead)
}

// ask gives the terminal, or the error that says what to give in its stead.
func (a *app) ask(question, instead string) (*terminal.Terminal, error) {
	if a.term == nil {
		return nil, noTerminal(question, instead)
	}
	return a.term, nil
}

// secret is what the flags give for a file or a signer, else what the person
// answers to a question.
func (a *app) secret(ctx context.Context, flags *secretFlags, of, what, question string) ([]byte, error) {
	secret, err := flags.get(ctx, of)
	if err != nil || secret != nil {
		return secret, err
	}
	t, err := a.ask(what, flags.hint())
	if err != nil {
		return nil, err
	}
	return t.Password(ctx, question)
}
