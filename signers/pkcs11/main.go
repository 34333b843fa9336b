// Command pkcs11 is a signer program for exec: key URIs whose keys are in an HSM
// or a smart card, through the token's PKCS#11 library.
//
//	pkcs11 -module LIB -list
//	pkcs11 -module LIB -token LABEL -key LABEL -generate TYPE
//	pkcs11 -module LIB -token LABEL -key LABEL
//
// -list shows the tokens and, of the one that -token names, its keys. -generate makes a key
// pair that cannot leave the token: ed25519, ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072
// or rsa-4096, and asks for the PIN at the terminal, unless -pin-file has it. The last form is
// the one that the settings name; it is not run by hand:
//
//	SIGNERS:
//	  hsm: [/usr/local/bin/pkcs11, -module, /usr/lib/softhsm/libsofthsm2.so, -token, rstuf, -key, alice]
//
// It asks for the PIN through the exchange (docs/signers.md), once, when it signs;
// the public key needs none. It is a module of its own because a PKCS#11 library
// needs cgo.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/term"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/exec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "pkcs11:", err)
		os.Exit(1)
	}
}

type options struct {
	module, token, key, pinFile, generate string
	list                                  bool
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("pkcs11", flag.ContinueOnError)
	flags.StringVar(&o.module, "module", "", "PKCS#11 `LIBRARY`, such as /usr/lib/softhsm/libsofthsm2.so")
	flags.StringVar(&o.token, "token", "", "`LABEL` of the token")
	flags.StringVar(&o.key, "key", "", "`LABEL` of the key pair")
	flags.StringVar(&o.pinFile, "pin-file", "", "`FILE` with the token's PIN, which only its owner may be able to read")
	flags.StringVar(&o.generate, "generate", "", "make a key pair of this `TYPE`")
	flags.BoolVar(&o.list, "list", false, "list tokens, and the keys of -token")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("there is no argument %q", flags.Arg(0))
	case o.module == "":
		return o, errors.New("-module is needed")
	case !o.list && (o.token == "" || o.key == ""):
		return o, errors.New("-token and -key are needed, or -list")
	}
	return o, nil
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	switch {
	case o.list:
		return list(o, out)
	case o.generate != "":
		return generate(o, out)
	}
	return exec.Serve(ctx, in, out, func(_ context.Context, ask exec.Ask) (keys.Signer, error) {
		t, err := open(o)
		if err != nil {
			return nil, err
		}
		pair, err := t.find(o.key)
		if err != nil {
			t.Close()
			return nil, err
		}
		return signer{keys.NewSignerFunc(pair.public, func(_ context.Context, message []byte) ([]byte, error) {
			pin, err := o.pin(ask)
			if err != nil {
				return nil, err
			}
			if err := t.login(pin); err != nil {
				return nil, err
			}
			return t.sign(pair, message)
		}), t}, nil
	})
}

// signer is closed with its token.
type signer struct {
	keys.Signer
	io.Closer
}

// pin is that of the file, or what is asked for.
func (o options) pin(ask exec.Ask) ([]byte, error) {
	if o.pinFile == "" {
		return ask(fmt.Sprintf("PIN of the token %q", o.token))
	}
	info, err := os.Stat(o.pinFile)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s holds a PIN and others can read it (mode %04o): chmod 600 it", o.pinFile, info.Mode().Perm())
	}
	pin, err := os.ReadFile(o.pinFile)
	return bytes.TrimRight(pin, "\r\n"), err
}

// atTerminal asks the person who runs the program.
func atTerminal(prompt string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil, errors.New("there is no terminal to ask for the PIN: give -pin-file")
	}
	fmt.Fprint(os.Stderr, prompt+": ")
	pin, err := term.ReadPassword(fd)
	fmt.Fprintln(os.Stderr)
	return pin, err
}

// generate makes a key pair.
func generate(o options, out io.Writer) error {
	kind, err := keys.ParseType(o.generate)
	if err != nil {
		return err
	}
	t, err := open(o)
	if err != nil {
		return err
	}
	defer t.Close()
	if _, err := t.find(o.key); !errors.Is(err, errNoKey) {
		return errors.Join(fmt.Errorf("key %q in token %q: there is one of that label, choose another", o.key, o.token), err)
	}
	pin, err := o.pin(atTerminal)
	if err != nil {
		return err
	}
	if err := t.login(pin); err != nil {
		return err
	}
	if err := t.generate(kind, o.key); err != nil {
		return fmt.Errorf("generate key %q in token %q: %w", o.key, o.token, err)
	}
	pair, err := t.find(o.key)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\t%s\t%s\n", o.key, pair.public.Key().Scheme, pair.public.ID())
	return err
}

// list shows tokens, and the keys of one.
func list(o options, out io.Writer) error {
	if o.token == "" {
		lib, err := load(o.module)
		if err != nil {
			return err
		}
		defer lib.Close()
		tokens, err := lib.tokens()
		for _, t := range tokens {
			fmt.Fprintf(out, "%q\t%s\t%s\n", t.label, t.manufacturer, t.model)
		}
		return err
	}
	t, err := open(o)
	if err != nil {
		return err
	}
	defer t.Close()
	pairs, err := t.pairs("")
	for _, p := range pairs {
		if p.err != nil {
			fmt.Fprintf(out, "%q\t%v\n", p.label, p.err)
			continue
		}
		fmt.Fprintf(out, "%q\t%s\t%s\n", p.label, p.public.Key().Scheme, p.public.ID())
	}
	return err
}
