package health

import (
	"fmt"
	"math"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// mostListed is how many roles, keys and documents that wait a report lists.
const mostListed = 1000

// examineRoot looks at the newest root.
func (x *examination) examineRoot(doc *metadata.Document, root *metadata.Root, from From) {
	delegation, err := root.Delegation(rstuf.RoleRoot)
	if err != nil {
		x.find(roleUnread, ofRole(rstuf.RoleRoot), "%v", err)
		return
	}
	for _, id := range root.Roles[rstuf.RoleTimestamp].KeyIDs {
		x.online[identity(root.Keys[id])] = true
	}
	delete(x.online, "") // what is no key signs nothing
	x.add(x.examineDocument(Role{By: rstuf.RoleRoot, From: from, Verified: from == FromMetadata}, doc, delegation))
	if err := metadata.CheckRoot(doc, doc.Expires().Add(-time.Second)); err != nil {
		x.find(rootRules, ofRole(rstuf.RoleRoot), "%v", err)
	}
	x.verdicts.keys(rstuf.RoleRoot, rstuf.RoleRoot, root.Keys)
	for _, role := range []string{rstuf.RoleRoot, rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets} {
		for _, id := range root.Roles[role].KeyIDs {
			x.addKey(id, root.Keys[id], role)
		}
	}
}

// examineTargets looks at targets, a role below it, or a hash bin.
func (x *examination) examineTargets(about Role, doc *metadata.Document, delegation metadata.Delegation) {
	name := delegation.Role
	role := x.examineDocument(about, doc, delegation)
	if targets, err := doc.Targets(); err != nil {
		x.find(roleUnread, ofRole(name), "%v", err)
	} else {
		for path, file := range targets.Targets {
			x.examineArtifact(about.By, name, path, file)
			role.ArtifactBytes = sum(role.ArtifactBytes, file.Length)
		}
		role.Artifacts = len(targets.Targets)
		if targets.Delegations != nil {
			x.examineDelegations(about.By, name, targets.Delegations)
		}
	}
	x.r.Artifacts += role.Artifacts
	x.r.ArtifactBytes = sum(x.r.ArtifactBytes, role.ArtifactBytes)
	if about.By != rstuf.RoleRoot {
		x.largest = max(x.largest, role.Bytes)
	}
	if x.isBin(about.By) {
		x.bins.add(role)
		if x.bins.Count > fewBins {
			return
		}
	}
	x.add(role)
}

// sum adds lengths of which a stranger may have written any.
func sum(a, b int64) int64 {
	if b = max(b, 0); a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// add lists a role.
func (x *examination) add(role Role) {
	if len(x.r.Roles) >= mostListed {
		x.r.UnlistedRoles++
		return
	}
	x.r.Roles = append(x.r.Roles, role)
}

// examineDocument looks at one document and those who sign it.
func (x *examination) examineDocument(role Role, doc *metadata.Document, delegation metadata.Delegation) Role {
	verified := delegation.Verify(doc)
	name, left := delegation.Role, doc.Expires().Sub(x.now)
	role.Name, role.Version, role.Expires, role.Bytes = cut(name), doc.Version(), doc.Expires(), len(doc.Bytes())
	role.Threshold, role.Keys = delegation.Threshold, delegation.DistinctKeys()
	role.Slack = role.Keys - role.Threshold
	role.PostQuantum = delegation.PostQuantum()
	role.Signed, role.Online = cutRefs(verified.Signed), x.isOnline(delegation)
	role.Left = seconds(left)
	life := x.life(role.By, name)
	if life > 0 {
		role.Life, role.Share = seconds(life), min(max(float64(left)/float64(life), 0), 1)
	}
	if err := verified.Err(); err != nil {
		x.findRole(roleSignatures, role, name, "%v", err)
	}
	x.examineLife(role, name, left, life)
	x.verdicts.signed(role.By, delegation, verified)
	x.examineSize(role, name, doc)
	if role.Online {
		return role
	}
	switch {
	case role.Threshold == 1:
		x.findRole(roleSingleKey, role, name, "a single key decides: threshold 1")
	case role.Slack <= 0:
		x.findRole(roleNoSlack, role, name, "every one of its %d keys is needed: the loss of one stops the role", role.Keys)
	}
	return role
}

func (x *examination) examineLife(role Role, name string, left, life time.Duration) {
	switch {
	case left <= 0:
		x.findRole(roleExpired, role, name, "version %d expired %s ago", role.Version, seconds(-left))
	case role.Online && left < x.policy.OnlineMargin:
		x.findRole(roleForgotten, role, name, "it expires in %s and nobody has signed it anew", role.Left)
	case !role.Online && x.policy.soon(left, life):
		x.findRole(roleSoon, role, name, "it expires in %s, and people must sign it", role.Left)
	}
}

// examineSize looks at the size of a file whose length nothing tells.
func (x *examination) examineSize(role Role, name string, doc *metadata.Document) {
	if x.lengths[name+".json"] {
		return
	}
	x.verdicts.size(role.By, name, doc)
	size, least := int64(len(doc.Bytes())), int64(math.MaxInt64)
	for i := range tufClients {
		if c := &tufClients[i]; x.policy.wants(c.name) {
			least = min(least, c.limit(doc.Type()))
		}
	}
	if float64(size) >= x.policy.FileShare*float64(least) {
		x.findRole(roleLarge, role, name, "its file has %d bytes; clients take %d", size, least)
	}
}

// findRole adds a finding about a role; one about a hash bin is told with those
// of the others. What people would sign anew is the service's matter where it has
// the key.
func (x *examination) findRole(code string, role Role, name, format string, args ...any) {
	about := ofRole(name)
	if role.Online && codes[code].Do == doSignAnew {
		about.do = doLookAtTheService
	}
	if x.isBin(role.By) {
		x.bins.find(code, about, fmt.Sprintf(format, args...))
		return
	}
	x.find(code, about, format, args...)
}

// isOnline tells whether a role is signed by the keys that sign the timestamp,
// which somebody must have online.
func (x *examination) isOnline(delegation metadata.Delegation) bool {
	for _, id := range delegation.KeyIDs {
		if !x.online[identity(delegation.Keys[id])] {
			return false
		}
	}
	return len(delegation.KeyIDs) > 0
}

// life is how long a version of a role is good for; 0 if nothing tells.
func (x *examination) life(by, name string) time.Duration {
	days := x.custom[edge{by, name}].ExpirePolicy
	if days == 0 && x.settings != nil {
		setting := name
		if x.isBin(by) {
			setting = rstuf.RoleBins
		}
		days = x.settings.Expiration[setting]
	}
	if days <= 0 || days > mostDays/4 { // a time.Duration holds 292 years
		return 0
	}
	return time.Duration(days) * 24 * time.Hour
}

// examineDelegations looks at how a role delegates to others.
func (x *examination) examineDelegations(by, name string, d *metadata.Delegations) {
	x.verdicts.delegates(by, name, d)
	if d.Succinct != nil {
		if bins, err := d.Succinct.Bins(); err == nil && by == rstuf.RoleRoot {
			x.bins = newBins(cut(d.Succinct.NamePrefix), bins.Count())
		}
		for _, id := range d.Succinct.KeyIDs {
			x.addKey(id, d.Keys[id], d.Succinct.NamePrefix)
		}
	}
	for _, role := range d.Roles {
		x.custom[edge{name, role.Name}] = role
		for _, pattern := range role.Paths {
			if why := rules.Pattern(pattern); why != "" {
				x.find(rolePattern, ofRole(role.Name), "clients do not read its pattern %q alike, or never match it: %s", quote.Cut(pattern, most), cut(why))
				x.verdicts.pattern(role.Name, cut(why))
			}
		}
		for _, id := range role.KeyIDs {
			x.addKey(id, d.Keys[id], role.Name)
		}
	}
}
