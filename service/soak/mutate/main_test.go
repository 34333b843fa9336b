package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMutationsFindTheirPlace: what is to be changed is in the service, once.
func TestMutationsFindTheirPlace(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(mutations, ofReplicas) {
		for _, e := range m.edits {
			text, err := os.ReadFile(filepath.Join("..", "..", "..", e.file))
			require.NoError(t, err, m.name)
			assert.Equal(t, 1, strings.Count(string(text), e.old), m.name)
		}
	}
}
