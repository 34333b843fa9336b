package service_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAlertsKnowTheMetrics: the alert rules are made of metrics that the service
// has. .ci/interop-served tests the rules themselves.
func TestAlertsKnowTheMetrics(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("../docs/deploy/alerts.yml")
	require.NoError(t, err)
	f := newFixture(t)
	f.bootstrap()
	text := metricsOf(f)
	names := regexp.MustCompile(`rstuf_[a-z_]+`).FindAllString(string(rules), -1)
	assert.Greater(t, len(names), 10)
	for _, name := range names {
		assert.Contains(t, text, "# TYPE "+name+" ")
	}
}
