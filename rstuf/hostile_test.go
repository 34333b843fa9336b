package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
)

// TestPrintTaskHostile: a service's words cannot stand as lines of their own,
// nor steer the terminal.
func TestPrintTaskHostile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\ntask 1: SUCCESS": `a\ntask 1: SUCCESS`,
		"a\x1b[2J":           `a\x1b[2J`,
		"a\u202eb":           `a\u202eb`,
	} {
		var out bytes.Buffer
		a := &app{stdout: &out, stderr: &out}
		require.Error(t, a.printTask(rstuf.Task{ID: "7", State: rstuf.TaskFailure, Result: &rstuf.TaskResult{Message: text, Error: text}}, true, nil), "the task failed")
		assert.Contains(t, out.String(), "\n"+want+"\nerror: "+want+"\n")
	}
}
