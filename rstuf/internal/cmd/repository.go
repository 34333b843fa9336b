package cmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/internal/transport"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/rstuf/internal/config"
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
		if data, err = a.readRoot(ctx, f.root); err != nil {
			return nil, err
		}
	case len(data) == 0 && f.unsafe:
		http, err := a.fileServers()
		if err != nil {
			return nil, err
		}
		a.note("warning: the first root is trusted unseen, as the server at %s has it", repo.MetadataURL)
		if data, err = repository.FirstRootUnsafe(ctx, repo.MetadataURL, http); err != nil {
			return nil, err
		}
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
// ceremony's payload or draft, which may still lack signatures.
func parseRoot(data []byte) (*metadata.Document, error) {
	if payload, err := bootstrap.Read(bytes.NewReader(data)); err == nil {
		return metadata.Parse(payload.Payload.Root())
	}
	if draft, err := ceremony.ReadDraft(bytes.NewReader(data)); err == nil && draft.Payload() != nil {
		return draft.Document(), nil
	}
	doc, err := metadata.Parse(data)
	if err != nil {
		return nil, err
	}
	return doc, metadata.VerifyRootChain([]*metadata.Document{doc})
}

// readRoot reads a root from a file or a URL.
func (a *app) readRoot(ctx context.Context, source string) ([]byte, error) {
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
	http, err := a.fileServers()
	if err != nil {
		return nil, err
	}
	folder, name := path.Split(source)
	base, err := transport.New(folder, transport.Config(http))
	if err != nil {
		return nil, usage(err)
	}
	return base.Fetch(ctx, name, metadata.MaxSize)
}

// fileServers says how to connect to the servers of metadata and artifacts. The
// API's token, and its headers in the settings, are none of their business.
func (a *app) fileServers() (repository.HTTPConfig, error) {
	header, err := flagHeader(a.api.headers)
	if err != nil {
		return repository.HTTPConfig{}, err
	}
	tls, err := a.api.tls.config()
	if err != nil {
		return repository.HTTPConfig{}, err
	}
	return repository.HTTPConfig{Header: header, TLS: tls, UserAgent: "rstuf/" + version(), Logger: a.logger()}, nil
}

// look makes a reader of the repository that the flags name, for people who
// want to see how it is: it keeps nothing, and takes what has expired.
func (a *app) look(ctx context.Context, f *repositoryFlags) (*repository.Reader, error) {
	repo, err := a.repository(f)
	if err != nil {
		return nil, err
	}
	trusted, err := a.trustedRoot(ctx, f, repo)
	if err != nil {
		return nil, err
	}
	return a.lookFrom(repo.MetadataURL, trusted)
}

func (a *app) lookFrom(metadataURL string, trusted *metadata.Document) (*repository.Reader, error) {
	http, err := a.fileServers()
	if err != nil {
		return nil, err
	}
	reader, err := repository.New(repository.Config{MetadataURL: metadataURL, HTTP: http, AllowExpiredUnsafe: true}, repository.TrustRoot(trusted.Bytes()))
	if err != nil {
		return nil, usage(err)
	}
	return reader, nil
}

// readFlags say which repository to read, and where to keep what was verified.
type readFlags struct {
	repositoryFlags
	noCache bool
}

func (f *readFlags) add(cmd *cobra.Command) {
	f.repositoryFlags.add(cmd)
	cmd.Flags().BoolVar(&f.noCache, "no-cache", false, "keep no metadata")
}

// reader makes a reader of a repository. It keeps what it has verified, so that
// a server can't go back behind it.
func (a *app) reader(ctx context.Context, f *readFlags, repo config.Repository, progress func(name string, done, total int64)) (*repository.Reader, error) {
	http, err := a.fileServers()
	if err != nil {
		return nil, err
	}
	cfg := repository.Config{
		MetadataURL: repo.MetadataURL, ArtifactsURL: repo.ArtifactBaseURL, HashPrefix: repo.HashPrefix,
		HTTP: http, Progress: progress,
	}
	if !f.noCache {
		if cfg.Cache, err = cacheFolder(repo.MetadataURL); err != nil {
			return nil, err
		}
	}
	trust := repository.TrustOnFirstUseUnsafe()
	if f.root == "" && len(repo.TrustedRoot) == 0 && f.unsafe && !f.noCache {
		a.note("warning: the first root is trusted unseen, as the server at %s had it the first time", repo.MetadataURL)
	} else {
		root, err := a.trustedRoot(ctx, &f.repositoryFlags, repo)
		if err != nil {
			return nil, err
		}
		trust = repository.TrustRoot(root.Bytes())
	}
	reader, err := repository.New(cfg, trust)
	if err != nil {
		return nil, usage(err)
	}
	return reader, nil
}

// artifactFlags also say where the artifacts are.
type artifactFlags struct {
	readFlags
	artifacts  string
	hashPrefix bool
	prefix     *pflag.Flag // of hashPrefix
}

func (f *artifactFlags) add(cmd *cobra.Command) {
	f.readFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.artifacts, "artifacts-url", "a", "", "base `URL` of the artifacts")
	flags.BoolVarP(&f.hashPrefix, "hash-prefix", "p", false, "artifacts are stored as HASH.NAME")
	f.prefix = flags.Lookup("hash-prefix")
}

// artifacts gives what the flags say, and from the settings what they leave open.
func (a *app) artifacts(f *artifactFlags) (config.Repository, error) {
	repo, err := a.repository(&f.repositoryFlags)
	if f.artifacts != "" {
		repo.ArtifactBaseURL = f.artifacts
	}
	if f.prefix.Changed {
		repo.HashPrefix = f.hashPrefix
	}
	return repo, err
}

// dataFolder is where the system wants a program's data. It is not the folder of
// caches, which may be emptied at any time: the metadata that is kept is what
// bounds how far back a server can go.
func dataFolder() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return os.UserConfigDir() // AppData, Application Support
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share"), err
}

// cacheFolder is where the metadata of one repository is kept.
func cacheFolder(metadataURL string) (string, error) {
	data, err := dataFolder()
	if err != nil {
		return "", fmt.Errorf("no place to keep metadata: %w: give --no-cache", err)
	}
	sum := sha256.Sum256([]byte(metadataURL))
	folder := filepath.Join(data, "rstuf", "repository-"+hex.EncodeToString(sum[:8]))
	err = os.MkdirAll(folder, 0o700)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(folder, ".probe-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err != nil {
		return "", fmt.Errorf("no place to keep metadata: %w: give --no-cache", err)
	}
	return folder, nil
}
