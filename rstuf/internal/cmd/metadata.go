package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

func newMetadataCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "metadata",
		Short: "Change root, sign what waits for signatures, and look at metadata",
		Example: `  rstuf admin metadata pending
  rstuf admin metadata sign --role root --key alice --root root.json`,
	}
	cmd.AddCommand(newMetadataUpdateCommand(a), newMetadataSignCommand(a), newMetadataStopSignCommand(a),
		newMetadataPendingCommand(a), newMetadataReviewCommand(a), newMetadataShowCommand(a))
	return cmd
}

// pinFlags say which root a signer trusts.
type pinFlags struct {
	repositoryFlags
	unsafeServer bool
}

func (p *pinFlags) add(cmd *cobra.Command) {
	p.repositoryFlags.add(cmd)
	cmd.Flags().BoolVar(&p.unsafeServer, "trust-server-root-unsafe", false, "sign without a trusted root of your own, on the word of the server or of who made the draft")
}

// pin compares what a draft rests on with the root that the flags or the
// settings name. Without any, only the flag or the person can let it pass.
func (a *app) pin(ctx context.Context, draft *ceremony.Draft, p *pinFlags) error {
	roots, err := a.pinnedRoots(ctx, p)
	switch {
	case err != nil:
		return err
	case len(roots) > 0:
		return draft.Pin(roots...)
	case p.unsafeServer:
		draft.TrustServerRootUnsafe()
		return nil
	}
	t, err := a.ask("the root that you trust", "--root FILE (or --trust-server-root-unsafe)")
	if err != nil {
		return err
	}
	a.review(draft)
	trust, err := t.Confirm(ctx, "No root of your own is pinned (--root). Trust what came with the document", false)
	if err != nil {
		return err
	}
	if !trust {
		return ceremony.ErrNotPinned
	}
	draft.TrustServerRootUnsafe()
	return nil
}

// pinnedRoots are the trusted root and those that followed it; none if nothing
// names a trusted root.
func (a *app) pinnedRoots(ctx context.Context, p *pinFlags) ([]*metadata.Document, error) {
	settings, err := a.config()
	if err != nil {
		return nil, err
	}
	current, err := settings.CurrentName()
	if err != nil {
		return nil, err
	}
	named := p.name != "" || p.metadata == "" && p.root == "" && current != ""
	if p.root == "" && !named && !p.unsafe {
		return nil, nil
	}
	if p.metadata == "" && !named { // the root alone
		root, err := a.trustedRoot(ctx, &p.repositoryFlags, configRepository{})
		return []*metadata.Document{root}, err
	}
	repo, err := a.repository(&p.repositoryFlags)
	if err != nil {
		return nil, err
	}
	root, err := a.trustedRoot(ctx, &p.repositoryFlags, repo)
	if err != nil {
		return nil, err
	}
	reader, err := a.lookFrom(repo.MetadataURL, root)
	if err != nil {
		return nil, err
	}
	return reader.Roots(ctx)
}

// pendingDrafts gives what waits for signatures, from the API or a file with
// its answer, which is the form of the Python CLI's --in.
func (a *app) pendingDrafts(ctx context.Context, in string) ([]*ceremony.Draft, *client.Client, error) {
	if in != "" {
		answer, err := readPending(in)
		if err != nil {
			return nil, nil, err
		}
		drafts, err := ceremony.Pending(ctx, answer)
		return drafts, nil, err
	}
	api, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	drafts, err := ceremony.Pending(ctx, api)
	return drafts, api, err
}

// pendingFile stands in for an API that only knows what waits.
type pendingFile struct{ rstuf.PendingMetadata }

func readPending(path string) (pendingFile, error) {
	data, err := readBounded(path, 8*metadata.MaxSize)
	if err != nil {
		return pendingFile{}, err
	}
	var answer wire.Response[rstuf.PendingMetadata]
	if err := json.Unmarshal(data, &answer); err != nil {
		return pendingFile{}, inFile(path, err)
	}
	if answer.Data == nil {
		return pendingFile{}, inFile(path, errors.New("want the answer of GET /api/v1/metadata/sign, with data and metadata"))
	}
	return pendingFile{*answer.Data}, nil
}

func (p pendingFile) Pending(context.Context) (rstuf.PendingMetadata, error) {
	return p.PendingMetadata, nil
}

var errOffline = errors.New("a file can't be sent to")

func (p pendingFile) SubmitSignature(context.Context, string, rstuf.Signature) (string, error) {
	return "", errOffline
}

