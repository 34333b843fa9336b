package ceremony

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// What a policy that does not say otherwise gets. A threshold has no default.
const (
	DefaultRootDays    = 365
	DefaultTargetsDays = 365
	DefaultOnlineDays  = 1 // snapshot, timestamp and bins
	DefaultHashBins    = 256
	DefaultTimeout     = 300 // seconds that a bootstrap may take
)

// Policy is all that people decide before the first root exists: who holds the
// root keys, how many of them must sign, which key is online, how long roles
// live and how artifacts are spread. [New] turns it into a [Draft];
// [LoadPolicy] reads one from a file. It holds public data only.
type Policy struct {
	// RootKeys are the offline keys. Each has a name of its own.
	RootKeys []keys.Public
	// Threshold is how many root keys must sign; at least 2, no default.
	Threshold int
	// OnlineKey signs timestamp, snapshot, targets, the hash bins and the
	// roles without keys. Without a URI (see [keys.Public.WithOnlineURI]) it
	// gets "fn:<key id>", a file of that name in the worker's key folder.
	OnlineKey keys.Public
	// HashBins is a power of two from 2 to 16384; 0 means 256, unless there
	// are Delegations.
	HashBins int
	// Delegations are custom roles, in place of hash bins.
	Delegations []Role
	Expirations Expirations
	// TargetsBaseURL is where artifacts are served. Today's payload has no
	// place for it: a draft carries it along ([Draft.TargetsBaseURL]) for
	// whoever sets up a download client. First-generation payloads need it.
	TargetsBaseURL string
	// Timeout is how many seconds the bootstrap may take; 0 means 300.
	Timeout int
	// FirstGeneration makes the root and the payload in the form of RSTUF's
	// first releases (2023): see [Draft.FirstGenerationPayload].
	FirstGeneration bool
	// PostQuantum is how many of the root signatures that reach the threshold must
	// be post-quantum (ML-DSA), whoever signs. It bounds the root keys of other
	// kinds to Threshold less PostQuantum.
	PostQuantum int
	// AllowMLDSA allows ML-DSA keys among the keys of root and delegations, which
	// most clients of today cannot read: see docs/signers.md. PostQuantum does
	// so too.
	AllowMLDSA bool
	// AllowThresholdOneUnsafe lets a single root key decide alone, as the
	// first releases did: whoever steals that key owns the repository, and
	// whoever loses it has lost the repository.
	AllowThresholdOneUnsafe bool
	// Now is when the lives begin; zero means the time of the call of New.
	Now time.Time
}

// Expirations are the lives of roles in days; 0 means the default of the role.
type Expirations struct {
	Root, Targets, Snapshot, Timestamp int
	// Bins is the life of hash bins; custom roles have their own.
	Bins int
}

// Role is a custom delegated role.
type Role struct {
	// Name holds letters, digits, "-" and "_".
	Name string
	// Paths are patterns of artifact paths; "*" and "?" do not match "/".
	Paths []string
	// Keys are offline keys that sign this role. Without any, the online key
	// does.
	Keys []keys.Public
	// Threshold is how many of the keys must sign; without keys it is 1 or 0.
	Threshold int
	// Days is the role's life; it has no default.
	Days int
	// NotTerminating lets clients go on searching in later roles for a path
	// that matches here and is not found.
	NotTerminating bool
}

// withDefaults fills in what a valid policy leaves out.
func (p Policy) withDefaults() Policy {
	p.Expirations.Root = cmp.Or(p.Expirations.Root, DefaultRootDays)
	p.Expirations.Targets = cmp.Or(p.Expirations.Targets, DefaultTargetsDays)
	p.Expirations.Snapshot = cmp.Or(p.Expirations.Snapshot, DefaultOnlineDays)
	p.Expirations.Timestamp = cmp.Or(p.Expirations.Timestamp, DefaultOnlineDays)
	if len(p.Delegations) == 0 {
		p.Expirations.Bins = cmp.Or(p.Expirations.Bins, DefaultOnlineDays)
		p.HashBins = cmp.Or(p.HashBins, DefaultHashBins)
	}
	if p.OnlineKey.Key().OnlineURI == "" && !p.FirstGeneration {
		p.OnlineKey = p.OnlineKey.WithOnlineURI(defaultURI(p.OnlineKey))
	}
	if p.TargetsBaseURL != "" && !strings.HasSuffix(p.TargetsBaseURL, "/") {
		p.TargetsBaseURL += "/"
	}
	p.Timeout = cmp.Or(p.Timeout, DefaultTimeout)
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	return p
}

// defaultURI is where a worker looks for a key that nobody placed elsewhere.
func defaultURI(key keys.Public) string { return "fn:" + key.ID() }

// publicOnly is a key rebuilt of what is known to be public, so that no other
// field of a file that it came from travels along.
func publicOnly(key keys.Public) keys.Public {
	k := key.Key()
	clean, err := keys.FromKey(rstuf.Key{KeyType: k.KeyType, Scheme: k.Scheme, Value: k.Value, Name: key.Name(), OnlineURI: k.OnlineURI})
	if err != nil {
		panic("ceremony: a key is none without its extra fields: " + err.Error())
	}
	return clean
}

// delegations is the wire form of custom roles, each key once.
func delegations(roles []Role) *rstuf.Delegations {
	d := &rstuf.Delegations{Keys: map[string]rstuf.Key{}, Roles: []rstuf.DelegatedRole{}}
	for _, role := range roles {
		r := rstuf.DelegatedRole{
			Name: role.Name, Threshold: max(role.Threshold, 1), Terminating: !role.NotTerminating,
			Paths: slices.Clone(role.Paths), ExpirePolicy: role.Days,
		}
		for _, key := range role.Keys {
			d.Keys[key.ID()] = publicOnly(key).Key()
			r.KeyIDs = append(r.KeyIDs, key.ID())
		}
		d.Roles = append(d.Roles, r)
	}
	return d
}
