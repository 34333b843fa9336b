package repository_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2b"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuftest"
)

func downloader(t *testing.T, repo *rstuftest.Repository, change func(*repository.Config)) *repository.Reader {
	t.Helper()
	cfg := repository.Config{MetadataURL: repo.MetadataURL, ArtifactsURL: repo.ArtifactsURL, Cache: t.TempDir()}
	if change != nil {
		change(&cfg)
	}
	d, err := repository.New(cfg, repository.TrustRoot(repo.RootJSON))
	require.NoError(t, err)
	return d
}

func TestDownload(t *testing.T) {
	repo := rstuftest.New(t)
	content := []byte("the first release")
	repo.Publish(t, "dir/tool v1+ü.tgz", content)
	dest := filepath.Join(t.TempDir(), "tool")
	var done, total int64
	d := downloader(t, repo, func(cfg *repository.Config) {
		cfg.Progress = func(_ string, d, t int64) { done, total = d, t }
	})

	info, err := d.Download(t.Context(), "dir/tool v1+ü.tgz", dest)
	require.NoError(t, err)
	assert.EqualValues(t, len(content), info.Length)
	assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256(content)), info.Hashes["sha256"])
	assertFile(t, dest, content)
	assert.Equal(t, info.Length, done)
	assert.Equal(t, info.Length, total)

	done = 0
	_, err = d.Download(t.Context(), "dir/tool v1+ü.tgz", dest)
	require.NoError(t, err)
	assert.Zero(t, done, "what is there and right is left alone")
}

func assertFile(t *testing.T, name string, content []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, content, got)
	assert.NoFileExists(t, name+".part")
}

func TestDownloadRefusesWhatWasTamperedWith(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	dest := filepath.Join(t.TempDir(), "tool")
	for name, content := range map[string]string{"same length": "the_release", "longer": "the release, and more", "shorter": "the rel", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			repo.Replace("tool", []byte(content))
			for _, before := range []string{"", "what was there"} {
				os.Remove(dest)
				if before != "" {
					require.NoError(t, os.WriteFile(dest, []byte(before), 0o600))
				}
				_, err := downloader(t, repo, nil).Download(t.Context(), "tool", dest)
				require.ErrorIs(t, err, repository.ErrMismatch)
				if before != "" {
					assertFile(t, dest, []byte(before))
				} else {
					assert.NoFileExists(t, dest)
				}
				assert.NoFileExists(t, dest+".part")
			}
		})
	}
}

func TestDownloadOfWhatIsNotThere(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	dest := filepath.Join(t.TempDir(), "tool")
	d := downloader(t, repo, nil)
	_, err := d.Download(t.Context(), "other", dest)
	require.ErrorIs(t, err, repository.ErrNotFound)
	_, err = d.Info(t.Context(), "tool")
	require.NoError(t, err)

	repo.Remove(t, "tool")
	_, err = d.Info(t.Context(), "tool")
	require.NoError(t, err, "the metadata is as of the last refresh")
	require.NoError(t, d.Refresh(t.Context()))
	_, err = d.Download(t.Context(), "tool", dest)
	require.ErrorIs(t, err, repository.ErrNotFound, "though the file is still served")
	assert.NoFileExists(t, dest)
}

func TestDownloadOfAFileThatIsNotServed(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	for status, want := range map[int]error{404: repository.ErrNotFound, 410: repository.ErrNotFound, 503: repository.ErrUnavailable, 403: nil, 204: nil, 206: nil} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
		defer web.Close()
		d := downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL, cfg.HTTP.Retries = web.URL, -1 })
		dest := filepath.Join(t.TempDir(), "tool")
		_, err := d.Download(t.Context(), "tool", dest)
		require.Error(t, err, status)
		if want != nil {
			require.ErrorIs(t, err, want)
		}
		assert.Contains(t, err.Error(), fmt.Sprint("status ", status))
		assert.NoFileExists(t, dest)
	}
	d := downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL = "" })
	_, err := d.Download(t.Context(), "tool", filepath.Join(t.TempDir(), "tool"))
	require.Error(t, err)
	_, err = downloader(t, repo, nil).Download(t.Context(), "tool", t.TempDir())
	require.Error(t, err, "a folder is no place for it")
}

func TestDownloadWithoutCache(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	d := downloader(t, repo, func(cfg *repository.Config) { cfg.Cache = "" })
	dest := filepath.Join(t.TempDir(), "tool")
	_, err := d.Download(t.Context(), "tool", dest)
	require.NoError(t, err)
	assertFile(t, dest, []byte("the release"))
}

