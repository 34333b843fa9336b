package rstuf_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// floors lists, for each package, what of this module it may import. The first
// three rest on the standard library alone; the others may import any internal
// package too. A package that is not listed is on top and may import
// anything.
var floors = map[string][]string{
	"example.org/rstuf/internal/quote":     {},
	"example.org/rstuf/internal/canonical": {"internal/quote"},
	"example.org/rstuf":                    {"internal/canonical", "internal/quote"},
	"example.org/rstuf/keys":               {""},
	"example.org/rstuf/metadata":           {"", "keys"},
	"example.org/rstuf/ceremony":           {"", "keys", "metadata"},
	"example.org/rstuf/bootstrap":          {"", "keys", "metadata"},
	"example.org/rstuf/internal/digest":    {},
	"example.org/rstuf/internal/transport": {},
	"example.org/rstuf/client":             {""},
	"example.org/rstuf/service":            {"", "keys", "metadata"},
}

// TestFloors holds the imports against docs/architecture.md.
func TestFloors(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "./...").CombinedOutput()
	require.NoError(t, err, string(out))
	seen := 0
	for line := range strings.Lines(string(out)) {
		name, imports, _ := strings.Cut(strings.TrimSpace(line), ": ")
		allowed, listed := floors[name]
		if !listed {
			continue
		}
		seen++
		for imported := range strings.FieldsSeq(imports) {
			below, ours := strings.CutPrefix(imported, "example.org/rstuf")
			below = strings.TrimPrefix(below, "/")
			lowest := slices.Contains([]string{"example.org/rstuf", "example.org/rstuf/internal/canonical", "example.org/rstuf/internal/quote"}, name)
			switch {
			case ours && (lowest || !strings.HasPrefix(below, "internal/")):
				assert.True(t, slices.Contains(allowed, below), "%s imports %s", name, imported)
			case lowest:
				assert.NotContains(t, strings.SplitN(imported, "/", 2)[0], ".", "%s imports %s, which is not in the standard library", name, imported)
			}
		}
	}
	assert.Equal(t, len(floors), seen, "packages found")
}