func (p pendingFile) WaitTask(context.Context, string, func(rstuf.Task)) (rstuf.Task, error) {
	return rstuf.Task{}, errOffline
}

// chooseDraft takes the draft of a role. Without a name there must be one
// alone, or somebody to ask.
func (a *app) chooseDraft(ctx context.Context, drafts []*ceremony.Draft, role string) (*ceremony.Draft, error) {
	if len(drafts) == 0 {
		return nil, errors.New("no metadata waits for signatures")
	}
	names := make([]string, len(drafts))
	for i, draft := range drafts {
		if names[i] = draft.Role(); names[i] == role {
			return draft, nil
		}
	}
	switch {
	case role != "":
		return nil, fmt.Errorf("role %q does not wait for signatures; these do: %v", role, names)
	case len(drafts) == 1:
		return drafts[0], nil
	}
	t, err := a.ask(fmt.Sprintf("the role to sign of %v", names), "--role")
	if err != nil {
		return nil, err
	}
	i, err := t.Choose(ctx, "Role", names, -1)
	if err != nil {
		return nil, err
	}
	return drafts[i], nil
}

// pendingInfo is what is shown of a document that waits.
type pendingInfo struct {
	Role    string          `json:"role"`
	Version int64           `json:"version"`
	Expires time.Time       `json:"expires"`
	Status  ceremony.Status `json:"signatures"`
}

func newMetadataPendingCommand(a *app) *cobra.Command {
	var in, role, draftFile string
	cmd := &cobra.Command{
		Use:   "pending",
		Short: "List what waits for signatures, and who is missing",
		Long: `List what waits for signatures, and who is missing. With --draft one role's
document is also written to a file, to be signed on another machine (rstuf
admin metadata sign --draft) and sent from here (rstuf admin send draft).`,
		Example: `  rstuf admin metadata pending
  rstuf admin metadata pending --role root --draft root.draft.json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			drafts, _, err := a.pendingDrafts(cmd.Context(), in)
			if err != nil {
				return err
			}
			if draftFile != "" {
				draft, err := a.chooseDraft(cmd.Context(), drafts, role)
				if err != nil {
					return err
				}
				if err := draft.Save(draftFile); err != nil {
					return err
				}
				a.progress("saved the draft of %s in %s", draft, draftFile)
			}
			list := make([]pendingInfo, 0, len(drafts))
			for _, draft := range drafts {
				if role == "" || draft.Role() == role {
					doc := draft.Document()
					list = append(list, pendingInfo{draft.Role(), doc.Version(), doc.Expires(), draft.Status()})
				}
			}
			return a.result(list, func() {
				if len(list) == 0 {
					a.printf("nothing waits for signatures")
					return
				}
				rows := make([][]string, len(list))
				for i, p := range list {
					rows[i] = []string{p.Role, fmt.Sprint(p.Version), p.Expires.Format(time.DateOnly), p.Status.String()}
				}
				a.table([]string{"role", "version", "expires", "signatures"}, rows)
			})
		},
	}
	cmd.Flags().StringVar(&in, "in", "", "read `FILE`, an answer of GET /api/v1/metadata/sign, in place of the API")
	cmd.Flags().StringVar(&role, "role", "", "`NAME` of one role")
	cmd.Flags().StringVar(&draftFile, "draft", "", "write the role's draft to `FILE`")
	return cmd
}

func newMetadataStopSignCommand(a *app) *cobra.Command {
	var role string
	var yes bool
	cmd := &cobra.Command{
		Use:   "stop-sign",
		Short: "Drop a document that waits for signatures",
		Long: `Drop a document that waits for signatures, with those that it has. For the
root of a bootstrap that is the end of the bootstrap.`,
		Example: "  rstuf admin metadata stop-sign --role root --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			drafts, api, err := a.pendingDrafts(ctx, "")
			if err != nil {
				return err
			}
			draft, err := a.chooseDraft(ctx, drafts, role)
			if err != nil {
				return err
			}
			if !yes {
				a.review(draft)
				t, err := a.ask("whether to stop the signing of "+draft.String(), "--yes")
				if err != nil {
					return err
				}
				sure, err := t.Confirm(ctx, "Stop the signing of "+draft.String(), false)
				if err != nil {
					return err
				}
				if !sure {
					return errors.New("nothing was stopped")
				}
			}
			queued, err := api.StopSigning(ctx, draft.Role())
			if err != nil {
				return err
			}
			return a.finished(true)(a.wait(ctx, queued))
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "`NAME` of the role")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
