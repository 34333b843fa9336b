package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

// What was not made with New is an error, and nothing panics or waits.
func TestNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, p := &client.Client{}, &client.Publisher{}
	for name, do := range map[string]func() error{
		"BootstrapState":  func() error { _, err := c.BootstrapState(ctx); return err },
		"Settings":        func() error { _, err := c.Settings(ctx); return err },
		"Pending":         func() error { _, err := c.Pending(ctx); return err },
		"AddArtifacts":    func() error { _, err := c.AddArtifacts(ctx, rstuf.AddArtifacts{}); return err },
		"BumpOnline":      func() error { _, err := c.BumpOnline(ctx); return err },
		"UpdateMetadata":  func() error { _, err := c.UpdateMetadata(ctx, nil); return err },
		"SubmitBootstrap": func() error { _, err := c.SubmitBootstrap(ctx, nil); return err },
		"State":           func() error { _, err := c.Task("x").State(ctx); return err },
		"WaitTask":        func() error { _, err := c.WaitTask(ctx, "x", nil); return err },
		"Publish":         func() error { _, err := p.Publish(ctx, func(func(rstuf.Artifact) bool) {}); return err },
		"no artifacts":    func() error { _, err := (&client.Publisher{Client: c}).Publish(ctx, nil); return err },
		"no files":        func() error { _, err := (&client.Publisher{Client: c}).PublishFiles(ctx, nil); return err },
	} {
		assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
	}
	assert.NoError(t, ctx.Err())
}
