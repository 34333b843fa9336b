// Signing-bot watches a deployment for documents that wait for signatures, and
// signs those that its policy allows, for a CI machine that holds one key of a
// role:
//
//	go run ./examples/signing-bot -api URL -metadata URL -root root.json \
//		-key dev1.key -role dev -max-days 90 -every 30s
//
// Its policy: the document is of a role that was named; what vouches for it
// follows from the pinned root, which came by another way than from the
// deployment; it lives no longer than -max-days; a review of a delegated role
// has nothing to warn of; and a root changes nothing but its expiry, to a later
// one. All else is left to people. With -metadata it follows the roots that
// are published after the pinned one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "signing-bot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var roles list
	flags := flag.NewFlagSet("signing-bot", flag.ContinueOnError)
	flags.SetOutput(out)
	url := flags.String("api", "", "`URL` of the deployment")
	files := flags.String("metadata", "", "`URL` of the metadata, to follow new roots")
	keyFile := flags.String("key", "", "private key `file` to sign with")
	maxDays := flags.Int("max-days", 90, "longest life of a document in `days`")
	every := flags.Duration("every", 30*time.Second, "time between two looks")
	once := flags.Bool("once", false, "look once and end")
	markdown := flags.Bool("markdown", false, "print what is left to people as Markdown, for an issue or a pull request")
	rootFile := flags.String("root", "", "the pinned root, a `file`")
	flags.Var(&roles, "role", "`name` of a role to sign; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *url == "" || *keyFile == "" || *rootFile == "" || len(roles) == 0 || *every <= 0 {
		return fmt.Errorf("-api, -key, -root and -role are needed, and -every must be positive")
	}
	api, err := client.New(*url, client.Config{})
	if err != nil {
		return err
	}
	key, err := keys.Load(*keyFile, nil)
	if err != nil {
		return err
	}
	defer key.Close()
	root, err := readRoot(*rootFile)
	if err != nil {
		return err
	}
	b := bot{api: api, key: key, roots: []*metadata.Document{root}, roles: roles, maxLife: time.Duration(*maxDays) * 24 * time.Hour, out: out, markdown: *markdown, said: map[string]string{}}
	if *files != "" {
		if b.reader, err = repository.New(repository.Config{MetadataURL: *files}, repository.TrustRoot(root.Bytes())); err != nil {
			return err
		}
	}
	if *once {
		return b.look(ctx)
	}
	return b.watch(ctx, *every)
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

// bot signs what its policy allows.
type bot struct {
	api     ceremony.API
	key     keys.Signer
	reader  *repository.Reader   // nil to stay with the pinned root
	roots   []*metadata.Document // from the pinned one on
	roles   []string
	maxLife time.Duration
	out     io.Writer
	// markdown asks for the review of what is not signed.
	markdown bool
	said     map[string]string // the last line about each role
}

// watch looks until the context ends. A deployment that does not answer is
// asked again.
func (b *bot) watch(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := b.look(ctx); err != nil && ctx.Err() == nil {
			b.say("", "%v", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look signs all that waits, is allowed, and lacks this bot's signature.
func (b *bot) look(ctx context.Context) error {
	if b.reader != nil {
		roots, err := b.reader.Roots(ctx)
		if err != nil {
			return err
		}
		b.roots = roots
	}
	drafts, err := ceremony.Pending(ctx, b.api)
	for _, draft := range drafts {
		name := draft.String()
		if b.hasSigned(draft) {
			continue
		}
		if err := b.approve(draft, time.Now()); err != nil {
			text := fmt.Sprintf("%s: not signed: %v", name, err)
			if b.markdown {
				_ = draft.Pin(b.roots...) // the review says whether it could be
				text += "\n\n" + draft.Review(time.Now()).Markdown()
			}
			b.say(name, "%s", text)
			continue
		}
		if err := draft.Sign(ctx, b.key); err != nil {
			b.say(name, "%s: not signed: %v", name, err)
			continue
		}
		sent, err := draft.Send(ctx, b.api)
		if err != nil {
			b.say(name, "%v", err)
			continue
		}
		b.say(name, "%s: signed, %s", name, sent.Status)
	}
	return err
}

func (b *bot) hasSigned(draft *ceremony.Draft) bool {
	status := draft.Status()
	signed := status.Document.Signed
	if status.RootBefore != nil {
		signed = slices.Concat(signed, status.RootBefore.Signed)
	}
	return slices.ContainsFunc(signed, func(k metadata.KeyRef) bool { return k.KeyID == b.key.Public().ID() })
}

// approve is the policy.
func (b *bot) approve(draft *ceremony.Draft, now time.Time) error {
	if !slices.Contains(b.roles, draft.Role()) {
		return fmt.Errorf("%s is not among the roles to sign", draft.Role())
	}
	if err := draft.Pin(b.roots...); err != nil {
		return err
	}
	review := draft.Review(now)
	if left := review.Expires.Sub(now); left > b.maxLife {
		return fmt.Errorf("it lives until %s, longer than allowed", review.Expires.Format(time.RFC3339))
	}
	if draft.Role() != rstuf.RoleRoot {
		if len(review.Warnings) > 0 {
			return fmt.Errorf("the review warns: %s", strings.Join(review.Warnings, "; "))
		}
		return nil
	}
	if !review.Expires.After(now) || review.Expires.Before(b.roots[len(b.roots)-1].Expires()) {
		return fmt.Errorf("it lives until %s, which is no renewal", review.Expires.Format(time.RFC3339))
	}
	for _, change := range review.Changes {
		if change.Field != "expires" {
			return fmt.Errorf("a person must look at %q", change)
		}
	}
	return nil
}

// say writes a line, but not again and again.
func (b *bot) say(about, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if b.said[about] != line {
		fmt.Fprintln(b.out, line)
	}
	b.said[about] = line
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ", ") }

func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}
