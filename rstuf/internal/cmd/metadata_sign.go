package cmd

import (
	"context"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"github.com/spf13/cobra"
)

// signCommand is what the flags of rstuf admin metadata sign say.
type signCommand struct {
	*app
	in, role, draftFile, out string
	dryRun, force            bool
	pinned                   pinFlags
	sign                     signFlags
}

func newMetadataSignCommand(a *app) *cobra.Command {
	c := &signCommand{app: a}
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Sign a document that waits for signatures",
		Long: `Sign a document that waits for signatures, with one key a run, and send the
signature.

What is signed is compared with the root that you trust first: --root, with
--metadata-url if newer roots followed it, or the current repository of the
settings. For the first root of a bootstrap give the ceremony's payload as
--root. Exit code 4: more signatures are missing.

With --in the document comes from a file with the API's answer, and with
--draft from a draft (see rstuf admin metadata pending), which gets the
signature.`,
		Example: `  rstuf admin metadata sign --root root.json
  rstuf admin metadata sign --role root --key alice --root root.json \
      --metadata-url https://metadata.example.com
  rstuf admin metadata sign --in pending.json --dry-run --out --key alice --root root.json
  rstuf admin metadata sign --draft root.draft.json --key alice --root root.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&c.in, "in", "", "read `FILE`, an answer of GET /api/v1/metadata/sign, in place of the API")
	flags.StringVar(&c.role, "role", "", "`NAME` of the role")
	flags.StringVar(&c.draftFile, "draft", "", "sign the draft in `FILE`; nothing is sent")
	optionalString(cmd, &c.out, "out", "", "sign-payload.json", "write the signature to `FILE` (without a value: sign-payload.json)")
	flags.BoolVar(&c.dryRun, "dry-run", false, "send nothing")
	flags.BoolVar(&c.force, "force", false, "let --out replace a file")
	c.pinned.add(cmd)
	c.sign.add(cmd)
	return cmd
}

func (c *signCommand) run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	draft, err := c.draft(ctx)
	if err != nil {
		return err
	}
	if draft.Status().Complete() {
		return fmt.Errorf("%s is signed already: %s", draft, draft.Status())
	}
	if err := c.pin(ctx, draft, &c.pinned); err != nil {
		return err
	}
	before := signedBy(draft)
	if err := c.signDraft(ctx, draft, &c.sign, onlyOne, nil); err != nil {
		return err
	}
	added, err := newSignature(draft, before)
	if err != nil {
		return err
	}
	return c.finish(ctx, draft, added)
}

func (c *signCommand) check() error {
	server, err := c.hasServer()
	switch {
	case err != nil:
		return err
	case c.draftFile != "" && c.in != "":
		return usagef("--draft and --in contradict each other")
	case c.draftFile == "" && c.in == "" && !server:
		return usagef("no document to sign: give --api-server to rstuf admin, SERVER in %s, --in or --draft", c.configPath)
	case c.draftFile == "" && !c.dryRun && !server:
		return usagef("nowhere to send the signature: give --api-server to rstuf admin, SERVER in %s, or --dry-run", c.configPath)
	case len(c.sign.keys)+len(c.sign.signatures) > 1:
		return usagef("one signature a run: give one --key or --signature")
	case !c.sign.given() && c.term == nil:
		return usagef("nobody signs: there is no terminal to ask: give --key FILE or --signature FILE")
	}
	if err := c.sign.check(c.app); err != nil {
		return err
	}
	return checkNew(c.out, c.force)
}

func (c *signCommand) draft(ctx context.Context) (*ceremony.Draft, error) {
	if c.draftFile != "" {
		return ceremony.LoadDraft(c.draftFile)
	}
	drafts, _, err := c.pendingDrafts(ctx, c.in)
	if err != nil && len(drafts) == 0 {
		return nil, err
	}
	if err != nil {
		c.note("warning: %v", err)
	}
	return c.chooseDraft(ctx, drafts, c.role)
}

// signedBy are the ids of the keys whose signatures count.
func signedBy(draft *ceremony.Draft) map[string]bool {
	status := draft.Status()
	ids := map[string]bool{}
	for _, key := range status.Document.Signed {
		ids[key.KeyID] = true
	}
	if status.RootBefore != nil {
		for _, key := range status.RootBefore.Signed {
			ids[key.KeyID] = true
		}
	}
	return ids
}

// newSignature is the one by a key that had not signed before.
func newSignature(draft *ceremony.Draft, before map[string]bool) (rstuf.Signature, error) {
	after := signedBy(draft)
	for _, signature := range draft.Document().Signatures() {
		if after[signature.KeyID] && !before[signature.KeyID] {
			return signature, nil
		}
	}
	return rstuf.Signature{}, errors.New("the key had signed already")
}

// finish keeps the signature and sends it.
func (c *signCommand) finish(ctx context.Context, draft *ceremony.Draft, added rstuf.Signature) error {
	status := draft.Status()
	payload := rstuf.MetadataSign{Role: draft.Role(), Signature: added}
	if c.draftFile != "" {
		if err := draft.SaveOver(c.draftFile); err != nil {
			return err
		}
		c.progress("saved the draft in %s", c.draftFile)
	}
	if c.out != "" {
		data, err := encodeJSON(payload)
		if err == nil {
			err = writeFile(c.out, data, c.force)
		}
		if err != nil {
			return err
		}
		c.progress("saved the signature in %s", c.out)
	}
	if c.draftFile == "" && !c.dryRun {
		sent, err := c.send(ctx, draft)
		if err != nil {
			return err
		}
		if status = sent.Status; sent.Complete {
			status = draft.Status()
		}
		return c.report(draft, payload, status, sent.Complete)
	}
	return c.report(draft, payload, status, status.Complete())
}

func (a *app) send(ctx context.Context, draft *ceremony.Draft) (ceremony.Sent, error) {
	api, err := a.connect()
	if err != nil {
		return ceremony.Sent{}, err
	}
	ctx, cancel := a.withTimeout(ctx, taskTimeout)
	defer cancel()
	return draft.Send(ctx, api)
}

// signResult is what a signature came to.
type signResult struct {
	rstuf.MetadataSign
	Complete bool            `json:"complete"`
	Status   ceremony.Status `json:"signatures"`
}

func (c *signCommand) report(draft *ceremony.Draft, payload rstuf.MetadataSign, status ceremony.Status, complete bool) error {
	err := c.result(signResult{payload, complete, status}, func() {
		c.printf("%s: signed by key %s", draft, payload.Signature.KeyID)
		if complete {
			c.printf("no more signatures are needed")
		} else {
			c.printf("%s", status)
		}
	})
	if err == nil && !complete {
		err = waitingError{"signatures are missing: " + status.String()}
	}
	return err
}
