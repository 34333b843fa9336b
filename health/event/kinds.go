package event

import (
	"maps"
	"slices"
)

// Kind is what happened.
type Kind string

const (
	// RepositoryCreated: the bootstrap has ended, and there is a repository.
	RepositoryCreated Kind = "repository.created"
	// RootChanged: another root is in effect.
	RootChanged Kind = "root.changed"
	// SignaturesWait: a version waits for signatures.
	SignaturesWait Kind = "signatures.wait"
	// SignatureAdded: a version that waits has more signatures, and not enough.
	SignatureAdded Kind = "signatures.added"
	// SignaturesComplete: the threshold was reached, and the version is published.
	SignaturesComplete Kind = "signatures.complete"
	// SignaturesStopped: a version does not wait any more and was not published.
	SignaturesStopped Kind = "signatures.stopped"
	// RoleEnding: people must sign a role soon.
	RoleEnding Kind = "role.ending"
	// RoleExpired: a role has expired, and clients are stopped.
	RoleExpired Kind = "role.expired"
	// RoleRenewed: a role that was about to end, or had, has a later end.
	RoleRenewed Kind = "role.renewed"
	// PublishingPaused: the service can't publish, and tries again.
	PublishingPaused Kind = "publishing.paused"
	// PublishingResumed: it publishes again.
	PublishingResumed Kind = "publishing.resumed"
	// RequestSetAside: a request waits for somebody to decide, since the service's
	// process died of it.
	RequestSetAside Kind = "request.set-aside"
	// TokenUsed: a token was used for the first time since the service started.
	TokenUsed Kind = "token.used"
	// ProblemFound: a look at the repository found something that was not there at
	// the look before, by its code; what could not be looked at is one.
	ProblemFound Kind = "problem.found"
	// ProblemGone: it is not there any more.
	ProblemGone Kind = "problem.gone"
	// EventsDropped: events came faster than they were taken.
	EventsDropped Kind = "events.dropped"
)

// OfRole tells whether events of this kind are about a version of a role.
func (k Kind) OfRole() bool { return kinds[k].ofRole }

// From is who tells of a kind.
type From string

const (
	FromService From = "service" // the embedded service
	FromWatch   From = "watch"   // health.Watch
	FromBoth    From = "both"
)

// KindInfo is what all events of one kind have in common.
type KindInfo struct {
	Kind Kind `json:"event"`
	From From `json:"from"`
	// Means says it in a few words.
	Means string `json:"means"`
}

type kindInfo struct {
	from   From
	ofRole bool
	short  string
}

var kinds = map[Kind]kindInfo{
	RepositoryCreated:  {FromBoth, false, "the repository exists"},
	RootChanged:        {FromBoth, true, "another root is in effect"},
	SignaturesWait:     {FromBoth, true, "it waits for signatures"},
	SignatureAdded:     {FromBoth, true, "it was signed by one more and still waits"},
	SignaturesComplete: {FromBoth, true, "its threshold was reached and it is published"},
	SignaturesStopped:  {FromBoth, true, "it does not wait for signatures any more and was not published"},
	RoleEnding:         {FromBoth, true, "it ends soon and people must sign the next version"},
	RoleExpired:        {FromBoth, true, "it has expired"},
	RoleRenewed:        {FromBoth, true, "it ends later now"},
	PublishingPaused:   {FromService, false, "publishing is paused"},
	PublishingResumed:  {FromService, false, "publishing goes on"},
	RequestSetAside:    {FromService, false, "a request is set aside: see rstuf fsck"},
	TokenUsed:          {FromService, false, "a token is used for the first time"},
	ProblemFound:       {FromWatch, false, "a problem was found"},
	ProblemGone:        {FromWatch, false, "a problem is gone"},
	EventsDropped:      {FromService, false, "events were dropped since they were not taken fast enough"},
}

// Kinds are all kinds, in alphabetic order.
func Kinds() []KindInfo {
	list := make([]KindInfo, 0, len(kinds))
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, KindInfo{kind, kinds[kind].from, kinds[kind].short})
	}
	return list
}
