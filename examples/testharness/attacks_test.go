package testharness_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"example.org/rstuf/examples/testharness"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// Every attack that the TUF specification names, and every ordinary use, in
// virtual time: the code under test is one function.
func TestUnderAttack(t *testing.T) {
	t.Parallel()
	rstuftest.TestDownloader(t, func(ctx context.Context, q rstuftest.Request) ([]byte, error) {
		where := repository.Config{
			MetadataURL: q.MetadataURL, ArtifactsURL: q.ArtifactsURL, Cache: q.Cache,
			HTTP: repository.HTTPConfig{HTTPClient: q.HTTPClient, Header: q.Header},
		}
		program := filepath.Join(q.Folder, "program")
		if err := testharness.SelfUpdate(ctx, where, q.Root, q.Artifact, program); err != nil {
			return nil, err
		}
		return os.ReadFile(program)
	}, nil)
}
