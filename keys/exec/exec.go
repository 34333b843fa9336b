package exec

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// DefaultTimeout is how long a program may take for an answer if
// [Config.Timeout] does not say it. Somebody may have to touch a token.
const DefaultTimeout = 2 * time.Minute

var (
	// ErrRefused: the program answered that it does not do what it was asked.
	// The error's text repeats why, such as a wrong PIN.
	ErrRefused = errors.New("the signer refuses")
	// ErrUnknown: the configuration has no program of that name.
	ErrUnknown = errors.New("no such signer is configured")
)

// Config says which programs there are. It is for the person who runs them to
// give: none of it may come from a document or a server.
type Config struct {
	// Signers are the programs by their names, each with its arguments. A name
	// holds letters, digits, "_", "-" and "."; a program is an absolute path,
	// or a name that is looked for in PATH. Arguments hold no secrets: other
	// users of the machine see them.
	Signers map[string][]string
	// Timeout bounds the time to each answer; DefaultTimeout if zero. The time
	// that Ask takes does not count.
	Timeout time.Duration
	// Env is the environment of the programs; that of this process if nil.
	Env []string
	// Ask answers a question of a program, such as for a PIN; nil if there is
	// nobody to ask, and a program that asks is then an error.
	Ask func(ctx context.Context, q Question) ([]byte, error)
	// Stderr is given each line that a program writes to standard error, made
	// harmless and cut. It may be called from another goroutine. With nil the
	// last line is part of the error of a program that ends without an answer.
	Stderr func(signer, line string)
}

// A Question is what a program wants to know.
type Question struct {
	// Signer is the program's name in the configuration.
	Signer string
	// Prompt is the program's text on one line, made harmless and cut.
	Prompt string
	// Try counts the questions of one exchange from 1. Whoever answers from a
	// file answers the first alone: a wrong PIN that is given again and again
	// locks a token.
	Try int
}

// Opener opens exec: URIs with these programs.
func Opener(cfg Config) keys.URIOpener {
	return func(ctx context.Context, uri string, uriCfg keys.URIConfig) (keys.Signer, error) {
		return Open(ctx, cfg, strings.TrimPrefix(uri, "exec:"), uriCfg.Name)
	}
}

// Open makes a signer of a program, which it asks for its public key. Each
// signature is one run of the program, one after the other. The display name
// is the key's in metadata.
func Open(ctx context.Context, cfg Config, name, displayName string) (keys.Signer, error) {
	p, err := cfg.program(name)
	if err != nil {
		return nil, err
	}
	pub, err := p.public(ctx)
	if err != nil {
		return nil, err
	}
	turn := make(chan struct{}, 1)
	return keys.NewSignerFunc(pub.WithName(displayName), func(ctx context.Context, message []byte) ([]byte, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return p.sign(ctx, pub, message)
	}), nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

// program is the configured program of a name.
func (cfg Config) program(name string) (program, error) {
	if !nameForm.MatchString(name) {
		return program{}, fmt.Errorf("signer %.80q: a name is letters, digits, '_', '-' and '.' only, at most 64", name)
	}
	argv, ok := cfg.Signers[name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(cfg.Signers)), ", ")
		if known == "" {
			known = "none"
		}
		return program{}, fmt.Errorf("signer %s: %w: the configuration names %s", name, ErrUnknown, known)
	}
	switch {
	case len(argv) == 0 || argv[0] == "":
		return program{}, fmt.Errorf("signer %s: the configuration gives it no program", name)
	case !filepath.IsAbs(argv[0]) && filepath.Base(argv[0]) != argv[0]:
		return program{}, fmt.Errorf("signer %s: %q depends on the working folder: give an absolute path, or a name that is in PATH", name, argv[0])
	}
	return program{cfg: cfg, name: name, argv: argv}, nil
}

// public asks for the public key.
func (p program) public(ctx context.Context) (keys.Public, error) {
	a, err := p.ask(ctx, request{Version: version, Request: requestPublic})
	switch {
	case err != nil:
		return keys.Public{}, err
	case a.Key == nil:
		return keys.Public{}, p.errorf(`it answers the request "public" with something other than "key"`)
	}
	// Nothing but the public value: names and URIs are for the configuration.
	pub, err := keys.FromKey(rstuf.Key{KeyType: a.Key.KeyType, Scheme: a.Key.Scheme, Value: a.Key.Value})
	if err != nil {
		return keys.Public{}, p.errorf("its public key: %w", err)
	}
	if pub.Crypto() == nil {
		return keys.Public{}, p.errorf("its public key, %s/%s: %w", a.Key.KeyType, a.Key.Scheme, keys.ErrUnverifiable)
	}
	return pub, nil
}

// sign asks for a signature, which nobody has verified yet.
func (p program) sign(ctx context.Context, pub keys.Public, message []byte) ([]byte, error) {
	a, err := p.ask(ctx, request{Version: version, Request: requestSign, KeyID: pub.ID(), Message: message})
	switch {
	case err != nil:
		return nil, err
	case a.Sig == nil:
		return nil, p.errorf(`it answers the request "sign" with something other than "sig"`)
	}
	sig, err := hex.DecodeString(*a.Sig)
	if err != nil || len(sig) == 0 {
		return nil, p.errorf("its signature is not in hexadecimal digits")
	}
	return sig, nil
}

func (p program) errorf(format string, args ...any) error {
	return fmt.Errorf("signer %s: %w", p.name, fmt.Errorf(format, args...))
}
