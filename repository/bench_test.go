package repository_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// large is a repository of 16,384 hash bins as RSTUF makes them, with a million
// artifacts.
var large = sync.OnceValue(func() map[string][]byte {
	const bins, artifacts = 16384, 1_000_000
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	alice, err := keys.Generate(keys.Ed25519, "alice")
	check(err)
	online, err := keys.Generate(keys.Ed25519, "online")
	check(err)
	expires := time.Now().AddDate(1, 0, 0)
	files := map[string][]byte{}
	put := func(role string, version int64, doc *metadata.Document, err error, key *keys.Private) {
		check(err)
		check(doc.Sign(context.Background(), key))
		files[metadata.Filename(role, version)] = doc.Bytes()
	}
	root, err := metadata.NewRoot([]keys.Public{alice.Public()}, 1, online.Public(), expires)
	check(err)
	doc, err := metadata.New(root)
	put(rstuf.RoleRoot, 1, doc, err, alice)
	all, err := metadata.NewHashBins(bins)
	check(err)
	paths := make([][]string, bins)
	for i := range artifacts {
		path := fmt.Sprintf("pkg/%03d/file-%07d.tar.gz", i%1000, i)
		paths[all.Index(path)] = append(paths[all.Index(path)], path)
	}
	meta := map[string]metadata.MetaFile{"targets.json": {Version: 1}}
	for i := range bins {
		content := &metadata.Targets{Version: 1, Expires: expires, Targets: map[string]metadata.TargetFile{}}
		for n, path := range paths[i] {
			content.Targets[path] = metadata.TargetFile{ArtifactInfo: rstuf.ArtifactInfo{Length: int64(n), Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)}}}
		}
		doc, err := metadata.New(content)
		put(all.Name(i), 1, doc, err, online)
		meta[all.Name(i)+".json"] = metadata.MetaFile{Version: 1}
	}
	id := online.Public().ID()
	doc, err = metadata.New(&metadata.Targets{Version: 1, Expires: expires, Targets: map[string]metadata.TargetFile{}, Delegations: &metadata.Delegations{
		Keys: map[string]rstuf.Key{id: online.Public().Key()}, Succinct: all.SuccinctRoles(id),
	}})
	put(rstuf.RoleTargets, 1, doc, err, online)
	doc, err = metadata.New(&metadata.Snapshot{Version: 1, Expires: expires, Meta: meta})
	put(rstuf.RoleSnapshot, 1, doc, err, online)
	doc, err = metadata.New(&metadata.Timestamp{Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{"snapshot.json": {Version: 1}}})
	put(rstuf.RoleTimestamp, 1, doc, err, online)
	return files
})

func serveLarge(b *testing.B) (url string, root []byte) {
	files := large()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(data))) // as web servers do for files
		w.Write(data)
	}))
	b.Cleanup(server.Close)
	return server.URL, files["1.root.json"]
}

func benchReader(b *testing.B, url string, root []byte) *repository.Reader {
	r, err := repository.New(repository.Config{MetadataURL: url}, repository.TrustRoot(root))
	require.NoError(b, err)
	return r
}

// BenchmarkRefresh is a cold one: every top-level file over loopback.
func BenchmarkRefresh(b *testing.B) {
	url, root := serveLarge(b)
	b.Run("repository", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, benchReader(b, url, root).Refresh(b.Context()))
		}
	})
	b.Run("go-tuf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			cfg, err := config.New(url, root)
			require.NoError(b, err)
			cfg.DisableLocalCache = true
			peer, err := updater.New(cfg)
			require.NoError(b, err)
			require.NoError(b, peer.Refresh())
		}
	})
}

// BenchmarkInfo looks up one artifact after the other, each in another bin.
func BenchmarkInfo(b *testing.B) {
	url, root := serveLarge(b)
	r := benchReader(b, url, root)
	require.NoError(b, r.Refresh(b.Context()))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_, err := r.Info(b.Context(), fmt.Sprintf("pkg/%03d/file-%07d.tar.gz", i%1000, i))
		require.NoError(b, err)
		i = (i + 1) % 1_000_000
	}
}

// BenchmarkArtifacts lists and verifies a million artifacts.
func BenchmarkArtifacts(b *testing.B) {
	url, root := serveLarge(b)
	r := benchReader(b, url, root)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range r.Artifacts(b.Context()) {
			require.NoError(b, err)
			n++
		}
		require.Equal(b, 1_000_000, n)
	}
}
