package health

import (
	"slices"
	"time"

	"example.org/rstuf/health/event"
)

// Policy says what is alarming. The zero value is good for most; a field that is
// not set has its default.
type Policy struct {
	// A role that people sign ends soon if less than Soon of its time is left, 30
	// days by default, and also less than SoonShare of its life where that is
	// known, a quarter by default: a role that lives 30 days is not alarming on
	// its first one. A negative Soon means never, a SoonShare of 1 or more that
	// Soon alone counts.
	Soon      time.Duration
	SoonShare float64
	// OnlineMargin is how near its end an online role may come, 45 minutes by
	// default: RSTUF's workers sign what ends within an hour, every five minutes,
	// so that one nearer to it was forgotten. Negative means that none was.
	OnlineMargin time.Duration
	// Clients are those that should be able to read the repository: python-tuf,
	// go-tuf and tuf-js by default. What the others make of it stands in the
	// report, and is no finding.
	Clients []string
	// FileShare is how much of the size that a client takes a file may have, 0.8
	// by default.
	FileShare float64
	// OldSnapshots is how many snapshots before the newest are searched for roles
	// that were removed and for when something was published, 32 by default.
	// Negative means none.
	OldSnapshots int
	// Severities are by code, in place of the usual ones; see [Codes].
	Severities map[string]Severity
}

func (p Policy) withDefaults() Policy {
	setDefault(&p.Soon, event.Soon)
	setDefault(&p.SoonShare, event.SoonShare)
	setDefault(&p.OnlineMargin, 45*time.Minute)
	setDefault(&p.FileShare, 0.8)
	setDefault(&p.OldSnapshots, 32)
	if p.Clients == nil {
		p.Clients = []string{pythonTUF, goTUF, tufJS}
	}
	return p
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// soon tells whether a role that people sign should be signed anew.
func (p Policy) soon(left, life time.Duration) bool {
	return event.Ending(left, life, p.Soon, p.SoonShare)
}

func (p Policy) wants(client string) bool { return slices.Contains(p.Clients, client) }
