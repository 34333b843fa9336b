package rstuftest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"example.org/rstuf"
	"example.org/rstuf/client"
)

// Publish serves an artifact below ArtifactsURL, adds it to the repository,
// and returns once it is published.
func (r *Repository) Publish(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := r.Add(t.Context(), path, content); err != nil {
		t.Fatal(err)
	}
}

// Add is [Repository.Publish] without a test.
func (r *Repository) Add(ctx context.Context, path string, content []byte) error {
	r.web.put(path, content)
	task, err := r.Client.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: path, Info: describe(content)}}})
	if err == nil {
		err = r.wait(ctx, task)
	}
	if err != nil {
		return fmt.Errorf("rstuftest: add %s: %w", path, err)
	}
	return nil
}

// Stage serves and adds an artifact of a role that people sign, and fails the
// test unless it waits for their signatures then: clients see it after
// [Repository.Sign].
func (r *Repository) Stage(t testing.TB, path string, content []byte) {
	t.Helper()
	err := r.Add(t.Context(), path, content)
	switch {
	case err == nil:
		t.Fatalf("rstuftest: stage %s: it is published, no person has to sign it", path)
	case !errors.Is(err, client.ErrSigningPending):
		t.Fatal(err)
	}
}

// Remove removes an artifact from the repository and returns once that is
// published. The file is still served, so that a test can show that nobody
// takes it.
func (r *Repository) Remove(t testing.TB, path string) {
	t.Helper()
	task, err := r.Client.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{Artifacts: []string{path}})
	if err == nil {
		err = r.wait(t.Context(), task)
	}
	if err != nil {
		t.Fatalf("rstuftest: remove %s: %v", path, err)
	}
}

// Replace changes the file that is served for an artifact and nothing else, as
// somebody would who broke into the server.
func (r *Repository) Replace(path string, content []byte) { r.web.put(path, content) }

// Root is the current root as the service has it.
func (r *Repository) Root(t testing.TB) json.RawMessage {
	t.Helper()
	settings, err := r.Client.Settings(t.Context())
	if err != nil {
		t.Fatalf("rstuftest: root: %v", err)
	}
	return settings.TrustedRoot
}

// wait waits until a task has done all that was asked.
func (r *Repository) wait(ctx context.Context, task *client.Task) error {
	_, err := task.Wait(ctx)
	return err
}

func describe(content []byte) rstuf.ArtifactInfo {
	sum := sha256.Sum256(content)
	return rstuf.ArtifactInfo{Length: int64(len(content)), Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])}}
}
