package health_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/keys"
	"example.org/rstuf/repository"
)

// TestNothing: zero values and nothing at all give a report, and no panic.
func TestNothing(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]health.Config{
		"nothing":      {},
		"empty reader": {Reader: &repository.Reader{}},
		"empty client": {API: &client.Client{}},
		"both empty":   {Reader: &repository.Reader{}, API: &client.Client{}},
	} {
		r := health.Examine(t.Context(), cfg)
		assert.NotEmpty(t, r.NotSeen, name)
		assert.NotEmpty(t, r.Findings, name)
		assert.Empty(t, r.Clients, name)
	}
	assert.Equal(t, ": : ", health.Finding{}.String())
	assert.False(t, (&health.Report{}).Has(health.Error))
	assert.NotEmpty(t, health.DescribeKey(keys.Public{}).Clients)
}

// TestSeconds: the largest unit alone.
func TestSeconds(t *testing.T) {
	t.Parallel()
	for s, want := range map[health.Seconds]string{
		0: "0 seconds", 1: "1 second", 59: "59 seconds", 60: "1 minute", 3599: "59 minutes", 3600: "1 hour",
		2*86400 - 1: "47 hours", 2 * 86400: "2 days", -3600: "-1 hour", math.MaxInt64: "106751991167300 days",
	} {
		assert.Equal(t, want, s.String())
	}
	assert.NotEmpty(t, health.Seconds(math.MinInt64).String())
}

// TestNothingYet: where the API says that there is no repository yet, that is the
// one finding; a server that does not answer is another one.
func TestNothingYet(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(w *world)
		want   []string
	}{
		"a reader of nothing": {func(w *world) { clear(w.files) }, []string{"bootstrap.none"}},
		"no root":             {func(w *world) { w.cfg.Reader, w.cfg.Unread = nil, repository.ErrNotFound }, []string{"bootstrap.none"}},
		"no URL":              {func(w *world) { w.cfg.Reader = nil }, []string{"bootstrap.none"}},
		"no server":           {func(w *world) { w.cfg.Reader, w.cfg.Unread = nil, repository.ErrUnavailable }, []string{"bootstrap.none", "metadata.unread"}},
	} {
		w := newWorld(t)
		w.api["/bootstrap/"] = answer(rstuf.BootstrapState{})
		w.publish()
		test.change(w)
		r := w.examine()
		got := codesOf(r)
		assert.Subset(t, got, test.want, name)
		assert.Equal(t, len(test.want), countErrors(r), "%s: %v", name, r.Findings)
		assert.NotContains(t, got, "metadata.skipped", name)
		assert.NotEmpty(t, r.NotSeen, name)
	}
}

func countErrors(r *health.Report) (n int) {
	for _, f := range r.Findings {
		if f.Severity == health.Error {
			n++
		}
	}
	return n
}
