package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/mirror"
)

// examineMetadata looks at all metadata files.
func (c *doctorCommand) examineMetadata(ctx context.Context, h *health, settings *rstuf.RepositorySettings) error {
	repo, err := c.repository(&c.repo)
	if err != nil {
		return err
	}
	h.Metadata = repo.MetadataURL
	source, err := mirror.New(repo.MetadataURL)
	if err != nil {
		return usage(err)
	}
	trusted, err := c.rootToStartFrom(ctx, h, source, repo, settings)
	if err != nil {
		return err
	}
	r, err := source.Load(ctx, trusted)
	if err != nil {
		h.find(levelError, "metadata", "%v", err)
		return nil
	}
	root, err := r.Root().Root()
	if err != nil {
		return err
	}
	c.examineRoot(h, r.Root(), root)
	for _, doc := range []*metadata.Document{r.Timestamp, r.Snapshot, r.Targets} {
		delegation, err := root.Delegation(doc.Type())
		if err != nil {
			return err
		}
		c.examineRole(h, doc, delegation, true)
	}
	if settings != nil {
		if known, err := metadata.Parse(settings.TrustedRoot); err == nil && known.Version() != r.Root().Version() {
			h.find(levelError, rstuf.RoleRoot, "the API has version %d and the metadata server version %d", known.Version(), r.Root().Version())
		}
	}
	if c.skipRoles {
		return nil
	}
	return c.examineDelegated(ctx, h, r, root)
}

// rootToStartFrom is the pinned root, else the API's, else the server's first.
func (c *doctorCommand) rootToStartFrom(ctx context.Context, h *health, source *mirror.Mirror, repo configRepository, settings *rstuf.RepositorySettings) (*metadata.Document, error) {
	if c.repo.root != "" || len(repo.TrustedRoot) > 0 {
		return c.trustedRoot(ctx, &c.repo, repo)
	}
	h.find(levelInfo, rstuf.RoleRoot, "it was not compared with a pinned one: give --root")
	if settings != nil {
		return metadata.Parse(settings.TrustedRoot)
	}
	return source.FirstRoot(ctx)
}

func (c *doctorCommand) examineRoot(h *health, doc *metadata.Document, root *metadata.Root) {
	delegation, err := root.Delegation(rstuf.RoleRoot)
	if err != nil {
		h.find(levelError, rstuf.RoleRoot, "%v", err)
		return
	}
	c.examineRole(h, doc, delegation, false)
	if err := metadata.CheckRoot(doc, doc.Expires().Add(-time.Second)); err != nil {
		h.find(levelWarning, rstuf.RoleRoot, "%v", err)
	}
	for _, id := range delegation.KeyIDs {
		c.examineKey(h, root.Keys[id])
	}
	if online, err := metadata.OnlineKey(root); err == nil {
		c.examineKey(h, online.Key())
	}
}

// examineKey says with which clients a key works.
func (c *doctorCommand) examineKey(h *health, object rstuf.Key) {
	key, err := keys.FromKey(object)
	if err != nil {
		h.find(levelError, "key", "%v", err)
		return
	}
	info := describeKey(key)
	h.Keys = append(h.Keys, info)
	var not []string
	for _, client := range info.Clients {
		if !client.Works {
			not = append(not, client.Name)
		}
	}
	if len(not) > 0 {
		h.find(levelWarning, "key "+key.String(), "a %s key does not work with %s", info.Scheme, strings.Join(not, ", "))
	}
}

