package health

import (
	"fmt"
	"maps"
	"slices"

	"example.org/rstuf"
)

// fewBins is how many hash bins may be listed among the other roles.
const fewBins = 16

// binExamination is the sum of the hash bins in the making.
type binExamination struct {
	Bins
	found map[string]*binFinding // by code
}

// binFinding is what several hash bins have in common.
type binFinding struct {
	count int
	first finding
	text  string
}

func newBins(prefix string, count int) *binExamination {
	return &binExamination{Bins: Bins{Prefix: prefix, Count: count}, found: map[string]*binFinding{}}
}

// isBin tells whether the roles that a role delegates to are hash bins.
func (x *examination) isBin(by string) bool { return x.bins != nil && by == rstuf.RoleTargets }

func (b *binExamination) add(role Role) {
	if b.Seen++; b.Seen == 1 || role.Expires.Before(b.First.Expires) {
		b.First = role
	}
	if role.Left <= 0 {
		b.Expired++
	}
	b.Bytes += int64(role.Bytes)
	b.Largest = max(b.Largest, role.Bytes)
	b.Artifacts += role.Artifacts
	b.ArtifactBytes = sum(b.ArtifactBytes, role.ArtifactBytes)
}

func (b *binExamination) find(code string, about finding, text string) {
	if f := b.found[code]; f != nil {
		f.count++
		return
	}
	b.found[code] = &binFinding{1, about, text}
}

// finishBins tells of the hash bins in one finding for each code.
func (x *examination) finishBins() {
	if x.bins == nil {
		return
	}
	x.r.Bins = &x.bins.Bins
	for _, code := range slices.Sorted(maps.Keys(x.bins.found)) {
		f := x.bins.found[code]
		text := f.text
		if f.count > 1 {
			text = fmt.Sprintf("%s; so it is with %d of the %d hash bins", text, f.count, x.bins.Count)
		}
		x.find(code, f.first, "%s", text)
	}
}
