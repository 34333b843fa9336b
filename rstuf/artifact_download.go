package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/rstuf/internal/config"
	"github.com/spf13/cobra"
)

// downloadCommand is what the flags of rstuf artifact download say.
type downloadCommand struct {
	*app
	repo       repositoryFlags
	artifacts  string
	hashPrefix bool
	dir        string
	noCache    bool
}

func newArtifactDownloadCommand(a *app) *cobra.Command {
	c := &downloadCommand{app: a}
	cmd := &cobra.Command{
		Use:   "download NAME...",
		Short: "Download artifacts and verify them",
		Long: `Download artifacts and verify them against the repository's metadata, from the
trusted root on. A file appears only when it is complete and right, under its
path in the download folder (downloads).

Where the repository is and what is trusted comes from the flags, else from the
current repository of the settings. Verified metadata is kept in
~/.local/share/rstuf, so that a server can't pass off an older state of the
repository as the newest; --trust-first-root-unsafe pins there the root of the
first time.`,
		Example: `  rstuf artifact download app-1.0.tar.gz
  rstuf artifact download releases/app.tar.gz -r root.json -m https://metadata.example.com -a https://files.example.com -P .`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd.Context(), args, cmd.Flags().Changed("hash-prefix"))
		},
	}
	c.repo.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&c.artifacts, "artifacts-url", "a", "", "base `URL` of the artifacts")
	flags.BoolVarP(&c.hashPrefix, "hash-prefix", "p", false, "artifacts are stored as HASH.NAME")
	flags.StringVarP(&c.dir, "directory-prefix", "P", "", "download `FOLDER`")
	flags.BoolVar(&c.noCache, "no-cache", false, "keep no metadata")
	return cmd
}

// download is what became of one artifact.
type download struct {
	Name string `json:"name"`
	File string `json:"file"`
	rstuf.ArtifactInfo
}

func (c *downloadCommand) run(ctx context.Context, names []string, prefixGiven bool) error {
	repo, err := c.repository(&c.repo)
	if err != nil {
		return err
	}
	if c.artifacts != "" {
		repo.ArtifactBaseURL = c.artifacts
	}
	if prefixGiven {
		repo.HashPrefix = c.hashPrefix
	}
	if c.dir != "" {
		repo.DownloadDir = c.dir
	}
	if repo.DownloadDir == "" {
		repo.DownloadDir = "downloads"
	}
	if repo.ArtifactBaseURL == "" {
		return usagef("nothing says where the artifacts are: give --artifacts-url")
	}
	downloader, err := c.downloader(ctx, repo)
	if err != nil {
		return err
	}
	results := []download{}
	for _, name := range names {
		result, err := c.download(ctx, downloader, repo.DownloadDir, name)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	return c.result(results, func() {
		for _, r := range results {
			c.printf("%s: %d bytes, verified", r.File, r.Length)
		}
	})
}

func (c *downloadCommand) downloader(ctx context.Context, repo config.Repository) (*client.Downloader, error) {
	trust := client.TrustOnFirstUseUnsafe()
	if c.repo.root != "" || len(repo.TrustedRoot) > 0 || !c.repo.unsafe {
		root, err := c.trustedRoot(ctx, &c.repo, repo)
		if err != nil {
			return nil, err
		}
		trust = client.TrustRoot(root.Bytes())
	}
	// The API's headers and token are none of the business of the servers
	// that artifacts come from.
	header, err := flagHeader(c.api.headers)
	if err != nil {
		return nil, err
	}
	bar := c.bar()
	cfg := client.DownloaderConfig{
		MetadataURL:  repo.MetadataURL,
		ArtifactsURL: repo.ArtifactBaseURL,
		HashPrefix:   repo.HashPrefix,
		HTTP:         client.Config{Header: header, UserAgent: "rstuf/" + version()},
		Progress: func(name string, done, total int64) {
			if done == total {
				bar.clear()
				return
			}
			bar.show(fmt.Sprintf("%s %d of %d bytes of %s", gauge(done, total), done, total, printable(name)))
		},
	}
	if !c.noCache {
		if cfg.Cache, err = cacheFolder(repo.MetadataURL); err != nil {
			return nil, err
		}
	}
	return client.NewDownloader(cfg, trust)
}

// cacheFolder is where the metadata of one repository is kept.
func cacheFolder(metadataURL string) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no place to keep metadata: %w: give --no-cache", err)
	}
	sum := sha256.Sum256([]byte(metadataURL))
	return filepath.Join(home, ".local", "share", "rstuf", "go-"+hex.EncodeToString(sum[:8])), nil
}

// download puts one artifact under its path in the folder.
func (c *downloadCommand) download(ctx context.Context, downloader *client.Downloader, dir, name string) (download, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return download{}, usagef("%q is no path inside a folder", name)
	}
	file := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := downloader.Info(ctx, name); err != nil {
		return download{}, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return download{}, err
	}
	info, err := downloader.Download(ctx, name, file)
	return download{name, file, info}, err
}
