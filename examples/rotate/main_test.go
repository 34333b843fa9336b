package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuftest"
	"example.org/rstuf/service"
)

// repository has three root keys of which two sign; its keys are files in dir.
func repository(t *testing.T) (repo *rstuftest.Repository, dir string) {
	t.Helper()
	dir = t.TempDir()
	carol := save(t, dir, "carol")
	repo = rstuftest.New(t,
		rstuftest.WithPolicy(func(p *ceremony.Policy) { p.RootKeys = append(p.RootKeys, carol.Public()) }),
		rstuftest.WithConfig(func(c *service.Config) { c.Keys.Dir = dir }))
	for _, key := range repo.RootKeys {
		require.NoError(t, key.Save(filepath.Join(dir, key.Public().Name()), keys.SaveOptions{Plain: true}))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "root.json"), repo.RootJSON, 0o644))
	return repo, dir
}

func save(t *testing.T, dir, name string) *keys.Private {
	t.Helper()
	key, err := keys.Generate(keys.Ed25519, name)
	require.NoError(t, err)
	require.NoError(t, key.Save(filepath.Join(dir, name), keys.SaveOptions{Plain: true}))
	return key
}

// TestRotate replaces a root key and the online key, and publishes with the
// new one.
func TestRotate(t *testing.T) {
	t.Parallel()
	repo, dir := repository(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	dave, online := save(t, dir, "dave"), save(t, dir, "online2")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{
		"-api", repo.APIURL, "-root", in("root.json"), "-out", in("2.root.json"),
		"-remove", "carol", "-add", "dave=" + in("dave.pub"), "-online", in("online2"),
		"-key", in("alice"), "-key", in("bob"),
	}, &out))
	assert.Contains(t, out.String(), "- root key: carol")
	assert.Contains(t, out.String(), "+ root key: dave")
	assert.Contains(t, out.String(), "root version 2 is published")
	data, err := os.ReadFile(in("2.root.json"))
	require.NoError(t, err)
	document, err := metadata.Parse(data)
	require.NoError(t, err)
	root, err := document.Root()
	require.NoError(t, err)
	assert.Contains(t, root.Roles["root"].KeyIDs, dave.Public().ID())
	assert.Equal(t, []string{online.Public().ID()}, root.Roles["timestamp"].KeyIDs)
	repo.Publish(t, "hello.txt", []byte("hello"))

	// From the old root no further one can be made: the service is beyond it.
	assert.Error(t, run(t.Context(), []string{
		"-api", repo.APIURL, "-root", in("root.json"), "-out", in("again.json"), "-days", "700", "-key", in("alice"), "-key", in("bob"),
	}, io.Discard))
}

// TestRotateWithOneSigner leaves the rest to the others.
func TestRotateWithOneSigner(t *testing.T) {
	t.Parallel()
	repo, dir := repository(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{
		"-api", repo.APIURL, "-root", in("root.json"), "-out", in("2.root.json"), "-threshold", "3", "-key", in("alice"),
	}, &out))
	assert.Contains(t, out.String(), "keeps the root until the others have signed")
	assert.NoFileExists(t, in("2.root.json"), "it is not to be trusted yet")

	pinned, err := readRoot(in("root.json"))
	require.NoError(t, err)
	drafts, err := ceremony.Pending(t.Context(), repo.Client)
	require.NoError(t, err)
	require.Len(t, drafts, 1)
	require.NoError(t, drafts[0].Pin(pinned))
	for _, name := range []string{"bob", "carol"} {
		require.NoError(t, signWith(t.Context(), drafts[0], in(name)))
	}
	sent, err := drafts[0].Send(t.Context(), repo.Client)
	require.NoError(t, err)
	assert.True(t, sent.Complete)
}

func TestRotateRefuses(t *testing.T) {
	t.Parallel()
	repo, dir := repository(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	save(t, dir, "mallory")
	for name, args := range map[string][]string{
		"nothing to do":   {"-key", in("alice")},
		"unknown key":     {"-remove", "zoe"},
		"no such file":    {"-add", "dave=" + in("dave.pub")},
		"no name":         {"-add", in("dave.pub")},
		"not a signer":    {"-days", "700", "-key", in("mallory")},
		"no such root":    {"-days", "700", "-root", in("none.json")},
		"output exists":   {"-days", "700", "-key", in("alice"), "-out", in("root.json")},
		"no such folder":  {"-days", "700", "-key", in("alice"), "-key", in("bob"), "-out", in("none/next.json")},
		"no such service": {"-days", "700", "-key", in("alice"), "-api", "ftp://127.0.0.1"},
	} {
		base := []string{"-api", repo.APIURL, "-root", in("root.json"), "-out", filepath.Join(t.TempDir(), "next.json")}
		assert.Error(t, run(t.Context(), append(base, args...), io.Discard), name)
	}
	assert.Error(t, run(t.Context(), nil, io.Discard))
	assert.JSONEq(t, string(repo.RootJSON), string(repo.Root(t)))
}
