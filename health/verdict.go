package health

import (
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// Reads is how much of a repository a client can read.
type Reads string

const (
	ReadsAll     Reads = "all"
	ReadsPart    Reads = "part"
	ReadsNothing Reads = "nothing"
)

// Client is what a TUF client makes of the repository, as far as it was seen.
type Client struct {
	Name string `json:"name"`
	// Release is the one that this is true of.
	Release string `json:"release"`
	Reads   Reads  `json:"reads"`
	// Reasons are why it does not read all.
	Reasons []Reason `json:"reasons"`
}

// Reason is one reason why a client does not read all of a repository.
type Reason struct {
	// Reads is how much this reason leaves.
	Reads Reads `json:"reads"`
	// Role is the first role that it holds for, and Count for how many, or for how
	// many artifacts.
	Role  string `json:"role"`
	Count int    `json:"count"`
	Text  string `json:"text"`
}

// mostReasons is how many reasons of one client a report lists.
const mostReasons = 20

// verdicts gathers what the clients make of the roles.
type verdicts struct {
	list []Client // as tufClients
}

func newVerdicts() verdicts {
	v := verdicts{}
	for _, c := range tufClients {
		v.list = append(v.list, Client{Name: c.name, Release: c.release, Reads: ReadsAll, Reasons: []Reason{}})
	}
	return v
}

// add notes that the client i does not read all of a role, and why.
func (v *verdicts) add(i int, reads Reads, role, text string) {
	c := &v.list[i]
	if reads == ReadsNothing || c.Reads == ReadsAll {
		c.Reads = reads
	}
	if at := slices.IndexFunc(c.Reasons, func(r Reason) bool { return r.Text == text }); at >= 0 {
		c.Reasons[at].Count++
		return
	}
	reason := Reason{Reads: reads, Role: cut(role), Count: 1, Text: text}
	if len(c.Reasons) < mostReasons {
		c.Reasons = append(c.Reasons, reason)
	} else if _, found := c.stopped(); !found && reads == ReadsNothing {
		c.Reasons[mostReasons-1] = reason
	}
}

// stopped is the first reason why a client reads nothing.
func (c Client) stopped() (Reason, bool) {
	at := slices.IndexFunc(c.Reasons, func(r Reason) bool { return r.Reads == ReadsNothing })
	if at < 0 {
		return Reason{}, false
	}
	return c.Reasons[at], true
}

// without is how much a client reads that can't read one role.
func (c *tufClient) without(by string) Reads {
	if by == rstuf.RoleRoot || c.eager {
		return ReadsNothing
	}
	return ReadsPart
}

// signed looks at who has signed a role. A client needs a threshold of keys that
// it knows.
func (v *verdicts) signed(by string, d metadata.Delegation, verified metadata.Verification) {
	has := make(map[string]bool, len(verified.Signed))
	for _, key := range verified.Signed {
		has[key.KeyID] = true
	}
	for i := range tufClients {
		c := &tufClients[i]
		usable, why, help := 0, "", ""
		for _, id := range d.KeyIDs {
			use, note := c.key(id, d.Keys[id])
			switch {
			case use == keyBreaksRole:
				v.add(i, c.without(by), d.Role, keyNote(d.Keys[id], id, note))
			case use == keyIgnored:
				why = keyNote(d.Keys[id], id, note)
			case use == keyRegistered:
				help = keyNote(d.Keys[id], id, note)
			}
			if use <= keyRegistered && has[id] {
				usable++
			}
		}
		switch {
		case usable < d.Threshold && why != "":
			v.add(i, c.without(by), d.Role, why)
		case help != "":
			v.add(i, ReadsPart, d.Role, help)
		}
	}
}

func keyNote(k rstuf.Key, id, note string) string {
	return fmt.Sprintf("key %s: %s", metadata.KeyRef{KeyID: id, Name: k.DisplayName()}, note)
}

// keys looks at the keys that stand in a role's file.
func (v *verdicts) keys(by, role string, keys map[string]rstuf.Key) {
	for i := range tufClients {
		for id, key := range keys {
			if use, note := tufClients[i].key(id, key); use == keyBreaksFile {
				v.add(i, tufClients[i].without(by), role, note)
				break
			}
		}
	}
}

// size looks at the size of a role's file, unless the metadata tells it.
func (v *verdicts) size(by, role string, doc *metadata.Document) {
	for i := range tufClients {
		c := &tufClients[i]
		if size := len(doc.Bytes()); int64(size) > c.limit(doc.Type()) {
			v.add(i, c.without(by), role, c.tooLarge(size))
		}
	}
}

// delegates looks at how a role delegates to others.
func (v *verdicts) delegates(by, role string, d *metadata.Delegations) {
	v.keys(by, role, d.Keys)
	for i := range tufClients {
		c := &tufClients[i]
		if c.delegates != nil {
			if why := c.delegates(d); why != "" {
				v.add(i, c.without(by), role, why)
			}
		}
		if c.slow != nil {
			if why := c.slow(d); why != "" {
				v.add(i, ReadsPart, role, why)
			}
		}
		if c.misses == nil {
			continue
		}
		for _, child := range d.Roles {
			if why := c.misses(child); why != "" {
				v.add(i, ReadsPart, child.Name, why)
			}
		}
	}
}

// pattern notes a pattern of a role that clients read differently.
func (v *verdicts) pattern(role, why string) {
	for i := range tufClients {
		if name := tufClients[i].name; name != tough { // of its patterns less is known
			v.add(i, ReadsPart, role, "it may read a pattern otherwise than the others: "+why)
		}
	}
}

// unsigned notes a role that is delegated to and not published yet.
func (v *verdicts) unsigned(role string) {
	for i := range tufClients {
		text := "it reports broken metadata for the paths of a role that waits for its first signatures"
		if tufClients[i].eager {
			text = "it reads no roles beside one that waits for its first signatures"
		}
		v.add(i, ReadsPart, role, text)
	}
}

// artifact looks at one artifact, and names the clients that have no use of it.
func (v *verdicts) artifact(by, role string, f metadata.TargetFile) (lost []string) {
	if digest := f.Hashes["sha256"]; len(f.Hashes) == 1 && f.Length >= 0 && f.Length <= maxInteger && rules.IsLowerHex(digest) {
		return nil // as most
	}
	for i := range tufClients {
		c := &tufClients[i]
		use, why := c.file(f)
		switch use {
		case fileWorks:
			continue
		case fileBreaksRole:
			v.add(i, c.without(by), role, why)
		case fileLost:
			v.add(i, ReadsPart, role, why)
		}
		lost = append(lost, c.name)
	}
	return lost
}

// most is how long a text of strangers may be in a report, in bytes.
const most = 200

func cut(text string) string { return quote.Cut(text, most) }

// cutRefs are the first keys of a list, with names that are not too long.
func cutRefs(list []metadata.KeyRef) []metadata.KeyRef {
	short := make([]metadata.KeyRef, 0, min(len(list), mostCodes))
	for _, ref := range list[:min(len(list), mostCodes)] {
		short = append(short, metadata.KeyRef{KeyID: cut(ref.KeyID), Name: cut(ref.Name)})
	}
	return short
}
