package health

import (
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Key is one key, and which clients can use it.
type Key struct {
	Name string `json:"name"`
	// ID is the one by which the repository calls it.
	ID     string `json:"keyid"`
	Type   string `json:"keytype"`
	Scheme string `json:"scheme"`
	// Public is the public value, or the identity and issuer of a Sigstore key.
	Public string `json:"public,omitempty"`
	// URI is where a worker finds the private key of the online key.
	URI     string    `json:"online_key_uri,omitempty"`
	Clients []Support `json:"clients,omitempty"`
	// Roles are those that it may sign: the first of them, and hash bins under
	// what their names begin with.
	Roles []string `json:"roles,omitempty"`
}

// Support is a TUF client, and whether it verifies signatures of a key.
type Support struct {
	Name  string `json:"name"`
	Works bool   `json:"works"`
	// Note is what to mind; empty if there is nothing.
	Note string `json:"note,omitempty"`
}

// DescribeKey says with which clients a key works. It has no roles.
func DescribeKey(key keys.Public) Key { return describe(key.ID(), key.Key()) }

func describe(id string, k rstuf.Key) Key {
	key := Key{Name: cut(k.DisplayName()), ID: cut(id), Type: cut(k.KeyType), Scheme: cut(k.Scheme), Public: k.Public(), URI: cut(k.OnlineURI)}
	if k.Value["identity"] != "" {
		key.Public = cut(k.Value["identity"]) + " at " + cut(k.Value["issuer"])
	}
	if len(key.Public) > mostText {
		key.Public = key.Public[:mostText]
	}
	for i := range tufClients {
		use, note := tufClients[i].key(id, k)
		key.Clients = append(key.Clients, Support{tufClients[i].name, use <= keyRegistered, note})
	}
	return key
}

// identity is the same for two keys that are one under two ids; empty for what is
// no key.
func identity(object rstuf.Key) string {
	key, err := keys.FromKey(object)
	if err != nil {
		return ""
	}
	return key.Identity()
}

// addKey lists a key that may sign a role.
func (x *examination) addKey(id string, object rstuf.Key, role string) {
	identity := id + "\x00" + object.Public()
	at, known := x.keys[identity]
	if !known && (len(x.r.Keys) >= mostListed || len(x.keys) >= 4*mostListed) {
		x.r.UnlistedKeys++
		return
	}
	if !known {
		at = x.newKey(id, object)
		x.keys[identity] = at
	}
	if at < 0 {
		return
	}
	if role = cut(role); len(x.r.Keys[at].Roles) < mostCodes && !slices.Contains(x.r.Keys[at].Roles, role) {
		x.r.Keys[at].Roles = append(x.r.Keys[at].Roles, role)
	}
}

// newKey looks at a key, and gives its place in the report; -1 if it can't be
// used. One under two ids has one place.
func (x *examination) newKey(id string, object rstuf.Key) int {
	about := finding{key: &metadata.KeyRef{KeyID: cut(id), Name: cut(object.DisplayName())}}
	key, err := keys.FromKey(object)
	if err != nil {
		x.find(keyUnusable, about, "%v", err)
		return -1
	}
	if at, known := x.keys[key.Identity()]; known {
		return at
	}
	described := describe(id, object)
	x.keys[key.Identity()] = len(x.r.Keys)
	x.r.Keys = append(x.r.Keys, described)
	var not []string
	for _, c := range described.Clients {
		if !c.Works && x.policy.wants(c.Name) {
			not = append(not, c.Name)
		}
	}
	if len(not) > 0 {
		x.find(keyClients, about, "a %s key does not work with %s", described.Scheme, strings.Join(not, ", "))
	}
	return len(x.r.Keys) - 1
}
