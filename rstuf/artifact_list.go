package main

import (
	"context"
	"errors"
	"iter"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/mirror"
)

// artifacts yields all artifacts of a repository, role by role. A role that
// nobody has signed yet has none.
func artifacts(ctx context.Context, r *mirror.Repository) iter.Seq2[artifactInfo, error] {
	return func(yield func(artifactInfo, error) bool) {
		ofRole := func(role string, doc *metadata.Document) bool {
			targets, err := doc.Targets()
			if err != nil {
				return yield(artifactInfo{}, err)
			}
			for path, file := range targets.Targets {
				if !yield(artifactInfo{path, role, file.ArtifactInfo}, nil) {
					return false
				}
			}
			return true
		}
		if !ofRole(rstuf.RoleTargets, r.Targets) {
			return
		}
		for role := range r.Roles(ctx) {
			if errors.Is(role.Err, mirror.ErrUnpublished) {
				continue
			}
			if role.Err != nil {
				yield(artifactInfo{}, role.Err)
				return
			}
			if !ofRole(role.Name, role.Document) {
				return
			}
		}
	}
}
