package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// examineMetadata looks at all metadata files.
func (c *doctorCommand) examineMetadata(ctx context.Context, h *health, settings *rstuf.RepositorySettings) error {
	repo, err := c.repository(&c.repo)
	if err != nil {
		return err
	}
	h.Metadata = repo.MetadataURL
	trusted, err := c.rootToStartFrom(ctx, h, repo, settings)
	if err != nil {
		return err
	}
	reader, err := c.lookFrom(repo.MetadataURL, trusted)
	if err != nil {
		return err
	}
	e := examination{doctorCommand: c, h: h, settings: settings}
	for role, err := range reader.Roles(ctx) {
		if err == nil {
			err = e.examine(role)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errEnough):
			return nil
		case err != nil:
			h.find(levelError, "metadata", "%v", err)
		}
	}
	if e.weak > 0 {
		h.find(levelWarning, "artifacts", "%d of them have neither sha256 nor sha512: go-tuf and tough can't verify them", e.weak)
	}
	return nil
}

// rootToStartFrom is the pinned root, else the API's, else the server's first.
func (c *doctorCommand) rootToStartFrom(ctx context.Context, h *health, repo configRepository, settings *rstuf.RepositorySettings) (*metadata.Document, error) {
	if c.repo.root != "" || len(repo.TrustedRoot) > 0 {
		return c.trustedRoot(ctx, &c.repo, repo)
	}
	h.find(levelInfo, rstuf.RoleRoot, "it was not compared with a pinned one: give --root")
	if settings != nil {
		return metadata.Parse(settings.TrustedRoot)
	}
	http, err := c.fileServers()
	if err != nil {
		return nil, err
	}
	first, err := repository.FirstRootUnsafe(ctx, repo.MetadataURL, http)
	if err != nil {
		return nil, err
	}
	return metadata.Parse(first)
}

// examination looks at one role after the other.
type examination struct {
	*doctorCommand
	h        *health
	settings *rstuf.RepositorySettings
	online   keys.Public
	weak     int // artifacts that some clients can't verify
}

// errEnough: the rest is not to be looked at.
var errEnough = errors.New("the delegated roles were skipped")

func (e *examination) examine(role repository.Role) error {
	switch {
	case errors.Is(role.Err, repository.ErrNotSigned):
		e.h.find(levelInfo, role.Name, "it is not published yet")
		return nil
	case role.Err != nil:
		e.h.find(levelError, role.Name, "%v", role.Err)
		return nil
	case role.Name == rstuf.RoleRoot:
		return e.examineTop(role.Document)
	case role.By == rstuf.RoleRoot:
		e.examineRole(e.h, role.Document, role.Delegation, true)
		if role.Name != rstuf.RoleTargets {
			return nil
		}
		if targets, err := role.Document.Targets(); err == nil { // else the reader says so
			e.examinePatterns(targets.Delegations)
		}
		if e.skipRoles {
			return errEnough
		}
		return nil
	}
	ids := role.Delegation.KeyIDs
	e.examineRole(e.h, role.Document, role.Delegation, len(ids) > 0 && len(role.Delegation.IDs(e.online)) == len(ids))
	targets, err := role.Document.Targets()
	if err != nil {
		e.h.find(levelError, role.Name, "%v", err)
		return nil
	}
	e.examinePatterns(targets.Delegations)
	e.h.Artifacts += len(targets.Targets)
	for _, file := range targets.Targets {
		if file.Hashes["sha256"] == "" && file.Hashes["sha512"] == "" {
			e.weak++
		}
	}
	return nil
}

// examinePatterns finds patterns that would be refused today.
func (e *examination) examinePatterns(delegations *metadata.Delegations) {
	if delegations == nil {
		return
	}
	for _, role := range delegations.Roles {
		for _, pattern := range role.Paths {
			if why := rules.Pattern(pattern); why != "" {
				e.h.find(levelWarning, role.Name, "clients do not read its pattern %q alike, or never match it: %s", pattern, why)
			}
		}
	}
}

// examineTop looks at the newest root, and compares it with the API's.
func (e *examination) examineTop(doc *metadata.Document) error {
	root, err := doc.Root()
	if err != nil {
		return err
	}
	e.examineRoot(e.h, doc, root)
	if e.online, err = metadata.OnlineKey(root); err != nil && !e.skipRoles {
		e.h.find(levelError, rstuf.RoleRoot, "%v", err)
	}
	if e.settings == nil {
		return nil
	}
	if known, err := metadata.Parse(e.settings.TrustedRoot); err == nil && known.Version() != doc.Version() {
		e.h.find(levelError, rstuf.RoleRoot, "the API has version %d and the metadata server version %d", known.Version(), doc.Version())
	}
	return nil
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
		c.printf("%s: %s: %s", c.paint(colours[f.Level], f.Level), f.Subject, f.Text)
	}
	if h.Healthy {
		c.printf("nothing is wrong")
	}
}
