package testharness_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/examples/testharness"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// installed is a program on disk whose update comes from a repository.
func installed(t *testing.T, repo *rstuftest.Repository) (program string, update func() error) {
	program = filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte("version 1"), 0o755))
	return program, func() error {
		where := repository.Config{MetadataURL: repo.MetadataURL, ArtifactsURL: repo.ArtifactsURL}
		return testharness.SelfUpdate(t.Context(), where, repo.RootJSON, "bin/program", program)
	}
}

func content(t *testing.T, file string) string {
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(data)
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t)
	program, update := installed(t, repo)
	repo.Publish(t, "bin/program", []byte("version 2"))
	require.NoError(t, update())
	assert.Equal(t, "version 2", content(t, program))
}

// Somebody changes the file on the server: the program stays as it is.
func TestTamperedUpdateIsRefused(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t)
	program, update := installed(t, repo)
	repo.Publish(t, "bin/program", []byte("version 2"))
	repo.Replace("bin/program", []byte("version X"))
	assert.Error(t, update())
	assert.Equal(t, "version 1", content(t, program))
}

func TestWithdrawnUpdateIsRefused(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t)
	program, update := installed(t, repo)
	repo.Publish(t, "bin/program", []byte("version 2"))
	repo.Remove(t, "bin/program")
	assert.Error(t, update())
	assert.Equal(t, "version 1", content(t, program))
}

// Whoever holds back new metadata is found out once the old has expired: here
// the repository lives ten days in the past.
func TestFrozenRepositoryIsRefused(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-10 * 24 * time.Hour)
	repo := rstuftest.New(t, rstuftest.WithClock(func() time.Time { return past }))
	program, update := installed(t, repo)
	repo.Publish(t, "bin/program", []byte("version 2"))
	assert.ErrorContains(t, update(), "expired")
	assert.Equal(t, "version 1", content(t, program))
}
