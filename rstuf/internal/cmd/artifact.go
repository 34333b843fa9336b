package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"github.com/spf13/cobra"
)

func newArtifactCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "artifact",
		Short: "Add, delete, list, publish, download and mirror artifacts",
		Example: `  rstuf artifact --api-server https://rstuf.example.com add dist/*.tar.gz -p releases
  rstuf artifact download releases/app.tar.gz`,
	}
	a.api.add(cmd)
	cmd.AddCommand(newArtifactAddCommand(a), newArtifactDeleteCommand(a), newArtifactPublishCommand(a),
		newArtifactDownloadCommand(a), newArtifactInfoCommand(a), newArtifactListCommand(a), newArtifactMirrorCommand(a), newRepositoryCommand(a))
	return cmd
}

func newArtifactDeleteCommand(a *app) *cobra.Command {
	var noWait, noPublish bool
	var visible visibleFlags
	cmd := &cobra.Command{
		Use:   "delete PATH...",
		Short: "Remove artifacts",
		Long: `Remove artifacts by their paths in the repository, "-" for a list on standard
input, and wait until that is published. A path that is not there is an error;
the others are removed all the same.

` + visibleSource,
		Example: `  rstuf artifact delete releases/app-1.0.tar.gz
  cat old.txt | rstuf artifact delete -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := a.withList(args)
			if err != nil {
				return err
			}
			request := rstuf.DeleteArtifacts{Artifacts: paths, SkipPublish: noPublish}
			err = a.change(cmd.Context(), noWait || noPublish, func(ctx context.Context, api *client.Client) (*client.Task, error) {
				return api.DeleteArtifacts(ctx, request)
			})
			if err != nil || noWait || noPublish {
				return err
			}
			gone := make([]repository.Expected, len(paths))
			for i, path := range paths {
				gone[i] = repository.Expected{Path: path, Absent: true}
			}
			return a.waitVisible(cmd.Context(), &visible, gone...)
		},
	}
	visible.add(cmd)
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait for the task")
	cmd.Flags().BoolVar(&noPublish, "no-publish", false, "leave it to rstuf artifact publish; the task waits for that")
	return cmd
}

// change sends a request about artifacts, and waits for it unless told not to.
func (a *app) change(ctx context.Context, noWait bool, send func(context.Context, *client.Client) (*client.Task, error)) error {
	if !noWait {
		return a.perform(ctx, send)
	}
	api, err := a.connect()
	if err != nil {
		return err
	}
	task, err := send(ctx, api)
	if err != nil {
		return err
	}
	return a.result(map[string]string{"task_id": task.ID()}, func() { a.printf("task %s", task.ID()) })
}

// withList puts the lines of standard input in the place of "-".
func (a *app) withList(args []string) ([]string, error) {
	if !slices.Contains(args, "-") {
		return args, nil
	}
	var all []string
	for _, arg := range args {
		if arg != "-" {
			all = append(all, arg)
			continue
		}
		for line, err := range files.Lines(a.stdin, 64<<10) {
			if err != nil {
				return nil, fmt.Errorf("the list on standard input: %w", err)
			}
			if line.Text != "" {
				all = append(all, line.Text)
			}
		}
	}
	if len(all) == 0 {
		return nil, usagef("the list on standard input is empty")
	}
	return all, nil
}

func newArtifactPublishCommand(a *app) *cobra.Command {
	var noWait bool
	cmd := &cobra.Command{
		Use:     "publish",
		Short:   "Publish what was added or removed with --no-publish",
		Example: "  rstuf artifact publish",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.change(cmd.Context(), noWait, func(ctx context.Context, api *client.Client) (*client.Task, error) {
				return api.Publish(ctx)
			})
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait for the task")
	return cmd
}

// artifactInfo is what is shown of one artifact.
type artifactInfo struct {
	Path string `json:"path"`
	Role string `json:"role"`
	rstuf.ArtifactInfo
}

// readArtifacts makes a reader of the repository that the flags name.
func (a *app) readArtifacts(ctx context.Context, f *readFlags) (*repository.Reader, error) {
	repo, err := a.repository(&f.repositoryFlags)
	if err != nil {
		return nil, err
	}
	return a.reader(ctx, f, repo, nil)
}

func newArtifactInfoCommand(a *app) *cobra.Command {
	var repo readFlags
	cmd := &cobra.Command{
		Use:   "info PATH",
		Short: "Show what the repository's metadata says of an artifact",
		Long: `Show what the repository's metadata says of an artifact: size, hashes, custom
data, and the role that speaks for it. All is verified from the trusted root
on, and expired metadata is an error.`,
		Example: "  rstuf artifact info releases/app-1.0.tar.gz -m https://metadata.example.com -r root.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.readArtifacts(cmd.Context(), &repo)
			if err != nil {
				return err
			}
			found, err := r.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			info := artifactInfo(found)
			return a.result(info, func() {
				a.printf("path:    %s\nrole:    %s\nlength:  %d", info.Path, info.Role, info.Length)
				for _, algorithm := range sortedKeys(info.Hashes) {
					a.printf("%s: %s", algorithm, info.Hashes[algorithm])
				}
				if len(info.Custom) > 0 {
					a.printf("custom:  %s", info.Custom)
				}
			})
		},
	}
	repo.add(cmd)
	return cmd
}

func newArtifactListCommand(a *app) *cobra.Command {
	var repo readFlags
	cmd := &cobra.Command{
		Use:   "list [PATTERN]",
		Short: "List the artifacts of a repository",
		Long: `List the artifacts of a repository by its metadata, verified from the trusted
root on; with a pattern (*, ? and [] do not match /) those whose path fits it.
It reads every delegated role.

With --json the list is what rstuf artifact add --from-json takes, custom data
and all: the way to another repository.`,
		Example: `  rstuf artifact list 'releases/*' -m https://metadata.example.com -r root.json
  rstuf artifact list --json >all.json && rstuf artifact add --from-json all.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.readArtifacts(cmd.Context(), &repo)
			if err != nil {
				return err
			}
			list := []artifactInfo{}
			for found, err := range r.Artifacts(cmd.Context()) {
				if errors.Is(err, repository.ErrNotSigned) {
					continue // such a role has none yet
				}
				if err != nil {
					return err
				}
				if len(args) == 0 || metadata.MatchPath(args[0], found.Path) {
					list = append(list, artifactInfo(found))
				}
			}
			slices.SortFunc(list, func(x, y artifactInfo) int { return strings.Compare(x.Path, y.Path) })
			export := rstuf.AddArtifacts{Artifacts: make([]rstuf.Artifact, len(list))}
			for i, info := range list {
				export.Artifacts[i] = rstuf.Artifact{Path: info.Path, Info: info.ArtifactInfo}
			}
			return a.result(export, func() {
				rows := make([][]string, len(list))
				for i, info := range list {
					rows[i] = []string{info.Path, fmt.Sprint(info.Length), info.Role}
				}
				a.table([]string{"path", "bytes", "role"}, rows)
			})
		},
	}
	repo.add(cmd)
	return cmd
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
