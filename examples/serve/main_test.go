package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// started runs the example and returns the URLs that it prints, and what ends
// it.
func started(t *testing.T, args ...string) (api, files string, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append(args, "-api", "127.0.0.1:0", "-metadata", "127.0.0.1:0"), w, io.Discard)
		w.Close()
		done <- err
	}()
	lines := bufio.NewScanner(r)
	for _, url := range []*string{&api, &files} {
		if !lines.Scan() {
			require.NoError(t, <-done)
		}
		_, after, ok := strings.Cut(lines.Text(), ": ")
		require.True(t, ok, lines.Text())
		*url = after
	}
	return api, files, func() {
		cancel()
		require.NoError(t, <-done)
	}
}

// A repository is bootstrapped, published to with the token, read by a client,
// and there again after a restart.
func TestServe(t *testing.T) {
	ctx := t.Context()
	dir, keyDir := t.TempDir(), t.TempDir()
	var people []*keys.Private
	for _, name := range []string{"alice", "bob", "online"} {
		key, err := keys.Generate(keys.Ed25519, name)
		require.NoError(t, err)
		people = append(people, key)
	}
	pem, err := people[2].MarshalPEM(nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(keyDir, people[2].Public().ID()), pem, 0o600))
	const secret = "a-secret-that-nobody-guesses"
	token, err := service.NewToken("publisher", secret)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(keyDir, "tokens"), token.AppendLine(nil, "all"), 0o600))
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{people[0].Public(), people[1].Public()}, Threshold: 2, OnlineKey: people[2].Public(), HashBins: 4,
	})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(ctx, people[0]))
	require.NoError(t, draft.Sign(ctx, people[1]))

	url, files, stop := started(t, "-dir", dir, "-keys", keyDir)
	stranger, err := client.New(url, client.Config{})
	require.NoError(t, err)
	_, err = stranger.BootstrapState(ctx)
	assert.Error(t, err, "it has no token")
	api, err := client.New(url, client.Config{Token: func(context.Context) (string, error) { return secret, nil }})
	require.NoError(t, err)
	_, err = bootstrap.Run(ctx, api, draft.Payload())
	require.NoError(t, err)
	task, err := api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: "a", Info: rstuf.ArtifactInfo{
		Length: 1, Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)},
	}}}})
	require.NoError(t, err)
	_, err = task.Wait(ctx)
	require.NoError(t, err)
	look := func(files string) {
		reader, err := repository.New(repository.Config{MetadataURL: files}, repository.TrustRoot(draft.Document().Bytes()))
		require.NoError(t, err)
		info, err := reader.Info(ctx, "a")
		require.NoError(t, err)
		assert.Equal(t, int64(1), info.Length)
	}
	look(files)
	stop()

	_, files, stop = started(t, "-dir", dir, "-keys", keyDir)
	look(files)
	stop()
}
