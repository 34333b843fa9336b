package service_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf/ceremony"
)

// What a whole kind of client does not find is published, for others do, and
// the log says so.
func TestHiddenFromTUFJS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap(func(p *ceremony.Policy) {
		p.HashBins, p.Delegations = 0, []ceremony.Role{{Name: "a", Paths: []string{"a/*"}, Days: 7}}
	})
	var log bytes.Buffer
	f.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	f.restart()
	f.ok(f.post("/artifacts/", adding("a/plain", "a/.hidden", "a/..too")))
	f.close()
	assert.Contains(t, log.String(), "tuf-js")
	assert.Contains(t, log.String(), "artifacts=2 first=a/.hidden")
	assert.Contains(t, f.audit().Artifacts, "a/.hidden")
}
