package cmd

import (
	"testing"

	"example.org/rstuf/rstuf/internal/scripttest"
)

func TestMain(m *testing.M) { scripttest.Main(m, func() { Main(Parts{}) }) }

// TestScripts runs every command, good and bad.
func TestScripts(t *testing.T) { scripttest.Run(t, "testdata/script", false, nil) }
