package rstuf_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadmeExample runs the README's example, which is examples/embed from
// its func main on.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("examples/embed/main.go")
	require.NoError(t, err)
	_, example, found := strings.Cut(string(source), "func main() {\n")
	require.True(t, found)
	example, _, found = strings.Cut(example, "\n}\n")
	require.True(t, found)
	example = strings.ReplaceAll(strings.TrimPrefix(example, "\t"), "\n\t", "\n")
	assert.Contains(t, string(readme), "```go\n"+example+"\n```\n", "the README's example is not that of examples/embed")

	out, err := exec.Command("go", "run", "./examples/embed").CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, "bootstrap finished: the repository is ready for artifacts\nArtifact(s) Added [project/go.mod]\n", string(out))
}
