package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	tuf "github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
)

var errOther = errors.New("other content")

// attempt is what a client says of each of a job's documents or paths.
func attempt[K comparable](names []K, do func(K) error) map[K]string {
	said := map[K]string{}
	for _, name := range names {
		said[name] = ""
		if err := do(name); err != nil {
			said[name] = fmt.Sprintf("%.200s", err)
		}
	}
	return said
}

func matchAll(j job, match func(pattern, path string) bool) [][]bool {
	var all [][]bool
	for _, pattern := range j.Patterns {
		row := make([]bool, len(j.Paths))
		for i, path := range j.Paths {
			row[i] = match(pattern, path)
		}
		all = append(all, row)
	}
	return all
}

func askGoTUF(j job) (answer, error) {
	trusted, err := os.ReadFile(j.Root)
	if err != nil {
		return answer{}, err
	}
	root, err := tuf.Root().FromBytes(trusted)
	if err != nil {
		return answer{}, err
	}
	cfg, err := config.New(j.Metadata, trusted)
	if err != nil {
		return answer{}, err
	}
	cfg.RemoteTargetsURL, cfg.PrefixTargetsWithHash, cfg.DisableLocalCache = j.Artifacts, false, true
	up, err := updater.New(cfg)
	if err != nil {
		return answer{}, err
	}
	if err := up.Refresh(); err != nil {
		return answer{}, err
	}
	return answer{
		Matches: matchAll(j, func(pattern, path string) bool {
			matches, _ := (&tuf.DelegatedRole{Paths: []string{pattern}}).IsDelegatedPath(path) // no pattern is an error
			return matches
		}),
		Documents: attempt(sortedKeys(j.Documents), func(name string) error {
			data, err := os.ReadFile(j.Documents[name])
			if err != nil {
				return err
			}
			document, err := tuf.Targets().FromBytes(data)
			if err != nil {
				return err
			}
			return root.VerifyDelegate(rstuf.RoleTargets, document)
		}),
		Downloads: attempt(j.Downloads, func(path string) error {
			info, err := up.GetTargetInfo(path)
			if err != nil {
				return err
			}
			_, content, err := up.DownloadTarget(info, "not kept", "")
			if err == nil && string(content) != path {
				err = errOther
			}
			return err
		}),
	}, nil
}

func askOurs(ctx context.Context, j job) (answer, error) {
	trusted, err := os.ReadFile(j.Root)
	if err != nil {
		return answer{}, err
	}
	targets, err := targetsDelegation(trusted)
	if err != nil {
		return answer{}, err
	}
	reader, err := repository.New(repository.Config{MetadataURL: j.Metadata, ArtifactsURL: j.Artifacts}, repository.TrustRoot(trusted))
	if err != nil {
		return answer{}, err
	}
	if err := os.MkdirAll(j.Dir, 0o755); err != nil {
		return answer{}, err
	}
	return answer{
		Matches: matchAll(j, rules.Match),
		Documents: attempt(sortedKeys(j.Documents), func(name string) error {
			data, err := os.ReadFile(j.Documents[name])
			if err != nil {
				return err
			}
			document, err := metadata.Parse(data)
			if err != nil {
				return err
			}
			return document.CheckSignatures(targets)
		}),
		Downloads: attempt(j.Downloads, func(path string) error {
			file := filepath.Join(j.Dir, "download")
			defer os.Remove(file)
			if _, err := reader.Download(ctx, path, file); err != nil {
				return err
			}
			content, err := os.ReadFile(file)
			if err == nil && string(content) != path {
				err = errOther
			}
			return err
		}),
	}, nil
}

func targetsDelegation(root []byte) (metadata.Delegation, error) {
	document, err := metadata.Parse(root)
	if err != nil {
		return metadata.Delegation{}, err
	}
	body, err := document.Root()
	if err != nil {
		return metadata.Delegation{}, err
	}
	return body.Delegation(rstuf.RoleTargets)
}
