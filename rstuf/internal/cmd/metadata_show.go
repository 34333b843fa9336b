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
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/terminal"
	"github.com/spf13/cobra"
)

func newMetadataShowCommand(a *app) *cobra.Command {
	var (
		repo               repositoryFlags
		in, draftFile      string
		pending, canonical bool
	)
	cmd := &cobra.Command{
		Use:   "show [ROLE]",
		Short: "Show a metadata document",
		Long: `Show a metadata document: root unless another role is named, verified from the
trusted root on; --in shows a file as it is, --pending the document that waits
for signatures, and --draft what the signers of a draft review.

--canonical prints the exact bytes that signatures cover, for signing elsewhere
(an HSM, Sigstore): bring the signature back with rstuf admin metadata sign
--signature.`,
		Example: `  rstuf admin metadata show --in root.json
  rstuf admin metadata show snapshot -m https://metadata.example.com -r root.json
  rstuf admin metadata show --pending root --canonical > to-sign
  rstuf admin metadata show --draft draft.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			role := rstuf.RoleRoot
			if len(args) == 1 {
				role = args[0]
			}
			if (in != "" || draftFile != "") && (in != "" && draftFile != "" || pending || len(args) == 1) {
				return usagef("--in and --draft show the document of a file: give one of them, no role and no --pending")
			}
			if draftFile != "" && !canonical {
				return a.showDraft(draftFile)
			}
			doc, err := a.findDocument(cmd.Context(), role, in, draftFile, pending, &repo)
			if err != nil {
				return err
			}
			if canonical {
				if terminal.IsTerminal(a.stdout) {
					return usagef("the canonical form is not for a terminal: redirect it to a file")
				}
				_, err := a.stdout.Write(doc.Canonical())
				return err
			}
			return a.showDocument(doc)
		},
	}
	repo.add(cmd)
	cmd.Flags().StringVar(&in, "in", "", "show the document in `FILE`")
	cmd.Flags().StringVar(&draftFile, "draft", "", "show the draft in `FILE` as its signers see it")
	cmd.Flags().BoolVar(&pending, "pending", false, "show the document that waits for signatures")
	cmd.Flags().BoolVar(&canonical, "canonical", false, "print the bytes that signatures cover")
	return cmd
}

// showDraft shows the review of a draft.
func (a *app) showDraft(path string) error {
	draft, err := ceremony.LoadDraft(path)
	if err != nil {
		return err
	}
	review := draft.Review(time.Now())
	return a.result(review, func() { a.printf("%s", quote.Ours(review.String())) })
}

func (a *app) findDocument(ctx context.Context, role, in, draftFile string, pending bool, repo *repositoryFlags) (*metadata.Document, error) {
	switch {
	case draftFile != "":
		draft, err := ceremony.LoadDraft(draftFile)
		if err != nil {
			return nil, err
		}
		return draft.Document(), nil
	case in != "":
		return readDocument(in)
	case pending:
		drafts, _, err := a.pendingDrafts(ctx, "")
		if err != nil && len(drafts) == 0 {
			return nil, err
		}
		draft, err := a.chooseDraft(ctx, drafts, role)
		if err != nil {
			return nil, err
		}
		return draft.Document(), nil
	}
	r, err := a.look(ctx, repo)
	if err != nil {
		return nil, err
	}
	found, err := r.Role(ctx, role)
	return found.Document, err
}

func readDocument(path string) (*metadata.Document, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > metadata.MaxSize {
		err = errors.New("too large for metadata")
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, inFile(path, err)
	}
	return doc, nil
}

// showDocument prints a document: its own JSON, or the gist for people.
func (a *app) showDocument(doc *metadata.Document) error {
	if a.json {
		return a.writeJSON(slices.Concat(doc.Bytes(), []byte("\n")))
	}
	a.printf("type:        %s\nversion:     %d\nexpires:     %s", doc.Type(), doc.Version(), doc.Expires().Format(time.RFC3339))
	for _, signature := range doc.Signatures() {
		a.printf("signature:   by key %s", signature.KeyID)
	}
	switch doc.Type() {
	case rstuf.RoleRoot:
		return a.showRoot(doc)
	case rstuf.RoleTargets:
		return a.showTargets(doc)
	case rstuf.RoleSnapshot:
		snapshot, err := doc.Snapshot()
		if err != nil {
			return err
		}
		a.showMeta(snapshot.Meta)
	case rstuf.RoleTimestamp:
		timestamp, err := doc.Timestamp()
		if err != nil {
			return err
		}
		a.showMeta(timestamp.Meta)
	}
	return nil
}

func (a *app) showMeta(meta map[string]metadata.MetaFile) {
	rows := [][]string{}
	for _, name := range sortedKeys(meta) {
		rows = append(rows, []string{name, fmt.Sprint(meta[name].Version)})
	}
	a.table([]string{"file", "version"}, rows)
}

func (a *app) showRoot(doc *metadata.Document) error {
	root, err := doc.Root()
	if err != nil {
		return err
	}
	rows := [][]string{}
	for _, role := range sortedKeys(root.Roles) {
		keysOfRole := root.Roles[role]
		for _, id := range keysOfRole.KeyIDs {
			key := root.Keys[id]
			rows = append(rows, []string{role, fmt.Sprintf("%d of %d", keysOfRole.Threshold, len(keysOfRole.KeyIDs)), key.DisplayName(), key.KeyType, id, key.OnlineURI})
		}
	}
	a.table([]string{"role", "threshold", "key", "type", "key id", "uri"}, rows)
	return nil
}

func (a *app) showTargets(doc *metadata.Document) error {
	targets, err := doc.Targets()
	if err != nil {
		return err
	}
	a.printf("artifacts:   %d", len(targets.Targets))
	if d := targets.Delegations; d != nil {
		a.printDelegations(d)
	}
	if len(targets.Targets) == 0 {
		return nil
	}
	rows := [][]string{}
	for _, path := range sortedKeys(targets.Targets) {
		rows = append(rows, []string{path, fmt.Sprint(targets.Targets[path].Length)})
	}
	a.table([]string{"path", "bytes"}, rows)
	return nil
}

// printDelegations shows the roles that targets delegates to.
func (a *app) printDelegations(d *metadata.Delegations) {
	if d.Succinct != nil {
		if bins, err := d.Succinct.Bins(); err == nil {
			a.printf("hash bins:   %d, %s to %s", bins.Count(), bins.Name(0), bins.Name(bins.Count()-1))
		}
		return
	}
	rows := [][]string{}
	for _, role := range d.Roles {
		names := ""
		for i, id := range role.KeyIDs {
			if i > 0 {
				names += ", "
			}
			names += keyName(d, id)
		}
		rows = append(rows, []string{role.Name, fmt.Sprintf("%d of %d", role.Threshold, len(role.KeyIDs)), names, fmt.Sprint(role.ExpirePolicy), fmt.Sprint(role.Paths)})
	}
	a.table([]string{"role", "threshold", "keys", "days", "paths"}, rows)
}

func keyName(d *metadata.Delegations, id string) string {
	key, err := keys.FromKey(d.Keys[id])
	if err != nil || key.ID() != id {
		return id
	}
	return key.String()
}
