package service_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// What the old service had not published waits here, additions and removals, and
// is published when the service starts. What no request may ask for is left out.
func TestAdoptUnpublished(t *testing.T) {
	t.Parallel()
	s := scenarioOf(t, "hash-bins")
	o := recordedFiles(t, s)
	_, before := o.adopt()
	assert.Zero(t, before.Queued)
	o = recordedFiles(t, s)
	plain, _ := o.adopt()
	were := plain.audit().Artifacts
	require.NotEmpty(t, were)
	gone := slices.Sorted(maps.Keys(were))[0]

	o = recordedFiles(t, s)
	good, err := json.Marshal(artifact("new/a").Info)
	require.NoError(t, err)
	bad := func(info string) service.Unpublished {
		return service.Unpublished{Path: "new/bad", Info: json.RawMessage(info)}
	}
	o.source.Unpublished = []service.Unpublished{
		{Path: "new/a", Info: good}, {Path: gone},
		bad(`{"length":1,"hashes":{}}`), bad(`{"length":-1,"hashes":{"sha256":"ab"}}`), bad(`null`), bad(`{`),
		bad(`{"length":1,"length":2,"hashes":{"sha256":"` + strings.Repeat("ab", 32) + `"}}`),
		bad(`{"length":1,"hashes":{"sha256":"` + strings.Repeat("ab", 32) + `"},"custom":{"x":"` + strings.Repeat("x", 17<<20) + `"}}`),
		{Path: "../outside", Info: good}, {Path: "a\xff", Info: good},
		{Path: "new/b", Info: json.RawMessage(`{"length":"7","hashes":{"sha256":"` + strings.Repeat("ab", 32) + `"},"custom":{"by":"old"}}`)},
		{Path: "never there"},
	}
	f, done := o.adopt()
	assert.Equal(t, 4, done.Queued)
	var notes []string
	for _, note := range done.Notes {
		if strings.Contains(note, "left out") {
			notes = append(notes, note)
		}
	}
	assert.Len(t, notes, 8, "%s", notes)
	assert.Contains(t, strings.Join(notes, "\n"), "hashes")
	f.ok(f.post("/artifacts/publish/", nil))
	now := f.audit().Artifacts
	assert.Len(t, now, len(were)+1)
	assert.Contains(t, now, "new/a")
	assert.Contains(t, now["new/b"], `"custom":{"by":"old"}`)
	assert.NotContains(t, now, gone)
}

// Of very many that are left out a few are told, and how many more there are.
func TestAdoptUnpublishedManyBad(t *testing.T) {
	t.Parallel()
	o, _, _ := oldRoles(t)
	for i := range 30 {
		o.source.Unpublished = append(o.source.Unpublished, service.Unpublished{Path: fmt.Sprint("bad/", i), Info: json.RawMessage("{}")})
	}
	_, done := o.adopt()
	assert.Equal(t, 10, strings.Count(strings.Join(done.Notes, "\n"), "was not published of"))
	assert.Contains(t, done.Notes, "20 changes more that were not published are left out")
}
