package cmd

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

// mirrorCommand is what the flags of rstuf artifact mirror say.
type mirrorCommand struct {
	*app
	repo         artifactFlags
	metadataOnly bool
}

func newArtifactMirrorCommand(a *app) *cobra.Command {
	c := &mirrorCommand{app: a}
	cmd := &cobra.Command{
		Use:   "mirror FOLDER [PATTERN]...",
		Short: "Copy a repository, verified, to a folder",
		Long: `Copy a repository to FOLDER/metadata and FOLDER/artifacts, for a web server or to
carry it to where there is no network (file: URLs). All is verified from the
trusted root on; what is there and right is left alone, and the timestamp comes
last. With patterns (*, ? and [] do not match /) only artifacts whose path fits
one are copied. Give the first root, so that clients of every age can follow.

An artifact that the server lacks, or has otherwise than the metadata says, is
an error; the rest is copied all the same.`,
		Example: `  rstuf artifact mirror /media/usb/repository
  rstuf artifact mirror mirror 'releases/*' -r 1.root.json \
      -m https://metadata.example.com -a https://files.example.com`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0], args[1:]) },
	}
	c.repo.add(cmd)
	cmd.Flags().BoolVar(&c.metadataOnly, "metadata-only", false, "copy no artifacts")
	return cmd
}

// mirrorResult is what became of a mirror.
type mirrorResult struct {
	Version   int64     `json:"timestamp_version"`
	Files     int       `json:"metadata_files_written"`
	Removed   int       `json:"metadata_files_removed"`
	Artifacts int64     `json:"artifacts"`
	Bytes     int64     `json:"bytes"`
	Problems  []problem `json:"problems"`
}

func (c *mirrorCommand) run(ctx context.Context, folder string, patterns []string) error {
	repo, err := c.artifacts(&c.repo)
	if err != nil {
		return err
	}
	if repo.ArtifactBaseURL == "" && !c.metadataOnly {
		return usagef("nothing says where the artifacts are: give --artifacts-url, or --metadata-only")
	}
	reader, err := c.reader(ctx, &c.repo.readFlags, repo, nil)
	if err != nil {
		return err
	}
	cfg := repository.MirrorConfig{Metadata: filepath.Join(folder, "metadata")}
	if !c.metadataOnly {
		cfg.Artifacts = filepath.Join(folder, "artifacts")
	}
	if len(patterns) > 0 {
		cfg.Choose = func(artifact repository.Artifact) bool {
			return slices.ContainsFunc(patterns, func(p string) bool { return metadata.MatchPath(p, artifact.Path) })
		}
	}
	report, err := reader.Mirror(ctx, cfg)
	if err != nil {
		return err
	}
	result := mirrorResult{report.Version, report.Files, report.Removed, report.Artifacts, report.Bytes, []problem{}}
	for _, p := range report.Problems {
		result.Problems = append(result.Problems, problem{p.Path, p.Err.Error()})
	}
	err = c.result(result, func() {
		c.printf("%s: timestamp version %d, %s written, %s of %s", folder, result.Version, quote.Count(result.Files, "metadata file"), quote.Count(result.Artifacts, "artifact"), quote.Count(result.Bytes, "byte"))
		for _, p := range result.Problems {
			c.note("%s: %s", p.Path, p.Error)
		}
	})
	if err == nil && len(result.Problems) > 0 {
		err = fmt.Errorf("%s could not be copied", quote.Count(len(result.Problems), "artifact"))
	}
	return err
}
