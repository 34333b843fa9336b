package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/terminal"
	"github.com/spf13/cobra"
)

// signFlags say who signs.
type signFlags struct {
	keys       []string
	signatures []string
	yes        bool
	uris       uriFlags
	password   secretFlags
}

func (s *signFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&s.keys, "key", nil, "sign with the private key `FILE` or URI, such as exec:NAME; may be repeated")
	flags.StringArrayVar(&s.signatures, "signature", nil, "add a signature made elsewhere, a `FILE` with {\"keyid\", \"sig\"}; may be repeated")
	flags.BoolVarP(&s.yes, "yes", "y", false, "sign without asking after the review; needed where there is no terminal")
	s.uris.add(flags, ".", "")
	s.password.add(flags, "password", "the password of each --key")
}

// given tells whether the flags bring any signature.
func (s *signFlags) given() bool { return len(s.keys)+len(s.signatures) > 0 }

// check wants consent: where nobody can be asked after the review, it is a flag.
func (s *signFlags) check(a *app) error {
	if a.term != nil || s.yes || !s.given() {
		return nil
	}
	return usagef("there is no terminal to ask whether to sign: look at the document (rstuf admin metadata show) and give --yes")
}

// signMode says how many signatures are asked for at a terminal.
type signMode int

const (
	untilComplete  signMode = iota // or until the person goes on without, after the first
	asManyAsWanted                 // none at all is possible: a draft goes to others
	onlyOne
)

// modeOf is the mode of a document that --draft keeps in a file, or not.
func modeOf(draftFile string) signMode {
	if draftFile != "" {
		return asManyAsWanted
	}
	return untilComplete
}

// signDraft signs with the keys that the flags name. If they name none and
// there is a terminal it asks who signs, until the threshold is reached or the
// mode is satisfied; keep, which may be nil, is told of each signature.
func (a *app) signDraft(ctx context.Context, draft *ceremony.Draft, flags *signFlags, mode signMode, keep func() error) error {
	for _, path := range flags.signatures {
		signature, err := readSignature(path)
		if err != nil {
			return err
		}
		if err := draft.AddSignature(signature); err != nil {
			return err
		}
	}
	for _, path := range flags.keys {
		if err := a.signWithKey(ctx, draft, path, flags); err != nil {
			return err
		}
	}
	if flags.given() || a.term == nil {
		return nil
	}
	return a.askSigners(ctx, draft, flags, mode, keep)
}

// review shows what is about to be signed, if that is not what was shown last.
func (a *app) review(draft *ceremony.Draft) {
	if text := draft.Review(time.Now()).String(); text != a.reviewed {
		a.note("%s", quote.Ours(text))
		a.noteSigstore(text)
		a.reviewed = text
	}
}

func (a *app) signWithKey(ctx context.Context, draft *ceremony.Draft, name string, flags *signFlags) error {
	a.review(draft)
	if a.term != nil && !flags.yes {
		sign, err := a.term.Confirm(ctx, fmt.Sprintf("Sign %s with %s", draft, name), false)
		if err != nil {
			return err
		}
		if !sign {
			return fmt.Errorf("%s was not signed with %s", draft, name)
		}
	}
	key, err := a.signer(ctx, name, &flags.uris, &flags.password)
	if err != nil {
		return err
	}
	defer closeSigner(key)
	if err := draft.Sign(ctx, key); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.progress("signed with %s: %s", name, draft.Status())
	return nil
}

func (a *app) askSigners(ctx context.Context, draft *ceremony.Draft, flags *signFlags, mode signMode, keep func() error) error {
	for !draft.Status().Complete() {
		a.review(draft)
		missing := draft.Status().Missing()
		options := make([]string, 0, len(missing)+1)
		for _, key := range missing {
			options = append(options, key.String())
		}
		if mode == asManyAsWanted || mode == untilComplete && len(draft.Document().Signatures()) > 0 {
			options = append(options, "continue without more signatures")
		}
		i, path := 0, ""
		err := a.term.Steps(ctx,
			func(ctx context.Context, _ bool) (err error) {
				i, err = a.term.Choose(ctx, "Sign with", options, -1)
				return err
			},
			func(ctx context.Context, _ bool) (err error) {
				if i < len(missing) {
					path, err = a.term.Ask(ctx, "Private key file of "+missing[i].String(), "", checkKey)
				}
				return err
			},
		)
		if err != nil || i == len(missing) {
			return err
		}
		switch err := a.signAs(ctx, draft, missing[i], path, flags); {
		case mode == onlyOne, errors.Is(err, terminal.ErrEnd):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			a.term.Printf("%s\n", err)
		case keep != nil:
			if err := keep(); err != nil {
				return err
			}
		}
	}
	return nil
}

// signAs signs with the key of a file or a URI, which must be the one that is meant.
func (a *app) signAs(ctx context.Context, draft *ceremony.Draft, ref metadata.KeyRef, path string, flags *signFlags) error {
	key, err := a.signer(ctx, path, &flags.uris, &flags.password)
	if err != nil {
		return err
	}
	defer closeSigner(key)
	if !slices.Contains(draft.KeyIDs(key.Public()), ref.KeyID) {
		return fmt.Errorf("%s is not the key %s: its key id is %s", path, ref, key.Public().ID())
	}
	return draft.Sign(ctx, key)
}

// readSignature reads a signature file: {"keyid": …, "sig": …}, or what
// rstuf admin metadata sign --out wrote.
func readSignature(path string) (rstuf.Signature, error) {
	data, err := readBounded(path, 1<<20)
	if err != nil {
		return rstuf.Signature{}, err
	}
	var signature rstuf.Signature
	if err := files.Decode(data, &signature); err == nil && signature.KeyID != "" {
		return signature, nil
	}
	var payload rstuf.MetadataSign
	if err := files.Decode(data, &payload); err != nil || payload.Signature.KeyID == "" {
		return rstuf.Signature{}, inFile(path, errors.New(`want a signature, {"keyid": …, "sig": …}`))
	}
	return payload.Signature, nil
}

// readBounded reads a file, or fails once it is more than max bytes.
func readBounded(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := files.ReadAll(f, max)
	if err != nil {
		return nil, inFile(path, err)
	}
	return data, nil
}

// inFile says which file an error is about.
func inFile(path string, err error) error { return fmt.Errorf("%s: %w", path, err) }

// mergeDrafts adds the signatures of other copies of a draft.
func mergeDrafts(draft *ceremony.Draft, paths []string) error {
	for _, path := range paths {
		other, err := ceremony.LoadDraft(path)
		if err == nil {
			err = draft.Merge(other)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
