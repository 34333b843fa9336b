package rstuftest_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
)

// What was not done, or waits for people, is an error of whoever waits for it.
func TestSuccessMeansDone(t *testing.T) {
	t.Parallel()
	carol, err := keys.Generate(keys.Ed25519, "carol")
	require.NoError(t, err)
	r := rstuftest.New(t, rstuftest.WithPolicy(func(p *ceremony.Policy) {
		p.HashBins = 0
		p.Delegations = []ceremony.Role{
			{Name: "base", Paths: []string{"base/*"}, Days: 7},
			{Name: "people", Paths: []string{"people/*"}, Keys: []keys.Public{carol.Public()}, Threshold: 1, Days: 7},
		}
	}))
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
	sign(t, r, carol)
	missing = incomplete(r.Client.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{"people/p"}}))
	waits(missing, 0)
	removed, err := r.Client.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{"base/a"}})
	require.NoError(t, err)
	_, err = removed.Wait(ctx)
	assert.NoError(t, err, "that another role waits is not this task's matter")
	sign(t, r, carol)

	publisher := client.Publisher{Client: r.Client}
	report, err := publisher.Publish(ctx, slices.Values(append(artifact("base/b").Artifacts, artifact("people/q").Artifacts...)))
	waits(err, 0)
	assert.Len(t, report.Waiting, 1)
	report, err = publisher.Publish(ctx, slices.Values(append(artifact("base/c").Artifacts, artifact("x/z").Artifacts...)))
	assert.ErrorContains(t, err, "1 of 2 were not published, the first: x/z")
	assert.Equal(t, int64(1), report.Invalid)
}

// sign has a person sign what waits.
func sign(t *testing.T, r *rstuftest.Repository, key *keys.Private) {
	t.Helper()
	drafts, err := ceremony.Pending(t.Context(), r.Client)
	require.NoError(t, err)
	require.Len(t, drafts, 1)
	root, err := metadata.Parse(r.RootJSON)
	require.NoError(t, err)
	require.NoError(t, drafts[0].Pin(root))
	require.NoError(t, drafts[0].Sign(context.Background(), key))
	_, err = drafts[0].Send(t.Context(), r.Client)
	require.NoError(t, err)
}
