package service_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What one replica has published is served by the others at once, and what waits at one is
// listed at all.
func TestReplicasServeWhatIsPublished(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2)
	a, b := g.members[0], g.members[1]
	a.bootstrap()
	for range 5 {
		a.ok(a.post("/artifacts/", adding("a")))
		there, err := os.ReadFile(filepath.Join(a.cfg.Dir, "metadata", "timestamp.json"))
		require.NoError(t, err)
		served, err := b.file("timestamp.json")
		require.NoError(t, err)
		assert.Equal(t, string(there), string(served))
	}
	reached, goOn := a.files.hold(".snapshot.json")
	defer close(goOn)
	id := a.post("/artifacts/", adding("b"))
	<-reached
	_, text := b.call("GET", "/tasks/", nil)
	assert.Contains(t, text, id)
}
