package cmd

import (
	"context"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/terminal"
	"github.com/spf13/cobra"
)

func newDelegationsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delegations",
		Short: "Add, change, remove and list custom roles",
		Example: `  rstuf admin delegations list
  rstuf admin delegations new --roles roles.yml
  rstuf admin delegations delete dev`,
	}
	cmd.AddCommand(
		newDelegationsEdit(a, "new", "delegations-new.json", "Add custom roles"),
		newDelegationsEdit(a, "update", "delegations-update.json", "Change custom roles"),
		newDelegationsDeleteCommand(a),
		newDelegationsListCommand(a),
	)
	return cmd
}

// delegationsCommand is what the flags of new, update and delete say.
type delegationsCommand struct {
	*app
	rolesFile, out string
	allowMLDSA     bool
	dryRun, force  bool
	yes            bool
	repo           repositoryFlags
}

func (c *delegationsCommand) add(cmd *cobra.Command, defaultOut string) {
	flags := cmd.Flags()
	optionalString(cmd, &c.out, "out", "", defaultOut, "write the payload to `FILE` (without a value: "+defaultOut+")")
	flags.BoolVar(&c.dryRun, "dry-run", false, "send nothing")
	flags.BoolVar(&c.force, "force", false, "let --out replace a file")
	flags.BoolVarP(&c.yes, "yes", "y", false, "do not ask after the review")
	c.repo.add(cmd)
}

const delegationsSource = `
Root and targets of today come from --metadata-url with a trusted root, from
the settings' current repository, or from the API.`

func newDelegationsEdit(a *app, name, defaultOut, short string) *cobra.Command {
	c := &delegationsCommand{app: a}
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Long: short + `. The roles come from a file (--roles), which has them under
"delegations" as a ceremony's policy does, or are asked for. The changes are
shown before they are sent.
` + delegationsSource,
		Example: fmt.Sprintf("  rstuf admin delegations %s --roles roles.yml --yes\n  rstuf admin delegations %s --roles roles.yml --dry-run --out", name, name),
		RunE: func(cmd *cobra.Command, _ []string) error {
			roles, err := c.roles(cmd.Context())
			if err != nil {
				return err
			}
			if name == "new" {
				return c.run(cmd.Context(), ceremony.RoleChange{Add: roles, AllowMLDSA: c.allowMLDSA})
			}
			return c.run(cmd.Context(), ceremony.RoleChange{Update: roles, AllowMLDSA: c.allowMLDSA})
		},
	}
	cmd.Flags().StringVar(&c.rolesFile, "roles", "", "`FILE` with the roles (YAML or JSON)")
	c.add(cmd, defaultOut)
	return cmd
}

func newDelegationsDeleteCommand(a *app) *cobra.Command {
	c := &delegationsCommand{app: a}
	cmd := &cobra.Command{
		Use:   "delete [NAME]...",
		Short: "Remove custom roles",
		Long: `Remove custom roles, with their artifacts. Their names can't be used again.
Without names a terminal asks.
` + delegationsSource,
		Example: "  rstuf admin delegations delete dev --yes",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd.Context(), ceremony.RoleChange{Remove: args})
		},
	}
	c.add(cmd, "delegations-delete.json")
	return cmd
}

// roles reads or asks for the roles.
func (c *delegationsCommand) roles(ctx context.Context) ([]ceremony.Role, error) {
	if c.rolesFile == "" {
		t, err := c.ask("the roles", "--roles FILE")
		if err != nil {
			return nil, err
		}
		return askRoles(ctx, t)
	}
	policy, err := ceremony.LoadPartialPolicy(c.rolesFile)
	if err != nil {
		return nil, err
	}
	if len(policy.Delegations) == 0 {
		return nil, inFile(c.rolesFile, errors.New("there are no roles under delegations"))
	}
	c.allowMLDSA = policy.AllowMLDSA || policy.PostQuantum > 0
	return policy.Delegations, nil
}

func (c *delegationsCommand) run(ctx context.Context, change ceremony.RoleChange) error {
	if err := checkNew(c.out, c.force); err != nil {
		return err
	}
	server, err := c.hasServer()
	if err != nil {
		return err
	}
	if !server && !c.dryRun {
		return usagef("nowhere to send the roles: give --api-server to rstuf admin, SERVER in %s, or --dry-run", c.configPath)
	}
	root, targets, err := c.today(ctx, &c.repo)
	if err != nil {
		return err
	}
	if len(change.Add)+len(change.Update)+len(change.Remove) == 0 {
		if change.Remove, err = c.askRemove(ctx, targets); err != nil {
			return err
		}
	}
	plan, err := ceremony.PlanRoles(root, targets, change)
	if err != nil {
		return err
	}
	if c.out != "" {
		data, err := encodePlan(plan)
		if err == nil {
			err = writeFile(c.out, data, c.force)
		}
		if err != nil {
			return err
		}
		c.progress("saved the payload in %s", c.out)
	}
	if c.dryRun {
		return c.result(plan, func() { c.printf("%s", plan) })
	}
	if err := c.confirm(ctx, plan); err != nil {
		return err
	}
	return c.perform(ctx, func(ctx context.Context, api *client.Client) (*client.Task, error) {
		return sendPlan(ctx, api, plan)
	})
}

