package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/rstuftest"
)

func TestRun(t *testing.T) {
	repo := rstuftest.New(t)
	task, err := repo.Client.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{
		Path: "a", Info: rstuf.ArtifactInfo{Hashes: map[string]string{"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}},
	}}})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-api", repo.APIURL, task.ID()}, &out))
	assert.Contains(t, out.String(), "SUCCESS")

	err = run(t.Context(), []string{"-api", repo.APIURL, "-timeout", "2s", "no-such-task"}, &out)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Contains(t, err.Error(), "does not know")

	task, err = repo.Client.DeleteArtifacts(t.Context(), rstuf.DeleteArtifacts{})
	require.NoError(t, err)
	var failed *client.TaskError
	require.ErrorAs(t, run(t.Context(), []string{"-api", repo.APIURL, task.ID()}, &out), &failed)

	assert.Error(t, run(t.Context(), nil, &out))
}
