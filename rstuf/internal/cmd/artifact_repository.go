package cmd

import (
	"fmt"

	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/config"
	"github.com/spf13/cobra"
)

func newRepositoryCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repository",
		Short: "Keep the repositories to download from in the settings",
		Example: `  rstuf artifact repository add -n main -r root.json \
      -m https://metadata.example.com -a https://files.example.com
  rstuf artifact repository set main`,
	}
	cmd.AddCommand(newRepositoryAddCommand(a), newRepositoryUpdateCommand(a), newRepositorySetCommand(a),
		newRepositoryShowCommand(a), newRepositoryDeleteCommand(a))
	return cmd
}

// repositoryFields are the flags of add and update.
type repositoryFields struct {
	root, metadata, artifacts, downloads string
	hashPrefix                           bool
}

func (f *repositoryFields) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.root, "root", "r", "", "trusted root: a `FILE` or URL")
	flags.StringVarP(&f.metadata, "metadata-url", "m", "", "`URL` of the metadata files")
	flags.StringVarP(&f.artifacts, "artifacts-url", "a", "", "base `URL` of the artifacts")
	flags.BoolVarP(&f.hashPrefix, "hash-prefix", "p", false, "artifacts are stored as HASH.NAME")
	flags.StringVar(&f.downloads, "download-dir", "", "`FOLDER` for downloads")
}

// apply changes what the flags name.
func (f *repositoryFields) apply(a *app, cmd *cobra.Command, repo *config.Repository) error {
	for name, field := range map[string]struct{ from, to *string }{
		"metadata-url":  {&f.metadata, &repo.MetadataURL},
		"artifacts-url": {&f.artifacts, &repo.ArtifactBaseURL},
		"download-dir":  {&f.downloads, &repo.DownloadDir},
	} {
		if cmd.Flags().Changed(name) {
			*field.to = *field.from
		}
	}
	if cmd.Flags().Changed("hash-prefix") {
		repo.HashPrefix = f.hashPrefix
	}
	if f.root == "" {
		return nil
	}
	data, err := a.readRoot(cmd.Context(), f.root)
	if err != nil {
		return err
	}
	doc, err := metadata.Parse(data)
	if err == nil {
		err = metadata.VerifyRootChain([]*metadata.Document{doc})
	}
	if err != nil {
		return fmt.Errorf("%s is no root to trust: %w", f.root, err)
	}
	repo.TrustedRoot = data
	return nil
}

// changeSettings loads the settings, has them changed and saves them.
func (a *app) changeSettings(change func(*config.File) error) error {
	settings, err := a.config()
	if err == nil {
		err = change(settings)
	}
	if err != nil {
		return err
	}
	return settings.Save()
}

func newRepositoryAddCommand(a *app) *cobra.Command {
	var fields repositoryFields
	var name string
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Add a repository",
		Long: `Add a repository to the settings, with the root that downloads start from. A
root from a URL is trusted as it comes: compare it with one that you have from
somewhere else ("rstuf artifact repository show").`,
		Example: `  rstuf artifact repository add -n main -r root.json \
      -m https://metadata.example.com -a https://files.example.com`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := required(cmd, "name", "root", "metadata-url", "artifacts-url"); err != nil {
				return err
			}
			repo := config.Repository{Name: name}
			if err := fields.apply(a, cmd, &repo); err != nil {
				return err
			}
			err := a.changeSettings(func(settings *config.File) error {
				if _, err := settings.Repository(name); err == nil {
					return fmt.Errorf("repository %q exists: use rstuf artifact repository update", name)
				}
				return settings.SetRepository(repo)
			})
			if err != nil {
				return err
			}
			return a.showRepository(repo, false)
		},
	}
	cmd.Flags().StringVarP(&name, "name", "n", "", "`NAME` of the repository")
	fields.add(cmd)
	return cmd
}

