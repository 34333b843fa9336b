package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"example.org/rstuf/bootstrap"
	"example.org/rstuf/metadata"
	"example.org/rstuf/rstuf/internal/config"
	"example.org/rstuf/rstuf/internal/mirror"
	"github.com/spf13/cobra"
)

// configRepository is a repository of the settings.
type configRepository = config.Repository

// repositoryFlags say which repository to read, and what to trust.
type repositoryFlags struct {
	name     string
	metadata string
	root     string
	// unsafe trusts the first root that the server has.
	unsafe bool
}

func (f *repositoryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.name, "repository", "", "`NAME` of a repository of the settings; default the current one")
	flags.StringVarP(&f.metadata, "metadata-url", "m", "", "`URL` of the metadata files")
	flags.StringVarP(&f.root, "root", "r", "", "trusted root: a `FILE` or URL")
	flags.BoolVar(&f.unsafe, "trust-first-root-unsafe", false, "without a trusted root, trust the first one that the server has")
}

// repository gives what the flags say, and from the settings what they leave
// open.
func (a *app) repository(f *repositoryFlags) (config.Repository, error) {
	repo := config.Repository{}
	settings, err := a.config()
	if err != nil {
		return repo, err
	}
	name := f.name
	if name == "" && (f.metadata == "" || f.root == "") {
		if name, err = settings.CurrentName(); err != nil {
			return repo, err
		}
	}
	if name != "" {
		if repo, err = settings.Repository(name); err != nil {
			return repo, err
		}
	}
	if f.metadata != "" && f.metadata != repo.MetadataURL {
		// The trusted root of one repository says nothing about another.
		repo = config.Repository{MetadataURL: f.metadata, ArtifactBaseURL: repo.ArtifactBaseURL, HashPrefix: repo.HashPrefix, DownloadDir: repo.DownloadDir}
	}
	if repo.MetadataURL == "" {
		return repo, usagef("no repository is named: give --metadata-url and --root, or add one with rstuf artifact repository add and choose it with set")
	}
	return repo, nil
}

// trustedRoot gives the root that trust starts from.
func (a *app) trustedRoot(ctx context.Context, f *repositoryFlags, repo config.Repository) (*metadata.Document, error) {
	data := repo.TrustedRoot
	switch {
	case f.root != "":
		var err error
		if data, err = readRoot(ctx, f.root); err != nil {
			return nil, err
		}
	case len(data) == 0 && f.unsafe:
		source, err := mirror.New(repo.MetadataURL)
		if err != nil {
			return nil, usage(err)
		}
		a.note("warning: the first root is trusted unseen, as the server at %s has it", repo.MetadataURL)
		return source.FirstRoot(ctx)
	case len(data) == 0:
		return nil, usagef("no trusted root: give --root FILE, or --trust-first-root-unsafe to trust what the server has")
	}
	doc, err := parseRoot(data)
	if err != nil {
		return nil, fmt.Errorf("the trusted root: %w", err)
	}
	return doc, nil
}

// parseRoot reads a root that its own keys have signed, or the one in a
// ceremony's payload, which may still lack signatures.
func parseRoot(data []byte) (*metadata.Document, error) {
	if payload, err := bootstrap.Read(bytes.NewReader(data)); err == nil {
		return metadata.Parse(payload.Payload.Root())
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, err
	}
	return doc, metadata.VerifyRootChain([]*metadata.Document{doc})
}

// readRoot reads a root from a file or a URL.
func readRoot(ctx context.Context, source string) ([]byte, error) {
	if !strings.HasPrefix(source, "http://") && !strings.HasPrefix(source, "https://") {
		info, err := os.Stat(source)
		if err == nil && info.Size() > metadata.MaxSize {
			err = errors.New("too large for metadata")
		}
		if err != nil {
			return nil, err
		}
		return os.ReadFile(source)
	}
	base, name := path.Split(source)
	from, err := mirror.New(base)
	if err != nil {
		return nil, usage(err)
	}
	return from.Get(ctx, name)
}

// load reads the metadata of the repository that the flags name.
func (a *app) load(ctx context.Context, f *repositoryFlags) (*mirror.Repository, error) {
	repo, err := a.repository(f)
	if err != nil {
		return nil, err
	}
	trusted, err := a.trustedRoot(ctx, f, repo)
	if err != nil {
		return nil, err
	}
	source, err := mirror.New(repo.MetadataURL)
	if err != nil {
		return nil, usage(err)
	}
	return source.Load(ctx, trusted)
}
