// Package event has the words for what happens to a repository: root changed,
// signatures wait, a role is about to end. The embedded service tells its events to
// a callback (service.Config.Events), and package health finds those of any
// deployment by looking at it again and again (health.Watch); both speak of them in
// the same way, and as JSON each is one line for scripts.
//
// Start with [Kind], which says what happened, and [Kinds], which lists them all.
//
// What the package promises: kinds and the names of fields do not change, and an
// [Event] holds no secrets. Names of strangers stand in Role as they are; in Text
// and [Event.String] they are quoted.
package event

import (
	"fmt"
	"time"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
)

// Event is one thing that happened. Fields that say nothing about it are empty.
type Event struct {
	Kind Kind `json:"event"`
	// At is when it happened, or when it was seen.
	At time.Time `json:"at"`
	// Role, Version and Expires are of the document that it is about.
	Role    string    `json:"role,omitempty"`
	Version int64     `json:"version,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	// Signed are the keys that have signed what waits for signatures.
	Signed []metadata.KeyRef `json:"signed,omitempty"`
	// Token is the name of a token, never the token.
	Token string `json:"token,omitempty"`
	// Task is the id of a task.
	Task string `json:"task,omitempty"`
	// Code, Severity and Do are those of a finding of package health.
	Code     string `json:"code,omitempty"`
	Severity string `json:"severity,omitempty"`
	Do       string `json:"do,omitempty"`
	// Count is how many events were dropped.
	Count int `json:"count,omitempty"`
	// Text says it for people, in one line.
	Text string `json:"text"`
}

// OfRole is an event about a version of a role. It says what the kind says.
func OfRole(kind Kind, at time.Time, role string, version int64, expires time.Time) Event {
	e := Event{Kind: kind, At: at, Role: role, Version: version, Expires: expires}
	e.Text = fmt.Sprintf("%s version %d: %s", quote.Word(role), version, kinds[kind].short)
	return e
}

// Of is an event about no role. It says what the kind says, and why if that is not
// empty.
func Of(kind Kind, at time.Time, why string) Event {
	e := Event{Kind: kind, At: at, Text: kinds[kind].short}
	if why != "" {
		e.Text += ": " + quote.Line(why)
	}
	return e
}

// String is the event in one line.
func (e Event) String() string {
	return e.At.UTC().Format(time.RFC3339) + " " + string(e.Kind) + ": " + quote.Line(e.Text)
}

// Signers are the keys that have signed, each once, for one role or for the two
// roots that a next root needs.
func Signers(list ...metadata.Verification) []metadata.KeyRef {
	signed := []metadata.KeyRef{}
	seen := map[string]bool{}
	for _, v := range list {
		for _, key := range v.Signed {
			if !seen[key.KeyID] {
				seen[key.KeyID] = true
				signed = append(signed, key)
			}
		}
	}
	return signed
}

// Soon and SoonShare are when a role that people sign is about to end, unless
// somebody has it otherwise: see [Ending].
const (
	Soon      = 30 * 24 * time.Hour
	SoonShare = 0.25
)

// Ending tells whether a role that people sign is about to end: less than soon of
// its time is left, and also less than this share of its life where that is known
// (not 0), so that a role that lives 30 days is not alarming on its first one.
func Ending(left, life, soon time.Duration, share float64) bool {
	return left < soon && (life <= 0 || float64(left) < share*float64(life))
}
