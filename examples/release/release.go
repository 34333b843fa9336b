// Package release publishes the files of a folder and returns when clients see
// them.
package release

import (
	"context"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/repository"
)

// Folder publishes a folder's files below a prefix: it hashes them, adds them, and
// waits until a client that trusts the first root can find each as it is here.
func Folder(ctx context.Context, api *client.Client, reader *repository.Reader, folder, prefix string) error {
	var artifacts []rstuf.Artifact
	for artifact, err := range client.HashFolder(ctx, folder, client.HashOptions{Prefix: prefix}) {
		if err != nil {
			return fmt.Errorf("release %s: %w", folder, err)
		}
		artifacts = append(artifacts, artifact)
	}
	return Artifacts(ctx, api, reader, artifacts)
}

// Artifacts is [Folder] for artifacts whose files are elsewhere.
func Artifacts(ctx context.Context, api *client.Client, reader *repository.Reader, artifacts []rstuf.Artifact) error {
	task, err := api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: artifacts})
	if err == nil {
		_, err = task.Wait(ctx)
	}
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	var expected []repository.Expected
	for _, artifact := range artifacts {
		expected = append(expected, repository.Expected{Path: artifact.Path, Info: &artifact.Info})
	}
	return reader.WaitFor(ctx, expected...)
}
