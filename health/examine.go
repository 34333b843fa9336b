package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// Config says what to look at. At least one of Reader, API and Unread must be set.
type Config struct {
	// Reader reads the metadata files; nil if it is not known where they are. Make
	// it with AllowExpiredUnsafe, or of a repository that has expired there is
	// little to see. With a cache it also tells what its user has seen before, and
	// can't read any more.
	Reader *repository.Reader
	// API is the deployment's; nil if there is none to ask.
	API *client.Client
	// Unread is why there is no Reader although it is known where the files are,
	// such as that they do not answer. It becomes a finding, unless the API says
	// that there is no repository yet.
	Unread error
	// Unpinned tells that the root which the Reader trusts came from the server
	// itself, or from the API.
	Unpinned bool
	// SkipDelegated leaves out the delegated roles, which may be many.
	SkipDelegated bool
	// MostBins bounds the hash bins that are looked at: if there are more, none
	// is, and the report says only how many there are. 0: all are, whatever their
	// number.
	MostBins int
	Policy   Policy
	// Now is the time by which lives are judged; the system's by default.
	Now func() time.Time
	// Timeout bounds the whole look; 5 minutes by default.
	Timeout time.Duration
}

// Examine looks at a repository. It gives a report whatever happens: also when
// ctx ends, of what was seen until then.
func Examine(ctx context.Context, cfg Config) *Report {
	setDefault(&cfg.Timeout, 5*time.Minute)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, fmt.Errorf("the time for the look, %s, is over: %w", cfg.Timeout, context.DeadlineExceeded))
	defer cancel()
	x := newExamination(cfg)
	if cfg.API != nil {
		x.examineAPI(ctx)
	}
	if cfg.Reader != nil {
		x.examineMetadata(ctx)
	} else {
		x.withoutMetadata(ctx)
	}
	x.finish()
	return x.r
}

// examination is a report in the making.
type examination struct {
	Config
	policy   Policy
	now      time.Time
	r        *Report
	settings *rstuf.RepositorySettings // of the API; nil if it tells none
	nothing  bool                      // the API says that there is no repository yet

	online   map[string]bool              // the keys that sign the timestamp, by identity
	custom   map[edge]rstuf.DelegatedRole // the roles that were delegated to
	bins     *binExamination
	snapshot *metadata.Document           // the newest; nil if it was not seen
	listed   map[string]metadata.MetaFile // of the newest snapshot
	lengths  map[string]bool              // files whose length their parent tells
	verdicts verdicts
	odd      map[string]*oddArtifacts
	keys     map[string]int // place in r.Keys, by identity
	largest  int            // of the delegated roles' files
	found    map[string]int // findings by code
}

// edge is a delegation.
type edge struct{ by, role string }

func newExamination(cfg Config) *examination {
	x := &examination{
		Config: cfg, policy: cfg.Policy.withDefaults(), now: cfg.Now(),
		custom: map[edge]rstuf.DelegatedRole{}, lengths: map[string]bool{}, verdicts: newVerdicts(),
		odd: map[string]*oddArtifacts{}, keys: map[string]int{}, online: map[string]bool{}, found: map[string]int{},
		r: &Report{
			Roles: []Role{}, Keys: []Key{}, Pending: []Pending{}, Roots: []Root{}, Published: []Publication{}, Clients: []Client{},
			Findings: []Finding{}, NotSeen: []NotSeen{},
		},
	}
	x.r.At = x.now
	return x
}

// finding is what a Finding is about.
type finding struct {
	role string
	key  *metadata.KeyRef
	what string // that could not be looked at
	do   string // in place of what the code says
}

// find adds a finding, unless there are many of its code.
func (x *examination) find(code string, about finding, format string, args ...any) {
	if x.found[code]++; x.found[code] > mostCodes {
		return
	}
	info := codes[code]
	if severity, ok := x.policy.Severities[code]; ok {
		info.Severity = severity
	}
	x.r.Findings = append(x.r.Findings, Finding{
		Severity: info.Severity, Code: code, Role: cut(about.role), Key: about.key,
		Text: quote.Cut(fmt.Sprintf(format, args...), mostText), Do: cmp.Or(about.do, info.Do), What: about.what,
	})
}

// mostText bounds what a finding says, in bytes.
const mostText = 2000

func ofRole(name string) finding { return finding{role: name} }

// notSeen notes what could not be looked at.
func (x *examination) notSeen(what, why string) {
	if len(x.r.NotSeen) < mostCodes {
		x.r.NotSeen = append(x.r.NotSeen, NotSeen{cut(what), quote.Cut(why, mostText)})
	}
}

// unread is a finding about what could not be looked at.
func (x *examination) unread(ctx context.Context, code string, about finding, what string, err error) {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) {
		err = cause
	}
	about.what = what
	x.find(code, about, "%v", err)
	x.notSeen(what, err.Error())
}

// finish sums up what was gathered on the way.
func (x *examination) finish() {
	x.finishBins()
	x.finishArtifacts()
	x.finishClients()
	for _, info := range Codes() {
		if more := x.found[info.Code] - mostCodes; more > 0 {
			x.found[info.Code] = 0
			x.find(info.Code, finding{}, "and %d more findings like these", more)
		}
	}
}
