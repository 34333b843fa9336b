// Package testharness shows how a project tests its own software against a
// real repository. [SelfUpdate] stands for that software: it replaces a program
// by the version that a TUF repository offers. Its tests get a whole RSTUF
// from package rstuftest, in one line each.
package testharness

import (
	"context"
	"fmt"
	"os"

	"example.org/rstuf/repository"
)

// SelfUpdate reader an artifact and puts it in the place of a program. The
// program stays as it is unless the artifact is what the repository's metadata
// says.
func SelfUpdate(ctx context.Context, where repository.Config, root []byte, artifact, program string) error {
	reader, err := repository.New(where, repository.TrustRoot(root))
	if err != nil {
		return fmt.Errorf("update %s: %w", program, err)
	}
	fresh := program + ".new"
	defer os.Remove(fresh)
	if _, err := reader.Download(ctx, artifact, fresh); err != nil {
		return fmt.Errorf("update %s: %w", program, err)
	}
	if err := os.Rename(fresh, program); err != nil {
		return fmt.Errorf("update %s: %w", program, err)
	}
	return nil
}
