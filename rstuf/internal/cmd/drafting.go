package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"example.org/rstuf/ceremony"
	"github.com/spf13/cobra"
)

// drafting is what the commands share that make a root, have it signed and send
// it, at once or from one person to the next.
type drafting struct {
	draftFile, out string
	keepIn         string // signatures go there as they are made, if no draft file is given
	merge          []string
	dryRun, force  bool
	sign           signFlags
}

// add adds the flags. What is drafted is named in the help; the payload goes to
// the file out unless --out names another.
func (d *drafting) add(cmd *cobra.Command, what, out string) {
	flags := cmd.Flags()
	flags.StringVar(&d.draftFile, "draft", "", "keep "+what+" in `FILE`, to be signed by one person after another")
	flags.StringArrayVar(&d.merge, "merge", nil, "add the signatures of another copy of the draft, `FILE`")
	flags.BoolVar(&d.dryRun, "dry-run", false, "send nothing")
	flags.BoolVar(&d.force, "force", false, "let --out replace a file")
	optionalString(cmd, &d.out, "out", "", out, "write the payload to `FILE` (without a value: "+out+")")
	d.sign.add(cmd)
}

// check finds what is wrong with the flags before anybody begins to work.
func (d *drafting) check(a *app) error {
	server, err := a.hasServer()
	switch {
	case err != nil:
		return err
	case len(d.merge) > 0 && d.draftFile == "":
		return usagef("--merge goes with --draft")
	case !server && !d.dryRun && d.draftFile == "":
		return usagef("nowhere to send the payload: give --api-server to rstuf admin, SERVER in %s, or --dry-run", a.configPath)
	case a.term == nil && d.draftFile == "" && !d.sign.given():
		return usagef("nobody signs: there is no terminal to ask: give --key FILE, or --draft FILE to have it signed elsewhere")
	}
	if err := d.sign.check(a); err != nil {
		return err
	}
	if err := checkFolder(d.draftFile); err != nil {
		return err
	}
	return checkNew(d.out, d.force)
}

// signAll adds the signatures of the draft's copies and of those who sign now.
func (d *drafting) signAll(ctx context.Context, a *app, draft *ceremony.Draft) error {
	if err := mergeDrafts(draft, d.merge); err != nil {
		return err
	}
	return a.signDraft(ctx, draft, &d.sign, modeOf(d.draftFile), func() error {
		if path := cmp.Or(d.draftFile, d.keepIn); path != "" {
			return draft.SaveOver(path)
		}
		return nil
	})
}

// keep saves the draft, and writes the payload once all signatures are there or
// if no draft keeps them. It returns the file that it wrote the payload to.
func (d *drafting) keep(a *app, draft *ceremony.Draft, write func(path string) error) (payload string, err error) {
	if d.draftFile != "" {
		if err := draft.SaveOver(d.draftFile); err != nil {
			return "", err
		}
		a.progress("saved the draft in %s", d.draftFile)
	}
	if d.out == "" || d.draftFile != "" && !draft.Status().Complete() {
		return "", nil
	}
	if err := write(d.out); err != nil {
		return "", err
	}
	a.progress("saved the payload in %s", d.out)
	return d.out, nil
}

// rescue keeps what people have signed where it could not be sent and nothing
// else keeps it. The error is nil or says where it is, and which command of
// rstuf admin send takes it.
func (d *drafting) rescue(name, send string, write func(path string) error) error {
	if d.out != "" || d.draftFile != "" {
		return nil
	}
	name += "-" + time.Now().UTC().Format("20060102T150405Z")
	path := name + ".json"
	err := write(path)
	for i := 2; errors.Is(err, fs.ErrExist) && i < 100; i++ { // one of the same second
		path = fmt.Sprintf("%s-%d.json", name, i)
		err = write(path)
	}
	if err != nil {
		return fmt.Errorf("and the payload could not be saved: %w", err)
	}
	return fmt.Errorf("the payload is in %s: send it later with rstuf admin send %s", path, send)
}
