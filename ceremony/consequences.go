package ceremony

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// Consequences says what a first root settles and what it takes to change it
// later, in sentences for people who do not know TUF. Other drafts have none:
// their review shows what they change.
func (d *Draft) Consequences() []string {
	if d.empty() || d.bootstrap == nil {
		return nil
	}
	root := mustRoot(d.document)
	role := root.Roles[rstuf.RoleRoot]
	holders := make([]string, len(role.KeyIDs))
	for i, id := range role.KeyIDs {
		holders[i] = holder(id, root.Keys[id])
	}
	roles := d.bootstrap.Settings.Roles
	list := []string{deciding(role.Threshold, holders)}
	if len(holders) == role.Threshold {
		list = append(list, "There is no spare key: once one of them is lost none of this can ever be changed again, and users must be moved to a new repository by hand.")
	} else {
		list = append(list, fmt.Sprintf("%s may be lost. After that none of this can ever be changed again, and users must be moved to a new repository by hand.",
			upper(quote.Count(len(holders)-role.Threshold, "key"))))
	}
	list = append(list, fmt.Sprintf("Before %s (%s) they have to meet again and sign the next root. If they do not, nobody can download any more until they do.",
		d.document.Expires().Format("2006-01-02"), days(roles.Root.Expiration)))
	if online := onlineIDs(root); len(online) == 1 {
		key := root.Keys[online[0]]
		where := ""
		if key.OnlineURI != "" {
			where = ", which the service finds at " + key.OnlineURI
		}
		list = append(list, fmt.Sprintf("Day by day the service signs alone, with the key %s%s. Whoever steals that key can publish what they like until the people above replace it.", holder(online[0], key), where))
	}
	if roles.Bins != nil {
		list = append(list, fmt.Sprintf("Artifacts are spread over %d hash bins. Nobody can change that number later.", roles.Bins.NumberOfDelegatedBins))
	}
	if roles.Delegations != nil {
		names := make([]string, len(roles.Delegations.Roles))
		for i, role := range roles.Delegations.Roles {
			names[i] = describeRole(role, roles.Delegations.Keys)
		}
		list = append(list, "Artifacts go to custom roles, which the service can change later: "+strings.Join(names, "; ")+". Hash bins are not possible then, now or later.")
	}
	return list
}

// holder names a key as people know it.
func holder(id string, key rstuf.Key) string {
	if name := key.DisplayName(); name != "" {
		return name
	}
	return short(id)
}

func deciding(threshold int, holders []string) string {
	who := strings.Join(holders, ", ")
	switch {
	case threshold == 1 && len(holders) == 1:
		return fmt.Sprintf("The holder of one key alone (%s) decides who may publish, and can replace every key.", who)
	case threshold == len(holders):
		return fmt.Sprintf("The holders of all %d root keys together (%s) decide who may publish, and can replace every key.", threshold, who)
	}
	return fmt.Sprintf("Any %d of the %d holders of root keys (%s) together decide who may publish, and can replace every key.", threshold, len(holders), who)
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// Fingerprint is the SHA-256 of what is signed (the canonical form of "signed",
// which no signature changes), 64 hex digits. Those who sign compare it: they
// have the same document if and only if they have the same fingerprint. It is
// empty for a zero Draft.
func (d *Draft) Fingerprint() string {
	if d.empty() {
		return ""
	}
	return fingerprint(d.document)
}

func fingerprint(document *metadata.Document) string {
	sum := sha256.Sum256(document.Canonical())
	return hex.EncodeToString(sum[:])
}

// spoken is a fingerprint in groups of four, to be read aloud.
func spoken(fingerprint string) string {
	var groups []string
	for ; len(fingerprint) > 4; fingerprint = fingerprint[4:] {
		groups = append(groups, fingerprint[:4])
	}
	return strings.Join(append(groups, fingerprint), " ")
}
