package cmd

import "github.com/spf13/cobra"

func newAdminCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Hold ceremonies, sign, and change a repository",
		Example: `  rstuf admin ceremony --policy policy.yml --key alice --key bob --dry-run --out
  rstuf admin --api-server https://rstuf.example.com send bootstrap ceremony-payload.json`,
	}
	a.api.add(cmd)
	cmd.AddCommand(newCeremonyCommand(a), newMetadataCommand(a), newDelegationsCommand(a),
		newSettingsCommand(a), newOnlineCommand(a), newSendCommand(a), newImportCommand(a))
	return cmd
}
