package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
)

// deployment has a role dev that two keys of two sign; all keys are files in
// dir.
func deployment(t *testing.T) (repo *rstuftest.Repository, dir string) {
	t.Helper()
	dir = t.TempDir()
	var devs []keys.Public
	for _, name := range []string{"dev1", "dev2"} {
		key, err := keys.Generate(keys.Ed25519, name)
		require.NoError(t, err)
		require.NoError(t, key.Save(filepath.Join(dir, name), keys.SaveOptions{Plain: true}))
		devs = append(devs, key.Public())
	}
	repo = rstuftest.New(t, rstuftest.WithPolicy(func(p *ceremony.Policy) {
		p.Delegations = []ceremony.Role{
			{Name: "dev", Paths: []string{"dev/*"}, Keys: devs, Threshold: 2, Days: 30},
			{Name: "all", Paths: []string{"*"}, Days: 1},
		}
	}))
	for _, key := range repo.RootKeys {
		require.NoError(t, key.Save(filepath.Join(dir, key.Public().Name()), keys.SaveOptions{Plain: true}))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.json"), repo.RootJSON, 0o644))
	return repo, dir
}

func pending(t *testing.T, repo *rstuftest.Repository) (names []string) {
	t.Helper()
	drafts, err := ceremony.Pending(t.Context(), repo.Client)
	require.NoError(t, err)
	for _, draft := range drafts {
		names = append(names, draft.String())
	}
	return names
}

// look runs the bot once with a key.
func look(t *testing.T, repo *rstuftest.Repository, dir, key string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	args = append([]string{"-api", repo.APIURL, "-root", filepath.Join(dir, "root.json"), "-key", filepath.Join(dir, key), "-once"}, args...)
	require.NoError(t, run(t.Context(), args, &out))
	return out.String()
}

// TestBotsSign: two bots with a key each publish what was added to their role.
func TestBotsSign(t *testing.T) {
	t.Parallel()
	repo, dir := deployment(t)
	require.Equal(t, []string{"dev version 1"}, pending(t, repo))
	assert.Contains(t, look(t, repo, dir, "dev1", "-role", "dev"), "dev version 1: signed, incomplete: 1 of 2")
	assert.Empty(t, look(t, repo, dir, "dev1", "-role", "dev"), "it has signed already")
	assert.Contains(t, look(t, repo, dir, "dev2", "-role", "dev"), "dev version 1: signed, complete")
	assert.Empty(t, pending(t, repo))

	task, err := repo.Client.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{
		Path: "dev/tool", Info: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"}},
	}}})
	require.NoError(t, err)
	_, err = task.Wait(t.Context())
	require.ErrorIs(t, err, client.ErrSigningPending)
	require.Equal(t, []string{"dev version 2"}, pending(t, repo))
	look(t, repo, dir, "dev1", "-role", "dev")
	look(t, repo, dir, "dev2", "-role", "dev")
	assert.Empty(t, pending(t, repo))
}

// TestBotRefuses what its policy does not allow.
func TestBotRefuses(t *testing.T) {
	t.Parallel()
	repo, dir := deployment(t)
	assert.Contains(t, look(t, repo, dir, "dev1", "-role", "other"), "not signed: dev is not among the roles to sign")
	assert.Contains(t, look(t, repo, dir, "dev1", "-role", "other", "-markdown"), "### `dev` version 1")
	assert.Contains(t, look(t, repo, dir, "dev1", "-role", "dev", "-max-days", "7"), "longer than allowed")
	assert.Contains(t, look(t, repo, dir, "alice", "-role", "dev"), "does not sign this document")

	_, elsewhere := deployment(t)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-api", repo.APIURL, "-root", filepath.Join(elsewhere, "root.json"), "-key", filepath.Join(dir, "dev1"), "-role", "dev", "-once"}, &out))
	assert.Contains(t, out.String(), "not compared with a pinned one")
	assert.Equal(t, []string{"dev version 1"}, pending(t, repo))

	for _, args := range [][]string{nil, {"-nonsense"}, {"-api", "x", "-key", "y", "-root", "z", "-role", "dev"}} {
		assert.Error(t, run(t.Context(), args, io.Discard))
	}
}

// TestBotAndRoots: a renewal of the expiry is signed, any other change is left
// to people.
func TestBotAndRoots(t *testing.T) {
	t.Parallel()
	repo, dir := deployment(t)
	trusted := repo.Draft.Document()
	for _, c := range []struct {
		change ceremony.Change
		want   string
	}{
		{ceremony.Change{RenameKeys: map[string]string{"bob": "robert"}}, "a person must look at"},
		{ceremony.Change{Days: 1}, "which is no renewal"},
		{ceremony.Change{Days: 390}, "root version 2: signed, complete"},
	} {
		draft, err := ceremony.Next(t.Context(), trusted, c.change)
		require.NoError(t, err)
		require.NoError(t, draft.Sign(t.Context(), repo.RootKeys[0]))
		task, err := repo.Client.UpdateMetadata(t.Context(), draft.Update().Metadata[rstuf.RoleRoot])
		require.NoError(t, err)
		_, err = task.Wait(t.Context())
		require.ErrorIs(t, err, client.ErrSigningPending)
		assert.Contains(t, look(t, repo, dir, "bob", "-role", "root", "-max-days", "400"), c.want)
		if stop, err := repo.Client.StopSigning(t.Context(), rstuf.RoleRoot); err == nil {
			_, err = stop.Wait(t.Context())
			require.NoError(t, err)
		}
	}
}

// TestBotFollowsRoots: with one pinned root, renewal after renewal is signed.
func TestBotFollowsRoots(t *testing.T) {
	t.Parallel()
	repo, dir := deployment(t)
	for i, days := range []int{390, 392, 394} {
		trusted, err := metadata.Parse(repo.Root(t))
		require.NoError(t, err)
		draft, err := ceremony.Next(t.Context(), trusted, ceremony.Change{Days: days})
		require.NoError(t, err)
		require.NoError(t, draft.Sign(t.Context(), repo.RootKeys[0]))
		task, err := repo.Client.UpdateMetadata(t.Context(), draft.Update().Metadata[rstuf.RoleRoot])
		require.NoError(t, err)
		_, err = task.Wait(t.Context())
		require.ErrorIs(t, err, client.ErrSigningPending)
		if i > 0 {
			assert.Contains(t, look(t, repo, dir, "bob", "-role", "root", "-max-days", "400"), "not compared with a pinned one")
		}
		want := fmt.Sprintf("root version %d: signed, complete", i+2)
		assert.Contains(t, look(t, repo, dir, "bob", "-role", "root", "-max-days", "400", "-metadata", repo.MetadataURL), want)
	}
}

// TestBotWatches until it is stopped.
func TestBotWatches(t *testing.T) {
	t.Parallel()
	repo, dir := deployment(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-api", repo.APIURL, "-root", filepath.Join(dir, "root.json"), "-key", filepath.Join(dir, "dev1"), "-role", "dev", "-every", "5ms"}, out)
	}()
	line := make([]byte, 200)
	n, err := lines.Read(line)
	require.NoError(t, err)
	assert.Contains(t, string(line[:n]), "dev version 1: signed")
	go io.Copy(io.Discard, lines)
	stop()
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("the bot does not end")
	}
}
