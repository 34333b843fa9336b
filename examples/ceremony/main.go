// Ceremony makes the first root of a repository on three machines that share
// nothing but a USB stick, without a network until the end. Each machine is a
// folder here:
//
//	DIR/alice, DIR/bob  a root key each, which never leaves it
//	DIR/worker          the online key, for the service
//	DIR/stick           public keys, policy, drafts and, at the end, the payload
//
// Usage:
//
//	go run ./examples/ceremony -dir DIR [-api URL]
//
// With -api it sends the payload to a service whose key folder is DIR/worker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "ceremony:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("ceremony", flag.ContinueOnError)
	flags.SetOutput(out)
	dir := flags.String("dir", "", "`folder` for all, which must not exist yet")
	api := flags.String("api", "", "`URL` of the service to bootstrap")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("-dir is missing")
	}
	if err := makeKeys(*dir); err != nil {
		return err
	}
	stick := filepath.Join(*dir, "stick")
	if err := prepare(stick); err != nil {
		return err
	}
	// Both sign at the same time, each a copy of the draft.
	for _, person := range []string{"alice", "bob"} {
		if err := signOn(ctx, filepath.Join(*dir, person), stick, person, out); err != nil {
			return fmt.Errorf("%s: %w", person, err)
		}
	}
	if err := gather(stick, out); err != nil {
		return err
	}
	if *api == "" {
		fmt.Fprintf(out, "send %s when there is a network\n", filepath.Join(stick, "payload.json"))
		return nil
	}
	return send(ctx, *api, stick, out)
}

// makeKeys has each machine make its key; only the public half goes on the
// stick.
func makeKeys(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "stick"), 0o755); err != nil {
		return err
	}
	for machine, name := range map[string]string{"alice": "alice", "bob": "bob", "worker": "online"} {
		folder := filepath.Join(dir, machine)
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		key, err := keys.Generate(keys.Ed25519, name)
		if err != nil {
			return err
		}
		// Give people a password in place of Plain.
		if err := key.Save(filepath.Join(folder, name), keys.SaveOptions{Plain: true}); err != nil {
			return err
		}
		if err := key.Close(); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(folder, name+".pub"), filepath.Join(dir, "stick", name+".pub")); err != nil {
			return err
		}
	}
	return nil
}

const policy = `root_keys:
  - {name: alice, file: alice.pub}
  - {name: bob, file: bob.pub}
threshold: 2
online_key: {name: online, file: online.pub, uri: "fn:online"}
hash_bins: 16
targets_base_url: https://example.com/artifacts/
`

// prepare writes the policy and makes the draft of it. Any machine can do it.
func prepare(stick string) error {
	path := filepath.Join(stick, "policy.yml")
	if err := os.WriteFile(path, []byte(policy), 0o644); err != nil {
		return err
	}
	agreed, err := ceremony.LoadPolicy(path)
	if err != nil {
		return err
	}
	draft, err := ceremony.New(agreed)
	if err != nil {
		return err
	}
	return draft.Save(filepath.Join(stick, "draft.json"))
}

// signOn is what happens on one person's machine.
func signOn(ctx context.Context, machine, stick, person string, out io.Writer) error {
	draft, err := ceremony.LoadDraft(filepath.Join(stick, "draft.json"))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s reads:\n%s\n", person, draft.Review(time.Now()))
	key, err := keys.Load(filepath.Join(machine, person), nil)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := draft.Sign(ctx, key); err != nil {
		return err
	}
	return draft.Save(filepath.Join(stick, "signed-by-"+person+".json"))
}

// gather merges what came back and writes the payload.
func gather(stick string, out io.Writer) error {
	draft, err := ceremony.LoadDraft(filepath.Join(stick, "signed-by-alice.json"))
	if err != nil {
		return err
	}
	other, err := ceremony.LoadDraft(filepath.Join(stick, "signed-by-bob.json"))
	if err != nil {
		return err
	}
	if err := draft.Merge(other); err != nil {
		return err
	}
	fmt.Fprintln(out, draft.Status())
	fmt.Fprintln(out, "artifacts will be at", draft.TargetsBaseURL())
	return bootstrap.WriteFile(filepath.Join(stick, "payload.json"), draft.Payload())
}

// send is the only step that needs a network.
func send(ctx context.Context, url, stick string, out io.Writer) error {
	file, err := bootstrap.ReadFile(filepath.Join(stick, "payload.json"))
	if err != nil {
		return err
	}
	api, err := client.New(url, client.Config{})
	if err != nil {
		return err
	}
	result, err := bootstrap.Run(ctx, api, file.Payload)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, result)
	return nil
}
