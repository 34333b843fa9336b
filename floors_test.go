package rstuf_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// floors lists, for each package, what of this module it may import. A package
// that is not listed is on top and may import anything.
var floors = map[string][]string{
	"example.org/rstuf":                    {},
	"example.org/rstuf/internal/canonical": {},
	"example.org/rstuf/internal/files":     {"internal/canonical"},
	"example.org/rstuf/keys":               {"", "internal/canonical", "internal/files"},
	"example.org/rstuf/metadata":           {"", "internal/canonical", "internal/files", "keys"},
	"example.org/rstuf/ceremony":           {"", "internal/files", "keys", "metadata"},
	"example.org/rstuf/bootstrap":          {"", "internal/files", "keys", "metadata"},
	"example.org/rstuf/client":             {"", "internal/files"},
	"example.org/rstuf/service":            {"", "internal/canonical", "internal/files", "keys", "metadata"},
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
			if ours {
				assert.True(t, slices.Contains(allowed, strings.TrimPrefix(below, "/")), "%s imports %s", name, imported)
			} else if name == "example.org/rstuf" || name == "example.org/rstuf/internal/canonical" {
				assert.NotContains(t, strings.SplitN(imported, "/", 2)[0], ".", "%s imports %s, which is not in the standard library", name, imported)
			}
		}
	}
	assert.Equal(t, len(floors), seen, "packages found")
}
