//go:build unix

package cmd

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Who may read a secret: its owner, and the group to which root has handed it.
func TestKeptFromOthers(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fs.FileMode]struct{ own, handed bool }{
		0o400: {true, true}, 0o600: {true, true}, 0o700: {true, true},
		0o440: {false, true}, 0o640: {false, true},
		0o460: {false, false}, 0o450: {false, false}, 0o444: {false, false}, 0o604: {false, false}, 0o602: {false, false},
	} {
		assert.Equal(t, want.own, keptFromOthers(mode, false), "%04o", mode)
		assert.Equal(t, want.handed, keptFromOthers(mode, true), "%04o, handed by root", mode)
	}
}
