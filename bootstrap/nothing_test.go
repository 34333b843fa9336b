package bootstrap_test

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
)

// What is nothing is an error, and nothing panics.
func TestNothing(t *testing.T) {
	t.Parallel()
	var none *rstuf.BootstrapPayload
	for name, do := range map[string]func() error{
		"Check":      func() error { _, err := bootstrap.Check(none, recordedAt); return err },
		"Check zero": func() error { _, err := bootstrap.Check(&rstuf.BootstrapPayload{}, recordedAt); return err },
		"Read":       func() error { _, err := bootstrap.Read(nil); return err },
		"Write":      func() error { return bootstrap.Write(io.Discard, none) },
		"Write zero": func() error { return bootstrap.Write(io.Discard, &rstuf.BootstrapPayload{}) },
		"Run":        func() error { _, err := bootstrap.Run(t.Context(), nil, recordedPayload(t, "hash-bins")); return err },
		"no payload": func() error { _, err := bootstrap.Run(t.Context(), nil, nil); return err },
	} {
		assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
	}
}
