package rstuftest

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/repository"
)

// State is what is published, as a client that trusts the first root verifies
// it, whether it has expired or not, and what waits for people.
type State struct {
	// Versions and Expires are those of the roles that have a version.
	Versions map[string]int64
	Expires  map[string]time.Time
	// Artifacts are those that clients find, by path, and Roles which role has
	// each.
	Artifacts map[string]rstuf.ArtifactInfo
	Roles     map[string]string
	// Waiting are the roles whose next version waits for signatures, in order.
	Waiting []string
}

// State reads and verifies all of the repository.
func (r *Repository) State(t testing.TB) State {
	t.Helper()
	state, err := r.state(t.Context())
	if err != nil {
		t.Fatalf("rstuftest: state: %v", err)
	}
	return state
}

func (r *Repository) state(ctx context.Context) (State, error) {
	s := State{
		Versions: map[string]int64{}, Expires: map[string]time.Time{},
		Artifacts: map[string]rstuf.ArtifactInfo{}, Roles: map[string]string{},
	}
	reader, err := r.newReader(func(c *repository.Config) { c.AllowExpiredUnsafe = true })
	if err != nil {
		return s, err
	}
	for role, err := range reader.Roles(ctx) {
		switch {
		case err != nil:
			return s, err
		case errors.Is(role.Err, repository.ErrNotSigned):
			continue
		case role.Err != nil:
			return s, role.Err
		}
		s.Versions[role.Name], s.Expires[role.Name] = role.Document.Version(), role.Document.Expires()
	}
	for artifact, err := range reader.Artifacts(ctx) {
		if errors.Is(err, repository.ErrNotSigned) {
			continue
		}
		if err != nil {
			return s, err
		}
		s.Artifacts[artifact.Path], s.Roles[artifact.Path] = artifact.ArtifactInfo, artifact.Role
	}
	pending, err := r.Client.Pending(ctx)
	s.Waiting = slices.Sorted(maps.Keys(pending.Roles))
	return s, err
}

// Get downloads an artifact as a client that trusts the first root.
func (r *Repository) Get(t testing.TB, path string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "artifact")
	_, err := r.Reader(t).Download(t.Context(), path, file)
	if err != nil {
		t.Fatalf("rstuftest: get %s: %v", path, err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("rstuftest: get %s: %v", path, err)
	}
	return content
}
