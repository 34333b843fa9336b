package rstuftest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf/ceremony"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// ours downloads with package repository.
func ours(ctx context.Context, q rstuftest.Request) ([]byte, error) {
	reader, err := repository.New(repository.Config{
		MetadataURL: q.MetadataURL, ArtifactsURL: q.ArtifactsURL, Cache: q.Cache,
		HTTP: repository.HTTPConfig{HTTPClient: q.HTTPClient, Header: q.Header},
	}, repository.TrustRoot(q.Root))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(q.Folder, "artifact")
	if _, err := reader.Download(ctx, q.Artifact, file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

func TestOurs(t *testing.T) {
	t.Parallel()
	rstuftest.TestDownloader(t, ours, nil)
}

// goTUF downloads with go-tuf's updater, which knows no contexts.
func goTUF(_ context.Context, q rstuftest.Request) ([]byte, error) {
	cfg, err := config.New(q.MetadataURL, q.Root)
	if err != nil {
		return nil, err
	}
	cfg.RemoteTargetsURL, cfg.PrefixTargetsWithHash = q.ArtifactsURL, false
	cfg.LocalMetadataDir, cfg.LocalTargetsDir = q.Cache, q.Folder
	if err := cfg.SetDefaultFetcherHTTPClient(&http.Client{Transport: withHeader{q}}); err != nil {
		return nil, err
	}
	up, err := updater.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := up.Refresh(); err != nil {
		return nil, err
	}
	info, err := up.GetTargetInfo(q.Artifact)
	if err != nil {
		return nil, err
	}
	_, content, err := up.DownloadTarget(info, "", "")
	return content, err
}

// withHeader sends credentials with every request, as whoever gives go-tuf a
// transport of their own easily does.
type withHeader struct{ rstuftest.Request }

func (h withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range h.Header {
		r.Header[name] = values
	}
	return h.HTTPClient.Transport.RoundTrip(r)
}

// goTUFFails are what go-tuf's updater (v2.4.2) does otherwise than it must.
var goTUFFails = map[string]string{
	"strange path":                                        "it makes a URL of the path as it is, so that a percent sign in it spoils it",
	"slow retrieval of the timestamp":                     "it takes no context and has no timeout; a timeout of its http.Client would bound whole files",
	"slow retrieval of an artifact":                       "it takes no context and has no timeout; a timeout of its http.Client would bound whole files",
	"redirect of metadata that carries credentials away":  "it knows no credentials: a transport that adds them adds them for every host",
	"redirect of artifacts that carries credentials away": "it knows no credentials: a transport that adds them adds them for every host",
}

func TestGoTUF(t *testing.T) {
	t.Parallel()
	rstuftest.TestDownloader(t, goTUF, goTUFFails)
}

// caught are the attacks that a downloader falls to for want of one check.
var caught = map[flaw][]string{
	"artifact hashes":       {"wrong software"},
	"names":                 {"artifact whose name leaves the folder", "role whose name leaves the folder"},
	"signatures":            {"metadata signed by strangers", "root signed by strangers", "role signed by a key of another role", "revoked key", "intermediate root withheld"},
	"key ids of signatures": {"threshold faked by foreign key ids"},
	"distinct signatures":   {"threshold faked by duplicate signatures"},
	"distinct keys":         {"threshold faked by duplicate keys"},
	"expiry":                {"freeze", "freeze of the snapshot", "freeze of root"},
	"root by root":          {"root signed by strangers", "root signed for itself alone"},
	"root versions":         {"intermediate root skipped", "root of the same version again"},
	"recovery":              {"fast-forward"},
	"versions":              {"mix and match of the snapshot", "mix and match of targets"},
	"rollback":              {"rollback of the timestamp", "rollback of the snapshot"},
	"rollback of roles":     {"rollback of targets", "role taken out of the snapshot"},
	"visited roles":         {"cycle of delegations"},
	"bounded search":        {"flood of delegations"},
	"patience":              {"slow retrieval of the timestamp", "slow retrieval of an artifact"},
	"credentials":           {"redirect of metadata that carries credentials away", "redirect of artifacts that carries credentials away"},
	"bounds": {
		"endless timestamp", "endless root", "endless artifact",
		"compressed bomb for a timestamp", "compressed bomb for an artifact",
	},
}

// TestEachAttackCatchesSomebody: a downloader that makes all checks passes, and
// for want of each check it falls to attacks, so that every attack is one.
func TestEachAttackCatchesSomebody(t *testing.T) {
	t.Parallel()
	t.Run("without flaws", func(t *testing.T) { rstuftest.TestDownloader(t, without(), nil) })
	left := map[string]bool{}
	for _, attack := range rstuftest.Attacks() {
		left[attack.Name] = true
	}
	for missing, names := range caught {
		for _, name := range names {
			t.Run(string(missing)+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					attack := rstuftest.AttackNamed(t, name)
					err := attack.Try(t, without(missing))
					require.ErrorContains(t, err, "the client must "+attack.Must)
					t.Log(err)
				})
			})
			delete(left, name)
		}
	}
	assert.Empty(t, left, "attacks that no flaw falls to")
}

