package gotuf_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tuf "github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/gotuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/keys/kms"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

// there converts a document to go-tuf's type and back.
func there(doc *metadata.Document) (*metadata.Document, error) {
	switch doc.Type() {
	case rstuf.RoleRoot:
		return thereAndBack[tuf.RootType](doc)
	case rstuf.RoleSnapshot:
		return thereAndBack[tuf.SnapshotType](doc)
	case rstuf.RoleTimestamp:
		return thereAndBack[tuf.TimestampType](doc)
	}
	return thereAndBack[tuf.TargetsType](doc)
}

func thereAndBack[T tuf.Roles](doc *metadata.Document) (*metadata.Document, error) {
	meta, err := gotuf.Metadata[T](doc)
	if err != nil {
		return nil, err
	}
	return gotuf.Document(meta)
}

// What deployments have published is the same on both sides, to the byte that
// signatures cover.
func TestRecordedRepositories(t *testing.T) {
	files, err := filepath.Glob("../testdata/recordings/*.repository/*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), 20)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		doc, err := metadata.Parse(data)
		require.NoError(t, err, file)
		back, err := there(doc)
		require.NoError(t, err, file)
		assert.Equal(t, string(doc.Canonical()), string(back.Canonical()), file)
		assert.Equal(t, doc.Signatures(), back.Signatures(), file)
	}
}

// What go-tuf can't hold is an error that says where.
func TestWhatGoTUFCannotHold(t *testing.T) {
	const head = `"_type":"targets","spec_version":"1.0.31","version":1,`
	const targets = head + `"expires":"2030-01-01T00:00:00Z",`
	for name, c := range map[string]struct{ file, text string }{
		"fraction":      {`{` + head + `"expires":"2030-01-01T00:00:00.500Z","targets":{}}`, `.500Z\"`},
		"large integer": {`{` + targets + `"targets":{},"x-big":12345678901234567890}`, "x-big"},
		"no artifact":   {`{` + targets + `"targets":{"x":null}}`, "go-tuf can't read the targets: it panics"},
		"odd hash":      {`{` + targets + `"targets":{"x":{"length":1,"hashes":{"sha256":"x"}}}}`, "go-tuf can't read the targets"},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := metadata.Parse(fmt.Appendf(nil, `{"signatures":[],"signed":%s}`, c.file))
			require.NoError(t, err)
			_, err = there(doc)
			require.ErrorContains(t, err, c.text)
		})
	}
}

// Sigstore's keys and signatures are nothing that go-tuf reads.
func TestSigstore(t *testing.T) {
	alice := tuftest.Key(t, "alice")
	root, err := metadata.NewRoot([]keys.Public{alice.Public(), keys.Sigstore("a@example.org", "https://issuer.example.org", "someone")},
		1, tuftest.Key(t, "online").Public(), time.Now().AddDate(1, 0, 0))
	require.NoError(t, err)
	_, err = gotuf.Metadata[tuf.RootType](tuftest.Document(t, root, alice))
	require.ErrorIs(t, err, gotuf.ErrDiffers)
	_, err = gotuf.Metadata[tuf.TargetsType](tuftest.Document(t, root, alice))
	require.ErrorContains(t, err, "expected metadata type targets, got - root")
	_, err = gotuf.Metadata[tuf.RootType](nil)
	require.Error(t, err)
	_, err = gotuf.Document[tuf.RootType](nil)
	require.Error(t, err)
}

