package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/metadata"
	"github.com/spf13/cobra"
)

func newSettingsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "settings",
		Short: "Look at and change a repository's settings",
		Example: `  rstuf admin settings get
  rstuf admin settings set timestamp=2 bins=7`,
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:     "get",
			Short:   "Show a repository's settings",
			Example: "  rstuf admin settings get --json",
			RunE:    func(cmd *cobra.Command, _ []string) error { return a.settingsGet(cmd.Context()) },
		},
		&cobra.Command{
			Use:   "set ROLE=DAYS...",
			Short: "Set how many days roles live",
			Long: `Set how many days roles live, from their next version on. "bins" stands for all
hash bins. Root's life is set by its own next version: see rstuf admin metadata
update.`,
			Example: "  rstuf admin settings set timestamp=2 bins=7",
			Args:    cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				days, err := parseDays(args)
				if err != nil {
					return err
				}
				return a.perform(cmd.Context(), func(ctx context.Context, api *client.Client) (*client.Task, error) {
					return api.UpdateSettings(ctx, days)
				})
			},
		},
	)
	return cmd
}

func parseDays(args []string) (map[string]int, error) {
	days := map[string]int{}
	for _, arg := range args {
		role, text, ok := strings.Cut(arg, "=")
		n, err := strconv.Atoi(text)
		if !ok || role == "" || err != nil || n < 1 {
			return nil, usagef("%q: want ROLE=DAYS, such as timestamp=2", arg)
		}
		if _, twice := days[role]; twice {
			return nil, usagef("%s stands there twice", role)
		}
		days[role] = n
	}
	return days, nil
}

func (a *app) settingsGet(ctx context.Context) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	s, err := api.Settings(ctx)
	switch {
	case errors.Is(err, client.ErrSigningPending):
		return waitingError{"there is no repository yet: its bootstrap waits for signatures, see rstuf admin metadata sign"}
	case errors.Is(err, client.ErrNotBootstrapped):
		return fmt.Errorf("%w: there is no repository yet, see rstuf admin ceremony (a deployment whose Redis is down says the same)", err)
	case err != nil:
		return err
	}
	correctSettings(s)
	return a.result(s, func() {
		if s.NumberOfDelegatedBins > 0 {
			a.printf("hash bins:  %d", s.NumberOfDelegatedBins)
		}
		if s.OnlineKey != nil {
			a.printf("online key: %s, %s, %s", cmp.Or(s.OnlineKey.DisplayName(), s.OnlineKeyID), s.OnlineKey.KeyType, cmp.Or(s.OnlineKey.OnlineURI, "no URI"))
		}
		rows := [][]string{}
		for _, role := range sortedKeys(s.Expiration) {
			signing := ""
			if s.Signing[role] != nil {
				signing = "waits for signatures"
			}
			rows = append(rows, []string{role, fmt.Sprint(s.Expiration[role]), number(s.Threshold, role), number(s.NumKeys, role), signing})
		}
		a.table([]string{"role", "days", "threshold", "keys", ""}, rows)
	})
}

// correctSettings puts in what the trusted root in the same answer says. A deployed
// RSTUF counts in root_num_keys the signatures of the first root, keeps its
// threshold whatever followed, and writes all text in lower case.
func correctSettings(s *rstuf.RepositorySettings) {
	doc, err := metadata.Parse(s.TrustedRoot)
	if err != nil {
		return
	}
	root, err := doc.Root()
	if err != nil {
		return
	}
	role := root.Roles[rstuf.RoleRoot]
	s.Threshold[rstuf.RoleRoot], s.NumKeys[rstuf.RoleRoot] = role.Threshold, len(role.KeyIDs)
	if ids := root.Roles[rstuf.RoleTimestamp].KeyIDs; len(ids) > 0 {
		key := root.Keys[ids[0]]
		s.OnlineKey, s.OnlineKeyID = &key, ids[0]
	}
}

// number is what a map says of a role; empty if it says nothing.
func number(of map[string]int, role string) string {
	if n, ok := of[role]; ok {
		return fmt.Sprint(n)
	}
	return ""
}

func newOnlineCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "online",
		Short:   "Have the online key sign anew",
		Example: "  rstuf admin online bump timestamp",
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "bump [ROLE]...",
		Short: "Sign online roles anew, with a new life",
		Long: `Sign online roles anew, with a new life: those that are named, and the snapshot
and timestamp that follow from them; without a name all. Deployments of RSTUF
of 2026 answer this with status 500.`,
		Example: `  rstuf admin online bump
  rstuf admin online bump snapshot`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.perform(cmd.Context(), func(ctx context.Context, api *client.Client) (*client.Task, error) {
				task, err := api.BumpOnline(ctx, args...)
				var answer *client.Error
				if errors.As(err, &answer) && answer.Status == http.StatusInternalServerError {
					err = fmt.Errorf("%w: in RSTUF's own service this endpoint is broken (the API never gets a setting that it needs), which no client can mend: its workers sign online roles anew by themselves before these expire", err)
				}
				return task, err
			})
		},
	})
	return cmd
}
