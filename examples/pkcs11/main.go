// Command pkcs11 signs TUF metadata with a key in a hardware security module
// or a smart card, through its PKCS#11 library.
//
//	pkcs11 -module LIB -token LABEL -key LABEL -pin-file FILE [-generate] [-name NAME] [METADATA]
//
// Without METADATA it prints the key object, which is what a ceremony needs of
// the key's holder. With it, it prints the metadata with the key's signature
// added. -generate makes the key (ECDSA on P-256) in the token first.
//
// It is a module of its own because a PKCS#11 library needs cgo.
package main

import (
	"context"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/ThalesGroup/crypto11"

	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "pkcs11:", err)
		os.Exit(1)
	}
}

type options struct {
	module, token, key, pinFile, name string
	generate                          bool
	metadata                          string
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("pkcs11", flag.ContinueOnError)
	flags.StringVar(&o.module, "module", "", "PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so")
	flags.StringVar(&o.token, "token", "", "label of the token")
	flags.StringVar(&o.key, "key", "", "label of the key pair")
	flags.StringVar(&o.pinFile, "pin-file", "", "file with the token's PIN")
	flags.StringVar(&o.name, "name", "", "the key's name in metadata")
	flags.BoolVar(&o.generate, "generate", false, "make the key pair first")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.metadata = flags.Arg(0)
	if o.module == "" || o.token == "" || o.key == "" || o.pinFile == "" {
		return o, errors.New("-module, -token, -key and -pin-file are needed")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	token, err := open(o)
	if err != nil {
		return err
	}
	defer token.Close()
	signer, err := keyPair(token, o)
	if err != nil {
		return err
	}
	var result json.Marshaler = signer.Public()
	if o.metadata != "" {
		if result, err = sign(ctx, signer, o.metadata); err != nil {
			return err
		}
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(result)
}

func open(o options) (*crypto11.Context, error) {
	pin, err := os.ReadFile(o.pinFile)
	if err != nil {
		return nil, err
	}
	token, err := crypto11.Configure(&crypto11.Config{Path: o.module, TokenLabel: o.token, Pin: strings.TrimSpace(string(pin))})
	if err != nil {
		return nil, fmt.Errorf("open token %q: %w", o.token, err)
	}
	return token, nil
}

// keyPair finds the one key pair of that label, or makes it.
func keyPair(token *crypto11.Context, o options) (keys.Signer, error) {
	pairs, err := token.FindKeyPairs(nil, []byte(o.key))
	var pair crypto11.Signer
	switch {
	case err != nil:
	case o.generate && len(pairs) > 0:
		err = errors.New("it exists already, choose another label")
	case o.generate:
		pair, err = token.GenerateECDSAKeyPairWithLabel([]byte(o.key), []byte(o.key), elliptic.P256())
	case len(pairs) == 1:
		pair = pairs[0]
	default:
		err = fmt.Errorf("there are %d such key pairs, want one; -generate makes one", len(pairs))
	}
	if err != nil {
		return nil, fmt.Errorf("key %q in token %q: %w", o.key, o.token, err)
	}
	return keys.NewSigner(pair, o.name)
}

// sign adds the key's signature to a metadata file.
func sign(ctx context.Context, signer keys.Signer, path string) (*metadata.Document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	document, err := metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := document.Sign(ctx, signer); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return document, nil
}