func TestDownloadThroughCustomDelegations(t *testing.T) {
	repo := rstuftest.New(t, rstuftest.WithPolicy(func(p *ceremony.Policy) {
		p.Delegations = []ceremony.Role{{Name: "tools", Paths: []string{"tools/*"}, Days: 30}, {Name: "docs", Paths: []string{"docs/*", "docs/*/*"}, Days: 30}}
	}))
	repo.Publish(t, "docs/v1/manual", []byte("read me"))
	d := downloader(t, repo, nil)
	dest := filepath.Join(t.TempDir(), "manual")
	_, err := d.Download(t.Context(), "docs/v1/manual", dest)
	require.NoError(t, err)
	assertFile(t, dest, []byte("read me"))
	for _, absent := range []string{"docs/v1/other", "tools/x", "of no role"} {
		_, err = d.Info(t.Context(), absent)
		require.ErrorIs(t, err, repository.ErrNotFound, absent)
	}

	some := rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": strings.Repeat("ab", 32)}}
	report, err := (&client.Publisher{Client: repo.Client}).Publish(t.Context(), slices.Values([]rstuf.Artifact{
		{Path: "tools/a", Info: some}, {Path: "nowhere/b", Info: some},
	}))
	assert.ErrorContains(t, err, "nowhere/b")
	assert.EqualValues(t, 1, report.Added)
	require.Len(t, report.Problems, 1)
	assert.Equal(t, "nowhere/b", report.Problems[0].Path)
}

// brittle serves one file and breaks off after so many bytes of an answer.
type brittle struct {
	content []byte
	most    int
	ranges  bool

	mu   sync.Mutex
	seen []string // Range headers
	path string
}

func (b *brittle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.seen = append(b.seen, r.Header.Get("Range"))
	b.path = r.URL.Path
	b.mu.Unlock()
	if !b.ranges {
		r.Header.Del("Range")
	}
	http.ServeContent(&breaking{w, b.most}, r, "", time.Time{}, bytes.NewReader(b.content))
}

type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) > b.left {
		b.ResponseWriter.Write(p[:b.left])
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	return b.ResponseWriter.Write(p)
}

func TestDownloadGoesOnWhereItBrokeOff(t *testing.T) {
	repo := rstuftest.New(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	repo.Publish(t, "big", content)
	server := &brittle{content: content, most: 100_000, ranges: true}
	web := httptest.NewServer(server)
	defer web.Close()
	dest := filepath.Join(t.TempDir(), "big")
	d := downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL = web.URL })
	_, err := d.Download(t.Context(), "big", dest)
	require.NoError(t, err)
	assertFile(t, dest, content)
	assert.Equal(t, "", server.seen[0])
	assert.Contains(t, server.seen[1:], "bytes=100000-")

	// The rest of an earlier run is used, unless it is of another file.
	for name, start := range map[string][]byte{"of this file": content[:250_000], "of another file": bytes.Repeat([]byte("x"), 250_000), "too long": append(content[:len(content):len(content)], 'x')} {
		t.Run(name, func(t *testing.T) {
			server.seen, server.most = nil, len(content)
			dest := filepath.Join(t.TempDir(), "big")
			require.NoError(t, os.WriteFile(dest+".part", start, 0o600))
			_, err := d.Download(t.Context(), "big", dest)
			require.NoError(t, err)
			assertFile(t, dest, content)
			if name == "of this file" {
				assert.Equal(t, []string{"bytes=250000-"}, server.seen)
			}
		})
	}
}

func TestDownloadFromAServerWithoutRanges(t *testing.T) {
	repo := rstuftest.New(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	repo.Publish(t, "big", content)
	server := &brittle{content: content, most: 200_000}
	web := httptest.NewServer(server)
	defer web.Close()
	dest := filepath.Join(t.TempDir(), "big")
	d := downloader(t, repo, func(cfg *repository.Config) {
		cfg.ArtifactsURL, cfg.HTTP.Retries = web.URL, 2
	})
	_, err := d.Download(t.Context(), "big", dest)
	require.ErrorIs(t, err, repository.ErrUnavailable)
	assert.LessOrEqual(t, len(server.seen), 4, "it does not go on for ever")
	server.most = len(content)
	_, err = d.Download(t.Context(), "big", dest)
	require.NoError(t, err)
	assertFile(t, dest, content)
}

func TestDownloadThatStalls(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "tool", []byte("the release"))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("the"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer web.Close()
	d := downloader(t, repo, func(cfg *repository.Config) {
		cfg.ArtifactsURL, cfg.HTTP.Timeout, cfg.HTTP.Retries = web.URL, 2*time.Second, -1
	})
	require.NoError(t, d.Refresh(t.Context()))
	_, err := d.Download(t.Context(), "tool", filepath.Join(t.TempDir(), "tool"))
	require.ErrorIs(t, err, repository.ErrUnavailable)
	assert.Contains(t, err.Error(), "sent nothing")
}

func TestDownloadByHashPrefix(t *testing.T) {
	repo := rstuftest.New(t)
	repo.Publish(t, "dir/tool", []byte("the release"))
	server := &brittle{content: []byte("the release"), most: 100}
	web := httptest.NewServer(server)
	defer web.Close()
	d := downloader(t, repo, func(cfg *repository.Config) {
		cfg.ArtifactsURL, cfg.HashPrefix = web.URL+"/files/", true
	})
	_, err := d.Download(t.Context(), "dir/tool", filepath.Join(t.TempDir(), "tool"))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("/files/dir/%x.tool", sha256.Sum256([]byte("the release"))), server.path)
}