// encodePlan is the one request of a plan.
func encodePlan(plan *ceremony.RolePlan) ([]byte, error) {
	switch {
	case plan.Add != nil:
		return encodeJSON(plan.Add)
	case plan.Update != nil:
		return encodeJSON(plan.Update)
	}
	return encodeJSON(plan.Remove)
}

func sendPlan(ctx context.Context, api *client.Client, plan *ceremony.RolePlan) (*client.Task, error) {
	switch {
	case plan.Add != nil:
		return api.AddDelegations(ctx, plan.Add.Delegations)
	case plan.Update != nil:
		return api.UpdateDelegations(ctx, plan.Update.Delegations)
	}
	return api.DeleteDelegations(ctx, plan.Remove.Roles...)
}

func (c *delegationsCommand) confirm(ctx context.Context, plan *ceremony.RolePlan) error {
	c.note("%s", quote.Ours(plan.String()))
	if c.yes {
		return nil
	}
	t, err := c.ask("whether to send these changes", "--yes")
	if err != nil {
		return err
	}
	send, err := t.Confirm(ctx, "Send these changes", false)
	if err == nil && !send {
		err = errors.New("nothing was sent")
	}
	return err
}

// askRemove asks which roles to remove.
func (c *delegationsCommand) askRemove(ctx context.Context, document *metadata.Document) ([]string, error) {
	t, err := c.ask("the roles to remove", "their names")
	if err != nil {
		return nil, err
	}
	targets, err := document.Targets()
	if err != nil {
		return nil, err
	}
	if targets.Delegations == nil || len(targets.Delegations.Roles) == 0 {
		return nil, errors.New("the repository has no custom roles")
	}
	return chooseRole(ctx, t, targets.Delegations.Roles)
}

func chooseRole(ctx context.Context, t *terminal.Terminal, roles []rstuf.DelegatedRole) ([]string, error) {
	options := make([]string, len(roles))
	for i, role := range roles {
		options[i] = role.Name
	}
	i, err := t.Choose(ctx, "Role to remove", options, -1)
	if err != nil {
		return nil, err
	}
	return []string{roles[i].Name}, nil
}

// today gives the root and the targets that are trusted: those of the metadata
// server where one is named, else what the API says.
func (a *app) today(ctx context.Context, f *repositoryFlags) (root, targets *metadata.Document, err error) {
	settings, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	current, err := settings.CurrentName()
	if err != nil {
		return nil, nil, err
	}
	if f.metadata != "" || f.name != "" || current != "" {
		r, err := a.look(ctx, f)
		if err != nil {
			return nil, nil, err
		}
		rootRole, err := r.Role(ctx, rstuf.RoleRoot)
		if err != nil {
			return nil, nil, err
		}
		targetsRole, err := r.Role(ctx, rstuf.RoleTargets)
		return rootRole.Document, targetsRole.Document, err
	}
	api, err := a.connect()
	if err != nil {
		return nil, nil, err
	}
	known, err := api.Settings(ctx)
	if err != nil {
		return nil, nil, err
	}
	if root, err = metadata.Parse(known.TrustedRoot); err != nil {
		return nil, nil, fmt.Errorf("the root that the API sent: %w", err)
	}
	if targets, err = metadata.Parse(known.TrustedTargets); err != nil {
		return nil, nil, fmt.Errorf("the targets that the API sent: %w", err)
	}
	return root, targets, nil
}

func newDelegationsListCommand(a *app) *cobra.Command {
	var repo repositoryFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the roles that targets delegates to",
		Long:    "List the roles that targets delegates to: custom roles, or the hash bins.\n" + delegationsSource,
		Example: "  rstuf admin delegations list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, document, err := a.today(cmd.Context(), &repo)
			if err != nil {
				return err
			}
			targets, err := document.Targets()
			if err != nil {
				return err
			}
			d := targets.Delegations
			if d == nil {
				d = &metadata.Delegations{}
			}
			result := struct {
				HashBins int                   `json:"hash_bins,omitempty"`
				Roles    []rstuf.DelegatedRole `json:"roles"`
				Keys     map[string]rstuf.Key  `json:"keys"`
			}{Roles: d.Roles, Keys: d.Keys}
			if d.Succinct != nil {
				bins, err := d.Succinct.Bins()
				if err != nil {
					return err
				}
				result.HashBins = bins.Count()
			}
			return a.result(result, func() { a.printDelegations(d) })
		},
	}
	repo.add(cmd)
	return cmd
}