// examineRole looks at one document and those who sign it.
func (c *doctorCommand) examineRole(h *health, doc *metadata.Document, delegation metadata.Delegation, online bool) {
	verified := delegation.Verify(doc)
	role := roleHealth{
		Role: delegation.Role, Version: doc.Version(), Expires: doc.Expires(), Left: int64(doc.Expires().Sub(c.now).Seconds()),
		Threshold: delegation.Threshold, Keys: delegation.DistinctKeys(), Slack: delegation.DistinctKeys() - delegation.Threshold,
		Signed: verified.Signed, Online: online,
	}
	h.Roles = append(h.Roles, role)
	if err := verified.Err(); err != nil {
		h.find(levelError, role.Role, "%v", err)
	}
	left := doc.Expires().Sub(c.now)
	switch {
	case left <= 0:
		h.find(levelError, role.Role, "version %d expired %s ago", role.Version, roughly(-left))
	case online && left < onlineMargin:
		h.find(levelWarning, role.Role, "it expires in %s and nobody has signed it anew", roughly(left))
	case !online && left < c.soon:
		h.find(levelWarning, role.Role, "it expires in %s, and people must sign it", roughly(left))
	}
	if online {
		return
	}
	switch {
	case role.Threshold == 1:
		h.find(levelWarning, role.Role, "a single key decides: threshold 1")
	case role.Slack == 0:
		h.find(levelWarning, role.Role, "every one of its %d keys is needed: the loss of one stops the role", role.Keys)
	}
}

// examineDelegated looks at all delegated roles and their artifacts.
func (c *doctorCommand) examineDelegated(ctx context.Context, h *health, r *mirror.Repository, root *metadata.Root) error {
	online, err := metadata.OnlineKey(root)
	if err != nil {
		h.find(levelError, rstuf.RoleRoot, "%v", err)
	}
	weak := 0
	for role := range r.Roles(ctx) {
		switch {
		case errors.Is(role.Err, mirror.ErrUnpublished):
			h.find(levelInfo, role.Name, "it is not published yet")
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case role.Err != nil:
			h.find(levelError, role.Name, "%v", role.Err)
			continue
		}
		delegation, err := r.Delegation(role.Name)
		if err != nil {
			return err
		}
		c.examineRole(h, role.Document, delegation, len(delegation.KeyIDs) > 0 && len(delegation.IDs(online)) == len(delegation.KeyIDs))
		targets, err := role.Document.Targets()
		if err != nil {
			h.find(levelError, role.Name, "%v", err)
			continue
		}
		h.Artifacts += len(targets.Targets)
		for _, file := range targets.Targets {
			if file.Hashes["sha256"] == "" && file.Hashes["sha512"] == "" {
				weak++
			}
		}
	}
	if weak > 0 {
		h.find(levelWarning, "artifacts", "%d of them have neither sha256 nor sha512: go-tuf and tough can't verify them", weak)
	}
	return nil
}

// maxRolesShown is how many delegated roles of the online key are listed one
// by one; hash bins may be thousands.
const maxRolesShown = 20

func (c *doctorCommand) printHealth(h *health) {
	rows := [][]string{}
	hidden := 0
	for i, role := range h.Roles {
		if i >= 4+maxRolesShown && role.Online && role.Left > int64(onlineMargin.Seconds()) {
			hidden++
			continue
		}
		who := "people"
		if role.Online {
			who = "online key"
		}
		rows = append(rows, []string{
			role.Role, fmt.Sprint(role.Version), role.Expires.Format(time.DateTime), roughly(time.Duration(role.Left) * time.Second),
			fmt.Sprintf("%d of %d", role.Threshold, role.Keys), fmt.Sprint(role.Slack), who,
		})
	}
	if len(rows) > 0 {
		c.table([]string{"role", "version", "expires (UTC)", "left", "threshold", "slack", "signed by"}, rows)
	}
	if hidden > 0 {
		c.printf("and %d more roles of the online key, none near its end", hidden)
	}
	if h.Metadata != "" && !c.skipRoles {
		c.printf("artifacts: %d", h.Artifacts)
	}
	colours := map[string]text.Color{levelError: text.FgRed, levelWarning: text.FgYellow, levelInfo: text.Reset}
	for _, f := range h.Findings {
		fmt.Fprintf(c.stdout, "%s: %s\n", c.paint(colours[f.Level], f.Level), printable(f.Subject+": "+f.Text))
	}
	if h.Healthy {
		c.printf("nothing is wrong")
	}
}
