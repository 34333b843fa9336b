package cmd

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.org/rstuf"
	"example.org/rstuf/health"
	"example.org/rstuf/metadata"
)

// maxRolesShown is how many delegated roles of the online key are listed one
// by one.
const maxRolesShown = 20

// printReport prints a report for people.
func (c *doctorCommand) printReport(r doctorResult) {
	c.printRoles(r.Report)
	if bins := r.Bins; bins != nil && bins.Seen > 0 {
		c.printf("hash bins: %d of %d seen, %d expired; the first to end is %s in %s", bins.Seen, bins.Count, bins.Expired, bins.First.Name, bins.First.Left)
	}
	if r.Metadata != "" && !c.skipRoles {
		c.printf("artifacts: %d", r.Artifacts)
	}
	c.printRoots(r.Roots)
	c.printClients(r.Clients)
	if d := r.Downloads; d.New > 0 {
		c.printf("metadata to download: %d bytes for a new user, %d for one who returns, %d if nothing was published", d.New, d.Returning, d.Unchanged)
	}
	colours := map[health.Severity]text.Color{health.Error: text.FgRed, health.Warning: text.FgYellow, health.Info: text.Reset}
	for _, f := range r.Findings {
		c.printf("%s: %s: %s", c.paint(colours[f.Severity], string(f.Severity)), f.Subject(), f.Text)
		if f.Severity != health.Info && f.Do != "" {
			c.printf("  to do: %s", f.Do)
		}
	}
	for _, n := range r.NotSeen {
		c.printf("not seen: %s", n.What)
	}
	if r.Healthy {
		c.printf("nothing is wrong")
	}
}

func (c *doctorCommand) printRoles(r *health.Report) {
	rows := [][]string{}
	hidden := r.UnlistedRoles
	for i, role := range r.Roles {
		if r.Bins != nil && role.By == rstuf.RoleTargets {
			continue // their sum is a line of its own
		}
		if i >= 4+maxRolesShown && role.Online && role.Left > 0 {
			hidden++
			continue
		}
		who := "people"
		if role.Online {
			who = "online key"
		}
		rows = append(rows, []string{
			role.Name, fmt.Sprint(role.Version), role.Expires.UTC().Format(time.DateTime), role.Left.String(),
			thresholdOf(role), fmt.Sprint(role.Slack), who,
		})
	}
	if len(rows) > 0 {
		c.table([]string{"role", "version", "expires (UTC)", "left", "threshold", "slack", "signed by"}, rows)
	}
	if hidden > 0 {
		c.printf("and %d more roles", hidden)
	}
}

// printRoots says what changed from one root to the next.
func (c *doctorCommand) printRoots(roots []health.Root) {
	for _, root := range roots {
		if len(root.SignedBefore) == 0 {
			continue
		}
		c.printf("root %d, signed by %s:", root.Version, refNames(root.Signed))
		for _, change := range root.Changes {
			c.printf("  %s", change.String())
		}
	}
}

func refNames(list []metadata.KeyRef) string {
	texts := make([]string, len(list))
	for i, key := range list {
		texts[i] = key.String()
	}
	return strings.Join(texts, ", ")
}

func (c *doctorCommand) printClients(clients []health.Client) {
	rows := [][]string{}
	for _, client := range clients {
		why := make([]string, len(client.Reasons))
		for i, reason := range client.Reasons {
			why[i] = reason.Role + ": " + reason.Text
		}
		rows = append(rows, []string{client.Name, string(client.Reads), strings.Join(why, "; ")})
	}
	if len(rows) > 0 {
		c.table([]string{"client", "reads", "why not more"}, rows)
	}
}

// thresholdOf is how many of a role's keys must sign, and how many of those
// signatures are post-quantum at the least.
func thresholdOf(role health.Role) string {
	text := fmt.Sprintf("%d of %d", role.Threshold, role.Keys)
	if role.PostQuantum > 0 {
		text += fmt.Sprintf(", %d post-quantum", role.PostQuantum)
	}
	return text
}
