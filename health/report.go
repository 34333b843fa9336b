package health

import (
	"strings"
	"time"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// Report is how a repository is.
type Report struct {
	// At is when it was looked at.
	At time.Time `json:"at"`
	// API and Metadata are where it was looked at; empty if it was not.
	API      string `json:"api,omitempty"`
	Metadata string `json:"metadata,omitempty"`
	// Bootstrap is the state that the API tells: "finished" and so
	// on.
	Bootstrap string `json:"bootstrap,omitempty"`

	// Roles are the top-level roles and those below them. Hash bins are in Bins;
	// here too if they are few.
	Roles []Role `json:"roles"`
	// UnlistedRoles is how many more there are than Roles lists, hash bins apart.
	UnlistedRoles int `json:"unlisted_roles,omitempty"`
	// Bins sums the hash bins up; nil if there are none.
	Bins *Bins `json:"bins,omitempty"`
	// Artifacts is how many artifacts the roles list, and ArtifactBytes how long
	// they are together.
	Artifacts     int   `json:"artifacts"`
	ArtifactBytes int64 `json:"artifact_bytes"`
	// Keys are those of all roles, each once.
	Keys         []Key `json:"keys"`
	UnlistedKeys int   `json:"unlisted_keys,omitempty"`
	// Pending is what waits for signatures.
	Pending []Pending `json:"pending"`
	// Roots is the chain of roots, from the trusted one to the newest.
	Roots []Root `json:"roots"`
	// Published is when snapshots were made within the last day, the newest first,
	// no more than Policy.OldSnapshots and one: something was published, or signed
	// anew. It is told from their ends and the life that the API says they have;
	// without that it is empty.
	Published []Publication `json:"published"`
	Clients   []Client      `json:"clients"`
	Downloads Downloads     `json:"downloads"`

	// Findings are the things that are not as they should be.
	Findings []Finding `json:"findings"`
	// NotSeen is what could not be looked at.
	NotSeen []NotSeen `json:"not_seen"`
}

// Has tells whether there is a finding of a severity.
func (r *Report) Has(s Severity) bool {
	for _, f := range r.Findings {
		if f.Severity == s {
			return true
		}
	}
	return false
}

// Severity is how bad a finding is.
type Severity string

const (
	// Error: clients are stopped, or will be with no more warning; or what is
	// needed to tell could not be looked at.
	Error Severity = "error"
	// Warning: somebody should do something.
	Warning Severity = "warning"
	// Info is good to know.
	Info Severity = "info"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Severity Severity `json:"severity"`
	// Code does not change: what it is about, a dot, and what of it. See
	// [Codes].
	Code string `json:"code"`
	// Role is the role that it is about, and Key the key; empty if there is none.
	Role string           `json:"role,omitempty"`
	Key  *metadata.KeyRef `json:"key,omitempty"`
	// Text says what it is, and Do what to do about it.
	Text string `json:"text"`
	Do   string `json:"do,omitempty"`
	// What is what could not be looked at, as in NotSeen; empty for other findings.
	What string `json:"what,omitempty"`
}

// Subject is what the finding is about, in a word: the role, the key, or what
// its code begins with.
func (f Finding) Subject() string {
	switch {
	case f.Role != "":
		return quote.Word(f.Role)
	case f.Key != nil:
		return "key " + f.Key.String()
	}
	area, _, _ := strings.Cut(f.Code, ".")
	return area
}

// String is one line without what to do.
func (f Finding) String() string {
	return string(f.Severity) + ": " + f.Subject() + ": " + quote.Line(f.Text)
}

// NotSeen is something that could not be looked at, and why.
type NotSeen struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// From is where something was read.
type From string

const (
	FromMetadata From = "metadata" // the metadata files
	FromAPI      From = "api"      // the deployment's API
)

// Role is how one role is.
type Role struct {
	Name string `json:"role"`
	// By is the role that delegates to it.
	By      string `json:"by"`
	Version int64  `json:"version"`
	// Expires is its end and Left the time until then, negative once it is over.
	Expires time.Time `json:"expires"`
	Left    Seconds   `json:"seconds_left"`
	// Life is how long a version is good for, where that is known: the API tells
	// it, and delegations do (x-rstuf-expire-policy). Share is the part of it that
	// is left, from 0 to 1; 0 too where Life is.
	Life  Seconds `json:"seconds_life,omitempty"`
	Share float64 `json:"share_left,omitempty"`
	// Threshold is how many of Keys must sign; Slack is how many may be lost.
	Threshold int `json:"threshold"`
	Keys      int `json:"keys"`
	Slack     int `json:"slack"`
	// PostQuantum is how many of those who reach the threshold have post-quantum
	// keys at the least.
	PostQuantum int `json:"post_quantum,omitempty"`
	// Signed are those who did.
	Signed []metadata.KeyRef `json:"signed"`
	// Online tells that the online key signs it, and no people.
	Online bool `json:"online"`
	// Bytes is the size of its file.
	Bytes         int   `json:"bytes"`
	Artifacts     int   `json:"artifacts"`
	ArtifactBytes int64 `json:"artifact_bytes"`
	// From is where it was read. Verified tells that its signatures lead back to
	// the trusted root.
	From     From `json:"from"`
	Verified bool `json:"verified"`
}

// Bins is the sum of the hash bins.
type Bins struct {
	// Prefix is what their names begin with, and Count how many there should be.
	Prefix string `json:"prefix"`
	Count  int    `json:"count"`
	// Seen are those that were read and verified.
	Seen int `json:"seen"`
	// First is the one that ends first, and Expired how many have.
	First   Role `json:"first"`
	Expired int  `json:"expired"`
	// Bytes is the size of all their files, and Largest that of the largest.
	Bytes         int64 `json:"bytes"`
	Largest       int   `json:"largest"`
	Artifacts     int   `json:"artifacts"`
	ArtifactBytes int64 `json:"artifact_bytes"`
}

// Pending is a document that waits for signatures.
type Pending struct {
	Role    string    `json:"role"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
	// Status says of whom.
	Status ceremony.Status `json:"signatures"`
	// Age is about how long it has waited; 0 if nothing tells. The API does not:
	// a delegated role's end and life do, since the service makes its versions,
	// but people choose the life of each root.
	Age Seconds `json:"seconds_waiting,omitempty"`
}

// Root is one root of the chain.
type Root struct {
	Version   int64     `json:"version"`
	Expires   time.Time `json:"expires"`
	Threshold int       `json:"threshold"`
	Keys      int       `json:"keys"`
	// Signed are the keys of this root that signed it, and SignedBefore those of
	// the root before; none for the first.
	Signed       []metadata.KeyRef `json:"signed"`
	SignedBefore []metadata.KeyRef `json:"signed_before,omitempty"`
	// Changes are all from the root before.
	Changes []ceremony.Difference `json:"changes,omitempty"`
	Bytes   int                   `json:"bytes"`
}

// Publication is one snapshot.
type Publication struct {
	Version int64     `json:"version"`
	At      time.Time `json:"at"`
}

// Downloads are the bytes of metadata that a client reads, without artifacts,
// headers and compression.
type Downloads struct {
	// New is for somebody who knows the trusted root alone and wants one artifact:
	// the roots after it, timestamp, snapshot, targets and one delegated role, the
	// largest.
	New int64 `json:"new"`
	// Returning is for somebody who was there before, and something was published
	// meanwhile: timestamp, snapshot and one delegated role, the largest.
	Returning int64 `json:"returning"`
	// Unchanged is for somebody who was there before, and nothing was published:
	// the timestamp.
	Unchanged int64 `json:"unchanged"`
}
