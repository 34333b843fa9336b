package metadata_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/testdir"
	"example.org/rstuf/metadata"
)

// A published is everything that a deployment has published, by file name.
type published map[string]*metadata.Document

// readPublished reads the repositories that real deployments have published.
func readPublished(t testing.TB) map[string]published {
	t.Helper()
	files, err := filepath.Glob(testdir.Recordings + "/*.repository/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	repositories := map[string]published{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		d, err := metadata.Parse(data)
		require.NoError(t, err, file)
		require.Equal(t, string(data), string(d.Bytes()), file)
		dir := strings.TrimSuffix(filepath.Base(filepath.Dir(file)), ".repository")
		if repositories[dir] == nil {
			repositories[dir] = published{}
		}
		repositories[dir][filepath.Base(file)] = d
	}
	return repositories
}

// versions returns all versions of a role, the oldest first.
func (p published) versions(role string) (list []*metadata.Document) {
	for name, d := range p {
		if name == metadata.Filename(role, d.Version()) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *metadata.Document) int { return cmp.Compare(a.Version(), b.Version()) })
	return list
}

func TestPublishedRootChains(t *testing.T) {
	t.Parallel()
	for name, repository := range readPublished(t) {
		roots := repository.versions(rstuf.RoleRoot)
		require.NotEmpty(t, roots, name)
		assert.NoError(t, metadata.VerifyRootChain(roots), name)
		for i, d := range roots {
			assert.NoError(t, metadata.CheckRoot(d, d.Expires().AddDate(0, 0, -1)), name)
			if i == 0 {
				continue
			}
			old, err := roots[i-1].Root()
			require.NoError(t, err)
			next, err := d.Root()
			require.NoError(t, err)
			assert.NoError(t, metadata.CheckNextRoot(old, next), name)
			assert.Error(t, metadata.VerifyRootChain([]*metadata.Document{d, roots[i-1]}), "a chain backwards")
		}
	}
}

// A client of today: every file that timestamp leads to.
func TestPublishedLatest(t *testing.T) {
	t.Parallel()
	for name, repository := range readPublished(t) {
		roots := repository.versions(rstuf.RoleRoot)
		root, err := roots[len(roots)-1].Root()
		require.NoError(t, err)
		get := func(file string, d metadata.Delegation, err error) *metadata.Document {
			require.NoError(t, err, file)
			doc, ok := repository[file]
			require.True(t, ok, "%s/%s", name, file)
			require.NoError(t, d.Verify(doc).Err(), "%s/%s", name, file)
			return doc
		}
		delegation, err := root.Delegation(rstuf.RoleTimestamp)
		timestamp, err := get("timestamp.json", delegation, err).Timestamp()
		require.NoError(t, err)
		delegation, err = root.Delegation(rstuf.RoleSnapshot)
		snapshot, err := get(metadata.Filename(rstuf.RoleSnapshot, timestamp.Meta["snapshot.json"].Version), delegation, err).Snapshot()
		require.NoError(t, err)
		delegation, err = root.Delegation(rstuf.RoleTargets)
		targets, err := get(metadata.Filename(rstuf.RoleTargets, snapshot.Meta["targets.json"].Version), delegation, err).Targets()
		require.NoError(t, err)
		assert.Greater(t, len(snapshot.Meta), 1, "no delegated role in %s", name)
		for file, meta := range snapshot.Meta {
			if role := strings.TrimSuffix(file, ".json"); role != rstuf.RoleTargets {
				delegation, err := targets.Delegation(role)
				get(metadata.Filename(role, meta.Version), delegation, err)
			}
		}
	}
}

// broken are files that no implementation verifies. The deployment signed this
// snapshot with extra.json in it, and wrote it without.
var broken = []string{"custom-delegations/8.snapshot.json"}

// Every file that was ever published, by a delegation of its time.
func TestPublishedEver(t *testing.T) {
	t.Parallel()
	for name, repository := range readPublished(t) {
		for file, d := range repository {
			again, err := metadata.New(body(t, d))
			require.NoError(t, err, "%s/%s", name, file)
			assert.Equal(t, string(d.Canonical()), string(again.Canonical()), "%s/%s", name, file)

			role := strings.TrimSuffix(file, ".json")
			if role != rstuf.RoleTimestamp {
				_, role, _ = strings.Cut(role, ".")
			}
			verified := false
			for _, by := range slices.Concat(repository.versions(rstuf.RoleRoot), repository.versions(rstuf.RoleTargets)) {
				if delegation, ok := delegationOf(t, by, role); ok {
					verified = verified || delegation.Verify(d).OK()
				}
			}
			file = name + "/" + file
			assert.Equal(t, !slices.Contains(broken, file), verified, file)
		}
	}
}

func delegationOf(t *testing.T, by *metadata.Document, role string) (d metadata.Delegation, ok bool) {
	var err error
	switch b := body(t, by).(type) {
	case *metadata.Root:
		d, err = b.Delegation(role)
	case *metadata.Targets:
		d, err = b.Delegation(role)
	}
	return d, err == nil
}
