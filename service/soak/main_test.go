package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be the service that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-child" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A short run, so that the command works when it is needed.
func TestSoak(t *testing.T) {
	require.NoError(t, run(t.Context(), []string{"-kills", "10", "-seed", "1", "-dir", t.TempDir()}))
}
