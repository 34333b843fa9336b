package cmd

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"github.com/spf13/cobra"
)

// updateCommand is what the flags of rstuf admin metadata update say.
type updateCommand struct {
	*app
	drafting
	in                   string
	addKeys, renameKeys  []string
	onlineKey, onlineURI string
	untestedOnline       string
	change               ceremony.Change
	pinned               pinFlags
}

func newMetadataUpdateCommand(a *app) *cobra.Command {
	c := &updateCommand{app: a}
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Make, sign and send the next root",
		Long: `Make the next root from the one that is trusted today (--in FILE, or the newest
that --root or the settings' repository lead to at --metadata-url), sign it and
send it. The next root needs the signatures of the old and of the new
threshold; what is missing can be added later (rstuf admin metadata sign, exit
code 4) or from person to person in a draft (--draft, see rstuf admin
ceremony).

The flags say what changes; without any, a terminal asks. A change that changes
nothing is refused. A new online key makes a test signature first.`,
		Example: `  rstuf admin metadata update --in root.json --days 365 --key alice --key bob
  rstuf admin metadata update --in root.json --add-key carol=carol.pub --remove-key bob \
      --key alice --key bob
  rstuf admin metadata update --in root.json --online-key keys/new --online-key-uri fn:new \
      --key alice --key bob
  rstuf admin metadata update -m https://metadata.example.com -r root.json --threshold 3 \
      --draft next.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&c.in, "in", "", "`FILE` of the root that is trusted today")
	flags.IntVar(&c.change.Days, "days", 0, "let the root live `DAYS` from now on")
	flags.IntVar(&c.change.Threshold, "threshold", 0, "`NUMBER` of root keys that must sign from then on")
	flags.StringArrayVar(&c.addKeys, "add-key", nil, "add a root key, `NAME=FILE` of its public key; may be repeated")
	flags.StringArrayVar(&c.change.RemoveRootKeys, "remove-key", nil, "remove a root key by its `NAME` or key id; may be repeated")
	flags.StringArrayVar(&c.renameKeys, "rename-key", nil, "rename a root key, `OLD=NEW`; may be repeated")
	flags.StringArrayVar(&c.change.LostKeys, "lost-key", nil, "a root key whose owner can't sign any more, by `NAME` or key id; may be repeated")
	flags.StringVar(&c.onlineKey, "online-key", "", "new online key: its private key, `FILE` or URI, for a test signature")
	flags.StringVar(&c.untestedOnline, "untested-online-key-unsafe", "", "new online key: its public key `FILE`, without a test signature")
	flags.StringVar(&c.onlineURI, "online-key-uri", "", "`URI` where workers find the online key (default fn:KEYID for a new one)")
	flags.IntVar(&c.change.PostQuantum, "post-quantum", 0, "want `NUMBER` of any threshold of root signatures to be post-quantum (ML-DSA)")
	flags.BoolVar(&c.change.AllowMLDSA, "allow-ml-dsa", false, "allow ML-DSA root keys, which most clients can't read")
	flags.BoolVar(&c.change.AllowThresholdOneUnsafe, "allow-threshold-one-unsafe", false, "allow a single root key to decide alone")
	c.pinned.add(cmd)
	c.drafting.add(cmd, "the next root", "update-payload.json")
	return cmd
}

func (c *updateCommand) run(ctx context.Context) error {
	if c.onlineKey != "" && c.untestedOnline != "" {
		return usagef("--online-key and --untested-online-key-unsafe contradict each other")
	}
	if err := c.check(c.app); err != nil {
		return err
	}
	draft, err := c.draft(ctx)
	if err != nil {
		return err
	}
	if err := c.warnOfPending(ctx); err != nil {
		return err
	}
	if err := c.signAll(ctx, c.app, draft); err != nil {
		return err
	}
	return c.finish(ctx, draft)
}

// warnOfPending says before anybody signs that another root waits already. A
// deployment that does not tell is no reason to sign nothing.
func (c *updateCommand) warnOfPending(ctx context.Context) error {
	server, err := c.hasServer()
	if err != nil || !server || c.dryRun {
		return err
	}
	drafts, _, err := c.pendingDrafts(ctx, "")
	if err != nil {
		return ctx.Err()
	}
	for _, pending := range drafts {
		if pending.Role() == rstuf.RoleRoot {
			c.note("warning: the deployment waits for signatures of %s already (%s): a deployed RSTUF drops that one for yours, the embedded service refuses yours. Sign it (rstuf admin metadata sign) or stop it (stop-sign) first.",
				pending, pending.Status())
		}
	}
	return nil
}

// trusted is the root that is trusted today.
func (c *updateCommand) trusted(ctx context.Context) (*metadata.Document, error) {
	if c.in != "" && c.pinned.metadata == "" {
		return c.trustedRoot(ctx, &repositoryFlags{root: c.in}, configRepository{})
	}
	if c.pinned.root == "" {
		c.pinned.root = c.in
	}
	roots, err := c.pinnedRoots(ctx, &c.pinned)
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return nil, usagef("nothing says which root is trusted today: give --in FILE, or --metadata-url with --root FILE")
	}
	return roots[len(roots)-1], nil
}

// draft loads the draft that --draft names, and pins it, or makes a new one.
func (c *updateCommand) draft(ctx context.Context) (*ceremony.Draft, error) {
	if c.draftFile != "" {
		draft, err := ceremony.LoadDraft(c.draftFile)
		switch {
		case err == nil && draft.Update() == nil:
			return nil, usagef("%s is no draft of a next root", c.draftFile)
		case err == nil && c.changes():
			return nil, usagef("%s exists: leave out the changes to go on with it, or name another draft", c.draftFile)
		case err == nil:
			if c.pinned.root == "" {
				c.pinned.root = c.in
			}
			return draft, c.pin(ctx, draft, &c.pinned)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	trusted, err := c.trusted(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.completeChange(ctx, trusted); err != nil {
		return nil, err
	}
	return ceremony.Next(ctx, trusted, c.change)
}

// changes tells whether any flag changes something.
func (c *updateCommand) changes() bool {
	return len(c.addKeys)+len(c.renameKeys)+len(c.change.RemoveRootKeys) > 0 ||
		c.change.Days != 0 || c.change.Threshold != 0 || c.onlineKey+c.untestedOnline+c.onlineURI != ""
}

// completeChange reads the keys that the flags name, or asks what changes.
func (c *updateCommand) completeChange(ctx context.Context, trusted *metadata.Document) error {
	if !c.changes() {
		t, err := c.ask("what changes", "--days, --threshold, --add-key, --remove-key, --rename-key, --online-key or --online-key-uri")
		if err != nil {
			return err
		}
		return c.askChange(ctx, t, trusted)
	}
	for _, text := range c.addKeys {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return usagef("--add-key %q: want NAME=FILE", text)
		}
		key, err := keys.LoadPublic(path)
		if err != nil {
			return err
		}
		c.change.AddRootKeys = append(c.change.AddRootKeys, key.WithName(name))
	}
	for _, text := range c.renameKeys {
		before, after, ok := strings.Cut(text, "=")
		if !ok || before == "" || after == "" {
			return usagef("--rename-key %q: want OLD=NEW", text)
		}
		if c.change.RenameKeys == nil {
			c.change.RenameKeys = map[string]string{}
		}
		c.change.RenameKeys[before] = after
	}
	return c.readOnlineKey(ctx)
}

func (c *updateCommand) readOnlineKey(ctx context.Context) (err error) {
	c.change.OnlineURI = c.onlineURI
	if c.untestedOnline != "" {
		c.change.UntestedOnlineKeyUnsafe, err = keys.LoadPublic(c.untestedOnline)
		return err
	}
	if c.onlineKey != "" {
		c.change.OnlineKey, err = c.signer(ctx, c.onlineKey, &c.sign.uris, &c.sign.password)
	}
	return err
}

// finish keeps what was signed, then sends it if it is time for that.
func (c *updateCommand) finish(ctx context.Context, draft *ceremony.Draft) error {
	status := draft.Status()
	payload, err := c.keep(c.app, draft, func(path string) error { return c.writePayload(path, draft, c.force) })
	if err != nil {
		return err
	}
	server, err := c.hasServer()
	if err != nil {
		return err
	}
	if server && !c.dryRun && (status.Complete() || c.draftFile == "") {
		err := c.perform(ctx, func(ctx context.Context, api *client.Client) (*client.Task, error) {
			return api.UpdateMetadata(ctx, draft.Update().Metadata[rstuf.RoleRoot])
		})
		var waiting waitingError
		if err != nil && !errors.As(err, &waiting) {
			err = errors.Join(err, c.rescue("update-payload", "update", func(path string) error { return c.writePayload(path, draft, false) }))
		}
		return err
	}
	result := struct {
		Draft   string          `json:"draft_file,omitempty"`
		Payload string          `json:"payload_file,omitempty"`
		Status  ceremony.Status `json:"signatures"`
	}{c.draftFile, payload, status}
	err = c.result(result, func() { c.printf("%s: %s", draft, status) })
	if err == nil && !status.Complete() {
		err = waitingError{"signatures are missing: " + status.String()}
	}
	return err
}

func (c *updateCommand) writePayload(path string, draft *ceremony.Draft, force bool) error {
	data, err := encodeJSON(draft.Update())
	if err != nil {
		return err
	}
	return writeFile(path, data, force)
}