func newRepositoryUpdateCommand(a *app) *cobra.Command {
	var fields repositoryFields
	cmd := &cobra.Command{
		Use:     "update NAME",
		Short:   "Change what the settings know of a repository",
		Example: "  rstuf artifact repository update main -a https://mirror.example.com",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var repo config.Repository
			err := a.changeSettings(func(settings *config.File) (err error) {
				if repo, err = settings.Repository(args[0]); err != nil {
					return err
				}
				if err := fields.apply(a, cmd, &repo); err != nil {
					return err
				}
				return settings.SetRepository(repo)
			})
			if err != nil {
				return err
			}
			return a.showRepository(repo, false)
		},
	}
	fields.add(cmd)
	return cmd
}

func newRepositorySetCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "set NAME",
		Short:   "Make a repository the current one",
		Example: "  rstuf artifact repository set main",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.changeSettings(func(f *config.File) error { return f.SetCurrent(args[0]) }); err != nil {
				return err
			}
			return a.result(map[string]string{"current": args[0]}, func() { a.printf("current repository: %s", args[0]) })
		},
	}
}

func newRepositoryDeleteCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Short:   "Take a repository out of the settings",
		Example: "  rstuf artifact repository delete main",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.changeSettings(func(f *config.File) error { return f.DeleteRepository(args[0]) }); err != nil {
				return err
			}
			return a.result(map[string]string{"deleted": args[0]}, func() { a.printf("deleted repository %s", args[0]) })
		},
	}
}

func newRepositoryShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show the repositories of the settings",
		Example: `  rstuf artifact repository show
  rstuf artifact repository show main --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			settings, err := a.config()
			if err != nil {
				return err
			}
			current, err := settings.CurrentName()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				repo, err := settings.Repository(args[0])
				if err != nil {
					return err
				}
				return a.showRepository(repo, repo.Name == current)
			}
			return a.listRepositories(settings, current)
		},
	}
}

// repositoryInfo is what is shown of a repository.
type repositoryInfo struct {
	config.Repository
	Current bool `json:"current"`
	// RootVersion and RootKeys tell of the trusted root.
	RootVersion int64    `json:"trusted_root_version,omitempty"`
	RootKeys    []string `json:"trusted_root_keys,omitempty"`
}

func describeRepository(repo config.Repository, current bool) repositoryInfo {
	info := repositoryInfo{Repository: repo, Current: current}
	if doc, err := metadata.Parse(repo.TrustedRoot); err == nil {
		if root, err := doc.Root(); err == nil {
			info.RootVersion = root.Version
			info.RootKeys = root.Roles["root"].KeyIDs
		}
	}
	return info
}

func (a *app) showRepository(repo config.Repository, current bool) error {
	info := describeRepository(repo, current)
	return a.result(info, func() {
		mark := ""
		if current {
			mark = " (current)"
		}
		a.printf("repository:   %s%s\nmetadata:     %s\nartifacts:    %s\nhash prefix:  %v", repo.Name, mark, repo.MetadataURL, repo.ArtifactBaseURL, repo.HashPrefix)
		if repo.DownloadDir != "" {
			a.printf("downloads:    %s", repo.DownloadDir)
		}
		if info.RootVersion == 0 {
			a.printf("trusted root: none")
			return
		}
		a.printf("trusted root: version %d, signed by keys", info.RootVersion)
		for _, id := range info.RootKeys {
			a.printf("  %s", id)
		}
	})
}

func (a *app) listRepositories(settings *config.File, current string) error {
	names, err := settings.Names()
	if err != nil {
		return err
	}
	list := make([]repositoryInfo, 0, len(names))
	for _, name := range names {
		repo, err := settings.Repository(name)
		if err != nil {
			return err
		}
		list = append(list, describeRepository(repo, name == current))
	}
	return a.result(list, func() {
		if len(list) == 0 {
			a.printf("there are no repositories in %s", a.configPath)
			return
		}
		rows := make([][]string, len(list))
		for i, info := range list {
			mark := ""
			if info.Current {
				mark = "current"
			}
			rows[i] = []string{info.Name, info.MetadataURL, info.ArtifactBaseURL, mark}
		}
		a.table([]string{"name", "metadata", "artifacts", ""}, rows)
	})
}