// TestDownloadByOtherHashes: RSTUF's own command writes blake2b-256 alone.
func TestDownloadByOtherHashes(t *testing.T) {
	repo := rstuftest.New(t)
	content := []byte("the release")
	repo.Replace("blake", content)
	sum := blake2b.Sum256(content)
	add := func(path, algorithm, digest string) {
		task, err := repo.Client.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: path,
			Info: rstuf.ArtifactInfo{Length: int64(len(content)), Hashes: map[string]string{algorithm: digest}}}}})
		require.NoError(t, err)
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
	}
	add("blake", "blake2b-256", fmt.Sprintf("%x", sum))
	_, err := repo.Client.AddArtifacts(t.Context(), rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{{Path: "weak",
		Info: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"md5": strings.Repeat("0", 32)}}}}})
	require.ErrorContains(t, err, "clients check no other")
	d := downloader(t, repo, nil)
	dest := filepath.Join(t.TempDir(), "f")
	_, err = d.Download(t.Context(), "blake", dest)
	require.NoError(t, err)
	assertFile(t, dest, content)
}

// TestDownloadStaysInItsFolder: a path of the metadata leads to nothing else
// on the server.
func TestDownloadStaysInItsFolder(t *testing.T) {
	repo := rstuftest.New(t)
	asked := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++ }))
	defer web.Close()
	paths := []string{"../secret", "a/../../secret", "a/..", "./a", ".."}
	d := downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL = web.URL + "/files/" })
	for _, path := range paths {
		dest := filepath.Join(t.TempDir(), "tool")
		_, err := d.Download(t.Context(), path, dest)
		assert.ErrorContains(t, err, "leads out of the folder", path)
		assert.NoFileExists(t, dest)
	}
	for _, path := range []string{"", "/", "missing", "%2e%2e/x", "a\x00b"} {
		_, err := d.Download(t.Context(), path, filepath.Join(t.TempDir(), "tool"))
		assert.ErrorIs(t, err, repository.ErrNotFound, path)
	}
	assert.Zero(t, asked)
}

func TestInfoThatCannotBe(t *testing.T) {
	hashes := map[string]string{"sha256": strings.Repeat("0", 64)}
	assert.NoError(t, repository.CheckInfo(rstuf.ArtifactInfo{Hashes: hashes}))
	assert.ErrorContains(t, repository.CheckInfo(rstuf.ArtifactInfo{Hashes: hashes, Length: -1}), "negative")
	assert.ErrorContains(t, repository.CheckInfo(rstuf.ArtifactInfo{Hashes: map[string]string{"md5": "00"}}), "no hash that can be checked")
}

// TestDownloaderPrintsNoSecrets: what a careless log line shows of it.
func TestDownloaderPrintsNoSecrets(t *testing.T) {
	cfg := repository.Config{
		MetadataURL: "http://me:hunter2@127.0.0.1/metadata", ArtifactsURL: "http://me:hunter2@127.0.0.1/files",
		HTTP: repository.HTTPConfig{Header: http.Header{"X-Api-Key": {"hunter2"}}},
	}
	d, err := repository.New(cfg, repository.TrustRoot(rstuftest.New(t).RootJSON))
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(verb, d), "hunter2")
		assert.NotContains(t, fmt.Sprintf(verb, struct{ D any }{d}), "hunter2")
	}
}

// TestDownloadsOfOneFile: two at a time would write into each other's, also
// into the one that is verified and in its place already.
func TestDownloadsOfOneFile(t *testing.T) {
	repo := rstuftest.New(t)
	content := []byte("the release")
	repo.Publish(t, "tool", content)
	arrived, release := make(chan struct{}), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		w.Write(content)
	}))
	defer web.Close()
	d := downloader(t, repo, func(cfg *repository.Config) { cfg.ArtifactsURL = web.URL })
	dest := filepath.Join(t.TempDir(), "tool")
	first := make(chan error)
	go func() {
		_, err := d.Download(t.Context(), "tool", dest)
		first <- err
	}()
	<-arrived
	_, err := d.Download(t.Context(), "tool", dest)
	assert.ErrorContains(t, err, "another download")
	close(release)
	require.NoError(t, <-first)
	assertFile(t, dest, content)
}
