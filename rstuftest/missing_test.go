package rstuftest_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/rstuftest"
)

// What was not done, or waits for people, is an error of whoever waits for it.
func TestSuccessMeansDone(t *testing.T) {
	t.Parallel()
	r := rstuftest.New(t,
		rstuftest.WithRole(ceremony.Role{Name: "base", Paths: []string{"base/*"}}),
		rstuftest.WithRole(ceremony.Role{Name: "people", Paths: []string{"people/*"}}, "carol"))
	ctx := t.Context()
	artifact := func(path string) rstuf.AddArtifacts {
		return rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: path, Info: rstuf.ArtifactInfo{
			Length: 1, Hashes: map[string]string{"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		}}}}
	}
	incomplete := func(task *client.Task, err error) *client.IncompleteError {
		t.Helper()
		require.NoError(t, err)
		done, err := task.Wait(ctx)
		var missing *client.IncompleteError
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, rstuf.TaskSuccess, done.State)
		assert.Equal(t, task.ID(), missing.Task.ID)
		return missing
	}

	require.NoError(t, r.Add(ctx, "base/a", []byte("a")))
	assert.ErrorContains(t, r.Add(ctx, "x/y", []byte("x")), "no delegated role takes the artifacts: x/y")
	missing := incomplete(r.Client.AddArtifacts(ctx, artifact("x/y")))
	assert.Equal(t, []string{"x/y"}, missing.Missing.InvalidPaths)
	assert.NotErrorIs(t, missing, client.ErrSigningPending)
	missing = incomplete(r.Client.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{"base/nothing"}}))
	assert.Equal(t, []string{"base/nothing"}, missing.Missing.NotFoundArtifacts)
	missing = incomplete(r.Client.UpdateSettings(ctx, map[string]int{"nope": 3}))
	assert.Equal(t, []string{"nope"}, missing.Missing.InvalidRoles)

	waits := func(err error, signed int) {
		t.Helper()
		require.ErrorIs(t, err, client.ErrSigningPending)
		var missing rstuf.Missing
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, []rstuf.WaitingRole{{Role: "people", Signed: signed, Threshold: 1, Unsigned: []string{"carol"}}}, missing.Waiting)
	}
	waits(r.Add(ctx, "people/p", []byte("p")), 0)
	r.Sign(t, "people", "carol")
	missing = incomplete(r.Client.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{"people/p"}}))
	waits(missing, 0)
	removed, err := r.Client.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{"base/a"}})
	require.NoError(t, err)
	_, err = removed.Wait(ctx)
	assert.NoError(t, err, "that another role waits is not this task's matter")
	r.Sign(t, "people", "carol")

	publisher := client.Publisher{Client: r.Client}
	report, err := publisher.Publish(ctx, slices.Values(append(artifact("base/b").Artifacts, artifact("people/q").Artifacts...)))
	waits(err, 0)
	assert.Len(t, report.Waiting, 1)
	report, err = publisher.Publish(ctx, slices.Values(append(artifact("base/c").Artifacts, artifact("x/z").Artifacts...)))
	assert.ErrorContains(t, err, "1 of 2 were not published, the first: x/z")
	assert.Equal(t, int64(1), report.Invalid)
}
