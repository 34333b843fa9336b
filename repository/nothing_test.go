package repository_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf/repository"
)

// What was not made with New is an error, and nothing panics or waits.
func TestNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := &repository.Reader{}
	for name, do := range map[string]func() error{
		"Refresh":  func() error { return r.Refresh(ctx) },
		"Info":     func() error { _, err := r.Info(ctx, "x"); return err },
		"Download": func() error { _, err := r.Download(ctx, "x", t.TempDir()+"/x"); return err },
		"Roots":    func() error { _, err := r.Roots(ctx); return err },
		"Role":     func() error { _, err := r.Role(ctx, "targets"); return err },
		"WaitFor":  func() error { return r.WaitFor(ctx, repository.Expected{Path: "x"}) },
		"Roles": func() (err error) {
			for _, err = range r.Roles(ctx) {
			}
			return err
		},
		"Artifacts": func() (err error) {
			for _, err = range r.Artifacts(ctx) {
			}
			return err
		},
	} {
		assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
	}
	assert.NoError(t, ctx.Err())
}
