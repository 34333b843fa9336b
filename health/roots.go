package health

import (
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// examineChain lists the roots, from the trusted one to the newest.
func (x *examination) examineChain(chain []*metadata.Document) {
	var before *metadata.Document
	var content *metadata.Root
	for _, doc := range chain {
		root, err := doc.Root()
		if err != nil {
			x.find(roleUnread, ofRole(rstuf.RoleRoot), "%v", err)
			return
		}
		x.r.Roots = append(x.r.Roots, chainLink(before, content, doc, root))
		before, content = doc, root
	}
}

// chainLink is a root with what changed from the one before it, which is nil for
// the first.
func chainLink(before *metadata.Document, old *metadata.Root, doc *metadata.Document, root *metadata.Root) Root {
	link := Root{Version: doc.Version(), Expires: doc.Expires(), Bytes: len(doc.Bytes())}
	if own, err := root.Delegation(rstuf.RoleRoot); err == nil {
		link.Threshold, link.Keys, link.Signed = own.Threshold, own.DistinctKeys(), cutRefs(own.Verify(doc).Signed)
	}
	if before == nil {
		return link
	}
	if by, err := old.Delegation(rstuf.RoleRoot); err == nil {
		link.SignedBefore = cutRefs(by.Verify(doc).Signed)
	}
	changes := ceremony.RootDifferences(old, root)
	for _, change := range changes[:min(len(changes), mostCodes)] {
		link.Changes = append(link.Changes, ceremony.Difference{
			Field: cut(change.Field), Old: quote.Cut(change.Old, mostText), New: quote.Cut(change.New, mostText),
		})
	}
	if more := len(changes) - mostCodes; more > 0 {
		link.Changes = append(link.Changes, ceremony.Difference{Field: "further changes", New: fmt.Sprint(more)})
	}
	return link
}

// finishClients tells what the clients read, and how much.
func (x *examination) finishClients() {
	if len(x.r.Roles) == 0 {
		return // nothing was seen
	}
	x.r.Clients = x.verdicts.list
	for _, c := range x.r.Clients {
		if why, stopped := c.stopped(); stopped && x.policy.wants(c.Name) {
			x.find(clientReads, finding{}, "%s can't read it: %s: %s", c.Name, quote.Word(why.Role), why.Text)
		}
	}
	d := &x.r.Downloads
	for i, root := range x.r.Roots {
		if i > 0 {
			d.New += int64(root.Bytes)
		}
	}
	for _, role := range x.r.Roles {
		if role.By != rstuf.RoleRoot || role.From != FromMetadata || role.Name == rstuf.RoleRoot {
			continue
		}
		d.New += int64(role.Bytes)
		if role.Name == rstuf.RoleTimestamp {
			d.Unchanged = int64(role.Bytes)
		}
		if role.Name != rstuf.RoleTargets {
			d.Returning += int64(role.Bytes)
		}
	}
	d.New += int64(x.largest)
	d.Returning += int64(x.largest)
}
