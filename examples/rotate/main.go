// Rotate replaces keys of a repository that exists: root keys, the online key,
// or both, in one new root that the old and the new root's keys sign.
//
//	go run ./examples/rotate -api URL -root root.json -out next-root.json \
//		-remove carol -add dave=dave.pub -online worker/online2 \
//		-key alice.key -key bob.key
//
// -root is the root that the caller trusts, from a file that no server sent;
// -out is what to trust from then on. If the keys given are not all that must
// sign there is no such file yet: the service keeps the root for the others, who
// sign it with examples/signing-bot or `rstuf admin metadata sign`.
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
	"path/filepath"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "rotate:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	api, root, out, online string
	threshold, days        int
	add, remove, sign      list
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("rotate", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.api, "api", "", "`URL` of the service")
	flags.StringVar(&o.root, "root", "", "the trusted root, a `file`")
	flags.StringVar(&o.out, "out", "", "`file` for the next root; it must not exist yet")
	flags.StringVar(&o.online, "online", "", "new online key, a private key `file` in the worker's key folder")
	flags.IntVar(&o.threshold, "threshold", 0, "new `number` of root signatures")
	flags.IntVar(&o.days, "days", 0, "new life of the root in `days`")
	flags.Var(&o.add, "add", "new root key, `name=file` with a public key; may be repeated")
	flags.Var(&o.remove, "remove", "`name` or id of a root key to remove; may be repeated")
	flags.Var(&o.sign, "key", "private key `file` to sign with; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.api == "" || o.root == "" || o.out == "" {
		return fmt.Errorf("-api, -root and -out are needed")
	}
	draft, err := o.draft(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(out, draft.Review(time.Now()))
	for _, path := range o.sign {
		if err := signWith(ctx, draft, path); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, draft.Status())
	// The file is there before anything is sent: a root that was published must
	// not get lost because it can't be written.
	file, err := os.OpenFile(o.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	published, err := o.send(ctx, draft, out)
	if published {
		_, writeErr := file.Write(draft.Document().Bytes())
		err = errors.Join(err, writeErr)
	}
	if err = errors.Join(err, file.Close()); err != nil || !published {
		return errors.Join(err, os.Remove(o.out))
	}
	fmt.Fprintf(out, "%s is published; trust %s from now on\n", draft, o.out)
	return nil
}

// draft makes the next root.
func (o options) draft(ctx context.Context) (*ceremony.Draft, error) {
	trusted, err := readRoot(o.root)
	if err != nil {
		return nil, err
	}
	change := ceremony.Change{RemoveRootKeys: o.remove, Threshold: o.threshold, Days: o.days}
	for _, text := range o.add {
		name, path, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("-add %s: it must be name=file", text)
		}
		key, err := keys.LoadPublic(path)
		if err != nil {
			return nil, err
		}
		change.AddRootKeys = append(change.AddRootKeys, key.WithName(name))
	}
	if o.online != "" {
		key, err := keys.Load(o.online, nil)
		if err != nil {
			return nil, err
		}
		defer key.Close()
		change.OnlineKey = key.WithName("online")
		change.OnlineURI = "fn:" + filepath.Base(o.online)
	}
	return ceremony.Next(ctx, trusted, change)
}

func readRoot(path string) (*metadata.Document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	document, err := metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return document, nil
}

func signWith(ctx context.Context, draft *ceremony.Draft, path string) error {
	key, err := keys.Load(path, nil)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := draft.Sign(ctx, key); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// send gives the root to the service and tells whether it is published.
func (o options) send(ctx context.Context, draft *ceremony.Draft, out io.Writer) (published bool, err error) {
	api, err := client.New(o.api, client.Config{})
	if err != nil {
		return false, err
	}
	task, err := api.UpdateMetadata(ctx, draft.Update().Metadata[rstuf.RoleRoot])
	if err != nil {
		return false, err
	}
	switch _, err := task.Wait(ctx); {
	case errors.Is(err, client.ErrSigningPending):
		fmt.Fprintln(out, "the service keeps the root until the others have signed")
		return false, nil
	case err != nil:
		return false, err
	}
	settings, err := api.Settings(ctx)
	if err != nil {
		return false, err
	}
	trusted, err := metadata.Parse(settings.TrustedRoot)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(trusted.Canonical(), draft.Document().Canonical()) {
		return false, fmt.Errorf("the service trusts root version %d and not the one that was sent", trusted.Version())
	}
	return true, nil
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ", ") }

func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}
