package health

import (
	"context"
	"errors"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// What could not be looked at, where a watcher must know.
const (
	whatBootstrap = "the state of the bootstrap"
	whatSettings  = "the settings"
	whatPending   = "what waits for signatures"
	whatDelegated = "delegated roles"
	whatBelowRoot = "all roles but root"
)

// examineAPI asks for the bootstrap, the settings and what waits for signatures.
// Where one answer is refused the others may still be given.
func (x *examination) examineAPI(ctx context.Context) {
	x.r.API = x.API.URL()
	state, err := x.API.BootstrapState(ctx)
	if err != nil {
		x.unread(ctx, apiUnread, finding{}, whatBootstrap, err)
		if !isAnswer(err) {
			x.notSeen(whatSettings, err.Error())
			x.notSeen(whatPending, err.Error())
			return
		}
	}
	x.r.Bootstrap = cut(state.State)
	x.nothing = err == nil && !state.Bootstrap
	switch {
	case err != nil:
	case state.State == wire.BootstrapSigning:
		x.find(bootstrapSigning, finding{}, "it waits for root signatures")
	case !state.Bootstrap && state.State == wire.BootstrapPre:
		x.find(bootstrapRunning, finding{}, "it is under way")
		return
	case !state.Bootstrap:
		x.find(bootstrapNone, finding{}, nothingYet)
		return
	}
	if err != nil || state.Bootstrap {
		if x.settings, err = x.API.Settings(ctx); err != nil {
			x.unread(ctx, apiUnread, finding{}, whatSettings, err)
		}
	}
	x.examinePending(ctx)
}

const nothingYet = "there is no repository yet"

// isAnswer tells whether the API answered, such as that it does not want to.
func isAnswer(err error) bool {
	var answer *client.Error
	return errors.As(err, &answer) && !errors.Is(err, client.ErrUnavailable)
}

func (x *examination) examinePending(ctx context.Context) {
	drafts, err := ceremony.Pending(ctx, x.API)
	if err != nil {
		if isAnswer(err) || errors.Is(err, client.ErrUnavailable) || ctx.Err() != nil {
			x.unread(ctx, apiUnread, finding{}, whatPending, err)
		} else {
			x.unusable(err)
		}
	}
	for i, draft := range drafts {
		doc, status := draft.Document(), draft.Status()
		p := Pending{Role: cut(draft.Role()), Version: doc.Version(), Expires: doc.Expires(), Status: cutStatus(status), Age: x.age(draft)}
		waiting := ""
		if p.Age > 0 {
			waiting = ", for about " + p.Age.String()
		}
		if i < mostListed {
			x.r.Pending = append(x.r.Pending, p)
		}
		x.find(pendingWaits, ofRole(draft.Role()), "version %d waits for signatures%s: %s", doc.Version(), waiting, p.Status)
		if doc.CheckExpiry(x.now) != nil {
			x.find(pendingExpired, ofRole(draft.Role()), "what waits for signatures has expired")
		}
	}
}

// unusable notes each document that waits and can't be used.
func (x *examination) unusable(err error) {
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	for _, err := range list {
		x.find(pendingUnusable, finding{}, "%v", err)
	}
}

// age is how long a delegated role has waited, or 0. Deployments of RSTUF let
// some first versions expire as they make them: those tell nothing.
func (x *examination) age(draft *ceremony.Draft) Seconds {
	doc := draft.Document()
	if x.settings == nil || draft.Role() == rstuf.RoleRoot || doc.CheckExpiry(x.now) != nil {
		return 0
	}
	days := x.settings.Expiration[draft.Role()]
	if days <= 0 || days > mostDays {
		return 0
	}
	return seconds(max(x.now.Sub(doc.Expires().AddDate(0, 0, -days)), time.Second))
}

// mostDays is the longest life that is believed, a thousand years.
const mostDays = 365_000

// examineSettings looks at what the API says of root and targets, where there
// are no metadata files to look at.
func (x *examination) examineSettings() {
	if x.settings == nil {
		return
	}
	doc, err := metadata.Parse(x.settings.TrustedRoot)
	var root *metadata.Root
	if err == nil {
		root, err = doc.Root()
	}
	if err != nil {
		x.find(roleUnread, ofRole(rstuf.RoleRoot), "the API sent %v", err)
		x.notSeen("root", "the API sent "+err.Error())
		return
	}
	x.examineRoot(doc, root, FromAPI)
	if targets, err := metadata.Parse(x.settings.TrustedTargets); err == nil {
		if delegation, err := root.Delegation(rstuf.RoleTargets); err == nil {
			x.examineTargets(Role{By: rstuf.RoleRoot, From: FromAPI}, targets, delegation)
		}
	}
}

// cutStatus is a status of which no list is long and no text either.
func cutStatus(s ceremony.Status) ceremony.Status {
	s.Document = cutVerification(s.Document)
	if s.RootBefore != nil {
		before := cutVerification(*s.RootBefore)
		s.RootBefore = &before
	}
	return s
}

func cutVerification(v metadata.Verification) metadata.Verification {
	invalid := make([]metadata.InvalidSignature, 0, min(len(v.Invalid), mostCodes))
	for _, s := range v.Invalid[:min(len(v.Invalid), mostCodes)] {
		invalid = append(invalid, metadata.InvalidSignature{KeyRef: metadata.KeyRef{KeyID: cut(s.KeyID), Name: cut(s.Name)}, Reason: cut(s.Reason)})
	}
	v.Role, v.Problem = cut(v.Role), cut(v.Problem)
	v.Signed, v.Missing, v.Invalid = cutRefs(v.Signed), cutRefs(v.Missing), invalid
	return v
}
