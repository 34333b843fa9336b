package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/repository"
)

// downloadCommand is what the flags of rstuf artifact download say.
type downloadCommand struct {
	*app
	repo artifactFlags
	dir  string
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
~/.local/share/rstuf (or under XDG_DATA_HOME), so that a server can't pass off an
older state of the repository as the newest; --trust-first-root-unsafe pins there
the root of the first time.`,
		Example: `  rstuf artifact download app-1.0.tar.gz
  rstuf artifact download releases/app.tar.gz -r root.json \
      -m https://metadata.example.com -a https://files.example.com -P .`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.repo.add(cmd)
	cmd.Flags().StringVarP(&c.dir, "directory-prefix", "P", "", "download `FOLDER`")
	return cmd
}

// download is what became of one artifact.
type download struct {
	Name string `json:"name"`
	File string `json:"file"`
	rstuf.ArtifactInfo
}

func (c *downloadCommand) run(ctx context.Context, names []string) error {
	repo, err := c.artifacts(&c.repo)
	if err != nil {
		return err
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
	bar := c.bar()
	reader, err := c.reader(ctx, &c.repo.readFlags, repo, func(name string, done, total int64) {
		if done == total {
			bar.clear()
			return
		}
		bar.show(fmt.Sprintf("%s %d of %d bytes of %s", gauge(done, total), done, total, name))
	})
	if err != nil {
		return err
	}
	results := []download{}
	for _, name := range names {
		result, err := c.download(ctx, reader, repo.DownloadDir, name)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	return c.result(results, func() {
		for _, r := range results {
			c.printf("%s: %s, verified", r.File, quote.Count(r.Length, "byte"))
		}
	})
}

// download puts one artifact under its path in the folder.
func (c *downloadCommand) download(ctx context.Context, reader *repository.Reader, dir, name string) (download, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return download{}, usagef("%q is no path inside a folder", name)
	}
	file := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := reader.Info(ctx, name); err != nil {
		return download{}, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return download{}, err
	}
	info, err := reader.Download(ctx, name, file)
	return download{name, file, info}, err
}