// go-tuf signs with our keys of every type, we verify it, and the reverse.
func TestSigners(t *testing.T) {
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.RSA2048} {
		t.Run(string(kind), func(t *testing.T) {
			key, err := keys.Generate(kind, "")
			require.NoError(t, err)
			online := tuftest.Key(t, "online")
			root, err := metadata.NewRoot([]keys.Public{key.Public()}, 1, online.Public(), time.Now().AddDate(1, 0, 0))
			require.NoError(t, err)
			meta, err := gotuf.Metadata[tuf.RootType](tuftest.Document(t, root))
			require.NoError(t, err)
			signer, err := gotuf.Signer(key)
			require.NoError(t, err)
			signature, err := meta.Sign(signer)
			require.NoError(t, err)
			assert.Equal(t, key.Public().ID(), signature.KeyID)
			doc, err := gotuf.Document(meta)
			require.NoError(t, err)
			require.NoError(t, metadata.VerifyRootChain([]*metadata.Document{doc}))

			back, err := kms.NewSigner(t.Context(), signer, "")
			require.NoError(t, err)
			_, err = back.Sign(t.Context(), []byte("there and back"))
			require.NoError(t, err)
			assert.True(t, back.Public().Same(key.Public()))

			ours, err := gotuf.Metadata[tuf.RootType](tuftest.Document(t, root, key))
			require.NoError(t, err)
			require.NoError(t, ours.VerifyDelegate("root", ours))
		})
	}
	_, err := gotuf.Signer(nil)
	require.Error(t, err)
}

// With our fetcher go-tuf's updater passes the whole suite.
func TestFetcher(t *testing.T) {
	t.Parallel()
	rstuftest.TestDownloader(t, func(ctx context.Context, q rstuftest.Request) ([]byte, error) {
		cfg, err := config.New(q.MetadataURL, q.Root)
		if err != nil {
			return nil, err
		}
		cfg.RemoteTargetsURL, cfg.PrefixTargetsWithHash = q.ArtifactsURL, false
		cfg.LocalMetadataDir, cfg.LocalTargetsDir = q.Cache, q.Folder
		fetcher, err := gotuf.NewFetcher(gotuf.FetcherConfig{
			MetadataURL: q.MetadataURL, ArtifactsURL: q.ArtifactsURL,
			HTTP: repository.HTTPConfig{HTTPClient: q.HTTPClient, Header: q.Header},
		})
		if err != nil {
			return nil, err
		}
		cfg.Fetcher = fetcher.WithContext(ctx)
		up, err := updater.New(cfg)
		if err == nil {
			err = up.Refresh()
		}
		if err != nil {
			return nil, err
		}
		info, err := up.GetTargetInfo(q.Artifact)
		if err != nil {
			return nil, err
		}
		_, content, err := up.DownloadTarget(info, "", "")
		return content, err
	}, nil)
}

func TestFetcherErrors(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "pkg/a", []byte("a"))
	f, err := gotuf.NewFetcher(gotuf.FetcherConfig{MetadataURL: repo.MetadataURL, ArtifactsURL: repo.ArtifactsURL})
	require.NoError(t, err)
	data, err := f.DownloadFile(repo.ArtifactsURL+"pkg/a", 1, 0)
	require.NoError(t, err)
	assert.Equal(t, "a", string(data))
	_, err = f.DownloadFile(repo.MetadataURL+"9.root.json", 100, 0)
	var status *tuf.ErrDownloadHTTP
	require.ErrorAs(t, err, &status)
	assert.Equal(t, http.StatusNotFound, status.StatusCode)
	_, err = f.DownloadFile(repo.MetadataURL+"timestamp.json", 10, 0)
	var length *tuf.ErrDownloadLengthMismatch
	require.ErrorAs(t, err, &length)
	_, err = f.DownloadFile("http://elsewhere.example/x", 10, 0)
	require.ErrorContains(t, err, "is neither below")
	_, err = f.DownloadFile(repo.ArtifactsURL+"../metadata/timestamp.json", 1000, 0)
	require.ErrorContains(t, err, "leads out")
	_, err = gotuf.NewFetcher(gotuf.FetcherConfig{MetadataURL: repo.MetadataURL, ArtifactsURL: "ftp://x"})
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.WithContext(ctx).DownloadFile(repo.ArtifactsURL+"pkg/a", 1, 0)
	require.ErrorIs(t, err, context.Canceled)
}
