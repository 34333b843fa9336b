// Command exec-signer is a signer program for exec: key URIs, whose key is a
// file: the smallest use of [exec.Serve], to copy for a key that is held
// elsewhere. docs/signers.md describes the exchange.
//
//	exec-signer KEY
//
// It is not run by hand. The settings give it a name:
//
//	SIGNERS:
//	  alice: [/usr/local/bin/exec-signer, /home/alice/keys/alice]
//
// and then `rstuf key show exec:alice` shows its key, and `--key exec:alice`
// signs. The password of an encrypted file is asked for through the exchange;
// KEY.pub, if it is there, spares the question for the public key.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"

	"example.org/rstuf/keys"
	"example.org/rstuf/keys/exec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "exec-signer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out, notes io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: exec-signer KEY")
	}
	return exec.Serve(ctx, in, out, func(_ context.Context, ask exec.Ask) (keys.Signer, error) {
		load := func() (*keys.Private, error) {
			return keys.Load(args[0], func() ([]byte, error) { return ask("Password of " + args[0]) })
		}
		pub, err := keys.LoadPublic(args[0] + ".pub")
		if err != nil {
			key, err := load()
			if err != nil {
				return nil, err
			}
			defer key.Close()
			pub = key.Public()
		}
		return keys.NewSignerFunc(pub, func(ctx context.Context, message []byte) ([]byte, error) {
			fmt.Fprintln(notes, describe(message))
			key, err := load()
			if err != nil {
				return nil, err
			}
			defer key.Close()
			return key.Sign(ctx, message)
		}), nil
	})
}

// describe tells what a message is, from the message itself: a text that came
// along with it could say anything.
func describe(message []byte) string {
	var signed struct {
		Type    string `json:"_type"`
		Version int    `json:"version"`
		Expires string `json:"expires"`
	}
	digest := sha256.Sum256(message)
	if err := json.Unmarshal(message, &signed); err != nil || signed.Type == "" {
		return fmt.Sprintf("signing %d bytes that are no TUF metadata, sha256 %x", len(message), digest)
	}
	return fmt.Sprintf("signing %q, version %d, ends %q, sha256 %x", signed.Type, signed.Version, signed.Expires, digest)
}
