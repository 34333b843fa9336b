package ceremony

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Difference is one change. Old is empty for what was added and New for what
// was removed.
type Difference struct {
	Field string `json:"field"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// String is one line that begins with +, - or ~.
func (d Difference) String() string {
	switch {
	case d.Old == "":
		return fmt.Sprintf("+ %s: %s", quote.Line(d.Field), quote.Line(d.New))
	case d.New == "":
		return fmt.Sprintf("- %s: %s", quote.Line(d.Field), quote.Line(d.Old))
	}
	return fmt.Sprintf("~ %s: %s -> %s", quote.Line(d.Field), quote.Line(d.Old), quote.Line(d.New))
}

// RootDifferences are all changes from one root to another. What strangers wrote
// in them may be of any length.
func RootDifferences(old, next *metadata.Root) []Difference {
	var list differences
	list.add("expires", old.Expires.Format(time.RFC3339), next.Expires.Format(time.RFC3339))
	used := map[string]bool{}
	for _, name := range []string{rstuf.RoleRoot, rstuf.RoleTimestamp, rstuf.RoleSnapshot, rstuf.RoleTargets} {
		before, after := old.Roles[name], next.Roles[name]
		list.add(name+" threshold", strconv.Itoa(before.Threshold), strconv.Itoa(after.Threshold))
		gone, come := missingFrom(after.KeyIDs, before.KeyIDs), missingFrom(before.KeyIDs, after.KeyIDs)
		same := identities(come, next.Keys)
		for _, id := range gone {
			after := ""
			if key, err := keys.FromKey(old.Keys[id]); err == nil {
				if other, ok := same[key.Identity()]; ok {
					after = describeKey(other, next.Keys[other]) + ", the same key by another id"
					delete(same, key.Identity())
					come = slices.DeleteFunc(come, func(id string) bool { return id == other })
				}
			}
			list.add(name+" key", describeKey(id, old.Keys[id]), after)
		}
		for _, id := range come {
			list.add(name+" key", "", describeKey(id, next.Keys[id]))
		}
		for _, id := range slices.Concat(before.KeyIDs, after.KeyIDs) {
			used[id] = true
		}
		list.addFields(name+" field", before.Extra, after.Extra)
	}
	for _, id := range sortedNames(old.Keys, next.Keys) {
		before, known := old.Keys[id]
		after, kept := next.Keys[id]
		switch {
		case known && kept:
			list.addKey(id, before, after)
		case !used[id] && known:
			list.add("unused key", describeKey(id, before), "")
		case !used[id]:
			list.add("unused key", "", describeKey(id, after))
		}
	}
	list.add("consistent snapshot", strconv.FormatBool(old.ConsistentSnapshot), strconv.FormatBool(next.ConsistentSnapshot))
	list.add("specification version", old.SpecVersion, next.SpecVersion)
	list.addFields("field", old.Extra, next.Extra)
	return list
}

// missingFrom are the ids of a list that another list lacks.
func missingFrom(other, list []string) []string {
	known := make(map[string]bool, len(other)) // a root of strangers may have thousands
	for _, id := range other {
		known[id] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return known[id] })
}

// identities are the first ids of keys, by what makes them the same key.
func identities(ids []string, all map[string]rstuf.Key) map[string]string {
	found := make(map[string]string, len(ids))
	for _, id := range ids {
		if key, err := keys.FromKey(all[id]); err == nil && found[key.Identity()] == "" {
			found[key.Identity()] = id
		}
	}
	return found
}

type differences []Difference

func (l *differences) add(field, before, after string) {
	if before != after {
		*l = append(*l, Difference{field, before, after})
	}
}

// addKey compares two key objects of one id, all of them.
func (l *differences) addKey(id string, before, after rstuf.Key) {
	field := "key " + quote.Word(id)
	l.add(field, describeKey(id, before), describeKey(id, after))
	l.add(field+" scheme", before.Scheme, after.Scheme)
	l.add(field+" value", describeValue(before), describeValue(after))
	l.addFields(field+" field", before.Extra, after.Extra)
}

// addFields compares fields that no part of this package knows.
func (l *differences) addFields(field string, before, after map[string]json.RawMessage) {
	for _, name := range sortedNames(before, after) {
		l.add(field+" "+quote.Word(name), string(before[name]), string(after[name]))
	}
}

// sortedNames are the names of either map, each once.
func sortedNames[V any](a, b map[string]V) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

// describeKey is a key with all that tells it from others.
func describeKey(id string, object rstuf.Key) string {
	name := "(unnamed)"
	if object.DisplayName() != "" {
		name = quote.Word(object.DisplayName())
	}
	text := fmt.Sprintf("%s, %s", name, quote.Word(object.KeyType))
	if object.KeyType == keys.KeyTypeSigstore {
		text += fmt.Sprintf(", identity %s, issuer %s", quote.Word(object.Value["identity"]), quote.Word(object.Value["issuer"]))
	}
	if object.OnlineURI != "" {
		text += ", at " + quote.Word(object.OnlineURI)
	}
	return text + ", key id " + quote.Word(id)
}

// describeValue is a key's public value, each part after its name.
func describeValue(object rstuf.Key) string {
	var parts []string
	for _, name := range sortedNames(object.Value, nil) {
		parts = append(parts, quote.Word(name)+" "+quote.Word(object.Value[name]))
	}
	return strings.Join(parts, ", ")
}

// words are texts of strangers, one after another.
func words(list []string) string {
	quoted := make([]string, len(list))
	for i, text := range list {
		quoted[i] = quote.Word(text)
	}
	return strings.Join(quoted, " ")
}

// describeRole is a custom role in one line.
func describeRole(role rstuf.DelegatedRole, known map[string]rstuf.Key) string {
	signers := "signed by the online key"
	if !role.Online() {
		names := make([]string, len(role.KeyIDs))
		for i, id := range role.KeyIDs {
			names[i] = quote.Word(id)
			if name := known[id].DisplayName(); name != "" {
				names[i] = quote.Word(name) + " " + names[i]
			}
		}
		signers = fmt.Sprintf("signed by %d of %s", role.Threshold, strings.Join(names, ", "))
	}
	text := fmt.Sprintf("%s: paths %s; %s; life of %s", quote.Word(role.Name), words(role.Paths), signers, days(role.ExpirePolicy))
	if len(role.PathHashPrefixes) > 0 {
		text += "; path hash prefixes " + words(role.PathHashPrefixes)
	}
	if !role.Terminating {
		text += "; not terminating"
	}
	return text
}
