package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/internal/rules"
	published "example.org/rstuf/repository"
)

// libraries are the clients of this process.
func libraries() []*peer {
	return []*peer{
		{name: "go-tuf", maxBins: rules.MaxHashBins, library: goTUF},
		{name: "our reader", maxBins: rules.MaxHashBins, library: ourReader},
	}
}

func goTUF(_ context.Context, j job) outcome {
	o := outcome{Files: map[string]fileOutcome{}}
	root, err := os.ReadFile(j.Root)
	if err == nil {
		err = os.MkdirAll(j.Dir, 0o755)
	}
	var client *updater.Updater
	if err == nil {
		var cfg *config.UpdaterConfig
		if cfg, err = config.New(j.Metadata, root); err == nil {
			cfg.LocalMetadataDir, cfg.LocalTargetsDir = j.Dir, j.Dir
			cfg.RemoteTargetsURL, cfg.PrefixTargetsWithHash = j.Artifacts, false
			client, err = updater.New(cfg)
		}
	}
	if err == nil {
		client.UnsafeSetRefTime(j.time())
		err = client.Refresh()
	}
	if err != nil {
		o.Refused = err.Error()
		return o
	}
	for _, path := range j.Paths {
		info, err := client.GetTargetInfo(path)
		if err != nil && strings.HasSuffix(err.Error(), "target "+path+" not found") {
			o.Files[path] = fileOutcome{}
			continue
		}
		var data []byte
		if err == nil {
			_, data, err = client.DownloadTarget(info, filepath.Join(j.Dir, "download"), "")
		}
		o.Files[path] = came(data, err)
	}
	return o
}

func came(data []byte, err error) fileOutcome {
	if err != nil {
		return fileOutcome{Refused: err.Error()}
	}
	return fileOutcome{SHA256: hexSHA256(data)}
}

// ourReader leaves the root and the timestamp that it has seen in the folder, as
// the others do.
func ourReader(ctx context.Context, j job) outcome {
	o := outcome{Files: map[string]fileOutcome{}}
	reader, err := openReader(j)
	if err == nil {
		err = reader.Refresh(ctx)
	}
	var seen []published.Role
	if err == nil {
		seen, err = reader.Seen(ctx)
	}
	for _, role := range seen {
		if role.Name == rstuf.RoleRoot || role.Name == rstuf.RoleTimestamp {
			err = errors.Join(err, os.WriteFile(filepath.Join(j.Dir, role.Name+".json"), role.Document.Bytes(), 0o644))
		}
	}
	if err != nil {
		o.Refused = err.Error()
		return o
	}
	for _, path := range j.Paths {
		_, err := reader.Info(ctx, path)
		if errors.Is(err, published.ErrNotFound) {
			o.Files[path] = fileOutcome{}
			continue
		}
		file := filepath.Join(j.Dir, "download")
		var data []byte
		if err == nil {
			_, err = reader.Download(ctx, path, file)
		}
		if err == nil {
			data, err = os.ReadFile(file)
		}
		o.Files[path] = came(data, err)
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			o.Files[path] = came(nil, err)
		}
	}
	return o
}

func openReader(j job) (*published.Reader, error) {
	root, err := os.ReadFile(j.Root)
	if err != nil {
		return nil, err
	}
	return published.New(published.Config{
		MetadataURL: j.Metadata, ArtifactsURL: j.Artifacts, Cache: filepath.Join(j.Dir, "cache"), Now: j.time,
	}, published.TrustRoot(root))
}
