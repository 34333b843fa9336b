package service_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/metadata"
)

// A root that no key of the current one has signed does not wait for
// signatures, so that it does not stand in the way of the genuine one.
func TestStrangersRootIsNotParked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.bootstrap()
	mallory := tuftest.Key(t, "mallory")
	theirs := f.nextRoot(func(root *metadata.Root) { assert.NoError(t, root.AddKey(mallory.Public())) }, mallory)
	task := f.end(f.update(theirs))
	assert.Equal(t, rstuf.TaskErrored, task.State)
	assert.Contains(t, task.Reason(), "a key of the current root")
	ours := f.nextRoot(func(root *metadata.Root) { assert.NoError(t, root.AddKey(tuftest.Key(t, "carol").Public())) }, f.alice)
	assert.Contains(t, f.ok(f.update(ours)).Update, "pending")
}