// TestApply applies each attack to a repository on real sockets, and undoes it.
func TestApply(t *testing.T) {
	t.Parallel()
	repo := rstuftest.New(t, rstuftest.WithRole(ceremony.Role{Name: "people", Paths: []string{"*"}}, "carol", "dave"))
	for range 2 {
		repo.Stage(t, "app", []byte("app"))
		repo.Sign(t, "people")
	}
	for _, attack := range rstuftest.Attacks() {
		undo := attack.Apply(t, repo)
		assert.Contains(t, failure(t, func(t testing.TB) { attack.Apply(t, repo) }), "there is an attack already", attack.Name)
		undo()
		require.Equal(t, "app", string(repo.Get(t, "app")), "after %s", attack)
	}
	fresh := rstuftest.New(t)
	for _, name := range []string{"rollback of the timestamp", "rollback of the snapshot", "rollback of targets"} {
		attack := rstuftest.AttackNamed(t, name)
		assert.Contains(t, failure(t, func(t testing.TB) { attack.Apply(t, fresh) }), "there is nothing older", name)
	}
	assert.Contains(t, failure(t, func(t testing.TB) { rstuftest.AttackNamed(t, "freze") }), `there is no attack "freze"`)
	undo := rstuftest.AttackNamed(t, "freeze").Apply(t, fresh)
	reader := fresh.Reader(t)
	fresh.Publish(t, "late", []byte("late"))
	_, err := reader.Info(t.Context(), "late")
	require.ErrorIs(t, err, repository.ErrNotFound)
	undo()
	require.NoError(t, reader.Refresh(t.Context()))
	_, err = reader.Info(t.Context(), "late")
	require.NoError(t, err)
}

// TestNames: each attack is described, under a name of its own.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, attack := range rstuftest.Attacks() {
		assert.False(t, seen[attack.Name], attack.Name)
		seen[attack.Name] = true
		for what, text := range map[string]string{"Name": attack.Name, "Text": attack.Text, "Must": attack.Must} {
			assert.NotEmpty(t, text, "%s of %s", what, attack)
		}
		assert.True(t, strings.HasSuffix(attack.Text, "."), attack.Name)
	}
}

// TestTable: the table in docs/clients.md has every attack, and what becomes of it.
func TestTable(t *testing.T) {
	docs, err := os.ReadFile("../docs/clients.md")
	require.NoError(t, err)
	for _, attack := range rstuftest.Attacks() {
		goTUF := "holds"
		if goTUFFails[attack.Name] != "" {
			goTUF = "falls"
		}
		assert.Contains(t, string(docs), fmt.Sprintf("\n| %s | %s | holds | %s |\n", attack, attack.Section, goTUF))
	}
}
