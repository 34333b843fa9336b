package main

import (
	"testing"

	"example.org/rstuf/rstuf/internal/scripttest"
)

func TestMain(m *testing.M) { scripttest.Main(m, main) }

// TestScripts runs the scripts of the other build against this one.
func TestScripts(t *testing.T) {
	scripttest.Run(t, "../../internal/cmd/testdata/script", true)
}
