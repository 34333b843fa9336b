package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/quote"
)

func newSendCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "send",
		Short:   "Send a payload file to a deployment and wait for its task",
		Example: "  rstuf admin --api-server https://rstuf.example.com send bootstrap ceremony-payload.json",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "bootstrap FILE",
			Short: "Bootstrap a deployment with a ceremony's payload",
			Long: `Bootstrap a deployment with a payload that rstuf admin ceremony wrote, or one
of RSTUF's first releases. If the deployment has this root already nothing is
sent and the command succeeds, so it can be repeated. Exit code 4: root
signatures are missing.`,
			Example: "  rstuf admin send bootstrap ceremony-payload.json",
			Args:    cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.sendBootstrapFile(cmd.Context(), args[0])
			},
		},
		sendFile(a, "update", "Send the next root of rstuf admin metadata update",
			func(*rstuf.MetadataUpdate) string { return rstuf.RoleRoot },
			func(ctx context.Context, api *client.Client, r *rstuf.MetadataUpdate) (*client.Task, error) {
				return api.UpdateMetadata(ctx, r.Metadata[rstuf.RoleRoot])
			}),
		sendFile(a, "sign", "Send a signature of rstuf admin metadata sign",
			func(r *rstuf.MetadataSign) string { return r.Role },
			func(ctx context.Context, api *client.Client, r *rstuf.MetadataSign) (*client.Task, error) {
				return api.Sign(ctx, r.Role, r.Signature)
			}),
		newSendDelegationsCommand(a),
		&cobra.Command{
			Use:   "draft FILE",
			Short: "Send the signatures of a draft",
			Long: `Send the signatures of a draft that rstuf admin metadata pending wrote and others
signed (rstuf admin metadata sign --draft). Only those that the deployment does
not have yet are sent. Exit code 4: more are missing.`,
			Example: "  rstuf admin send draft root.draft.json",
			Args:    cobra.ExactArgs(1),
			RunE:    func(cmd *cobra.Command, args []string) error { return a.sendDraft(cmd.Context(), args[0]) },
		},
	)
	return cmd
}

func (a *app) sendDraft(ctx context.Context, path string) error {
	draft, err := ceremony.LoadDraft(path)
	if err != nil {
		return err
	}
	if draft.Payload() != nil {
		return usagef("%s is a draft of a first root: use rstuf admin ceremony --draft", path)
	}
	sent, err := a.send(ctx, draft)
	if err != nil {
		return err
	}
	err = a.result(sent, func() {
		a.printf("%s: %s sent", draft, quote.Count(len(sent.Signatures), "signature"))
		if !sent.Complete {
			a.printf("%s", sent.Status)
		}
	})
	if err == nil && !sent.Complete {
		err = waitingError{"signatures are missing: " + sent.Status.String()}
	}
	return err
}

// sendFile makes a command that sends a request from a file; role is the one
// that may wait for signatures afterwards.
func sendFile[T rstuf.Request](a *app, name, short string, role func(*T) string, send func(context.Context, *client.Client, *T) (*client.Task, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " FILE",
		Short:   short,
		Long:    short + " and wait for its task.\nExit code 4: signatures are missing.",
		Example: fmt.Sprintf("  rstuf admin send %s %s-payload.json", name, name),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := readRequest[T](args[0])
			if err != nil {
				return err
			}
			return a.perform(cmd.Context(), func(ctx context.Context, api *client.Client) (*client.Task, error) {
				return send(ctx, api, request)
			}, role(request))
		},
	}
}

func newSendDelegationsCommand(a *app) *cobra.Command {
	var update, remove bool
	cmd := &cobra.Command{
		Use:   "delegations FILE",
		Short: "Add, update or delete custom roles from a file",
		Long: `Send custom roles that rstuf admin delegations wrote with --out, and wait for
the task: new ones, changed ones with --update, or with --delete the names of
those to remove.`,
		Example: `  rstuf admin send delegations delegations-new.json
  rstuf admin send delegations --delete delegations-delete.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if update && remove {
				return usagef("--update and --delete contradict each other")
			}
			if remove {
				request, err := readRequest[rstuf.DelegationsDelete](args[0])
				if err != nil {
					return err
				}
				return a.perform(cmd.Context(), func(ctx context.Context, api *client.Client) (*client.Task, error) {
					return api.DeleteDelegations(ctx, request.Roles...)
				})
			}
			request, err := readRequest[rstuf.DelegationsUpdate](args[0])
			if err != nil {
				return err
			}
			return a.perform(cmd.Context(), func(ctx context.Context, api *client.Client) (*client.Task, error) {
				if update {
					return api.UpdateDelegations(ctx, request.Delegations)
				}
				return api.AddDelegations(ctx, request.Delegations)
			})
		},
	}
	cmd.Flags().BoolVar(&update, "update", false, "the roles exist and are to be replaced")
	cmd.Flags().BoolVar(&remove, "delete", false, "the file names roles to remove")
	return cmd
}

// perform sends a request, waits for its task and prints it. The error says what
// it has left out; roles that wait for signatures then are exit code 4, those
// that a signature was added to included.
func (a *app) perform(ctx context.Context, send func(context.Context, *client.Client) (*client.Task, error), signed ...string) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	queued, err := send(ctx, api)
	if err != nil {
		return err
	}
	task, err := a.wait(ctx, queued)
	if err == nil && len(signed) > 0 {
		err = stillWaiting(ctx, api, signed)
	}
	return a.finished(true)(task, err)
}

// stillWaiting is the error of roles that wait for more signatures after one was
// added.
func stillWaiting(ctx context.Context, api *client.Client, roles []string) error {
	pending, err := api.Pending(ctx)
	if err != nil {
		return err
	}
	if waiting := pending.Waiting(roles...); len(waiting) > 0 {
		return rstuf.Missing{Waiting: waiting}
	}
	return nil
}
