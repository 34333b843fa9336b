package service

import (
	"encoding/json"
	"errors"
	"unicode/utf8"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

// Unpublished is a change of one artifact that the old service had accepted and
// not published. Files do not have it.
type Unpublished struct {
	Path string
	// Info is the artifact's, in JSON as a request gives it. The artifact is to be
	// removed where it is empty.
	Info json.RawMessage
}

// maxUnpublishedNotes is how many changes that are left out are told one by one.
const maxUnpublishedNotes = 10

// queueUnpublished makes requests of what the old service had not published. What
// no request to this one may ask for is left out, and said.
func (a *adoption) queueUnpublished() {
	var last record
	leftOut := 0
	cost := int64(0)
	for _, change := range a.source.Unpublished {
		one, err := change.record()
		if err != nil {
			if leftOut++; leftOut <= maxUnpublishedNotes {
				a.note("what was not published of %s is left out: %v", quote.Word(change.Path), err)
			}
			continue
		}
		a.done.Queued++
		if last == nil || last.kind() != one.kind() || cost > maxWrite {
			if last != nil {
				a.queued = append(a.queued, last)
			}
			last, cost = one, one.cost()
			continue
		}
		last = append(last, one.body()...)
		cost += one.cost()
	}
	if last != nil {
		a.queued = append(a.queued, last)
	}
	if more := leftOut - maxUnpublishedNotes; more > 0 {
		a.note("%s more that were not published are left out", quote.Count(more, "change"))
	}
}

// record is the change as a request for it alone, which passes all checks of one.
func (u Unpublished) record() (record, error) {
	if !utf8.ValidString(u.Path) {
		return nil, errors.New("the path is not UTF-8")
	}
	if len(u.Info) == 0 {
		request := rstuf.DeleteArtifacts{Artifacts: []string{u.Path}}
		return newRecord(removeArtifacts, false).appendEntry(u.Path, ""), request.Validate()
	}
	body, err := json.Marshal(map[string]any{"artifacts": []any{map[string]any{"path": u.Path, "info": u.Info}}})
	if err != nil {
		return nil, errors.New("the info is not JSON")
	}
	r, _, err := decodeArtifacts(body, taskID{})
	if err == nil && r.cost() > maxWrite {
		err = errors.New("it is too large")
	}
	return r, err
}
