package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf/internal/files"
)

// Trust is where a [Downloader] begins: see [TrustRoot] and
// [TrustOnFirstUseUnsafe].
type Trust struct {
	root     []byte
	firstUse bool
}

// TrustRoot trusts a root document that came by a safe way, such as with the
// program. Newer roots are trusted if it leads to them.
func TrustRoot(root []byte) Trust { return Trust{root: root} }

// TrustOnFirstUseUnsafe trusts the first root (1.root.json) that the server
// sends the first time, and pins it in the cache folder: whoever controls the
// server or the way to it at that moment decides what is trusted from then on.
func TrustOnFirstUseUnsafe() Trust { return Trust{firstUse: true} }

// Limits of metadata files, in bytes. The largest are those of roles with many
// artifacts: a million in four bins take 44 MB each.
const (
	maxRootFile      = 1 << 20
	maxTimestampFile = 64 << 10
	maxSnapshotFile  = 16 << 20
	maxTargetsFile   = 128 << 20
)

// In the cache folder.
const (
	pinnedFile     = "trusted-root.json" // where trust began
	metadataFolder = "metadata"          // what go-tuf's updater keeps
)

// newUpdater makes go-tuf's updater, which can be refreshed once.
func (d *Downloader) newUpdater(ctx context.Context) (*updater.Updater, error) {
	root, err := d.firstRoot(ctx)
	if err != nil {
		return nil, err
	}
	if d.cfg.Cache == "" {
		return d.updaterFrom(root)
	}
	folder := filepath.Join(d.cfg.Cache, metadataFolder)
	pin := filepath.Join(d.cfg.Cache, pinnedFile)
	if pinned, err := os.ReadFile(pin); err == nil && bytes.Equal(pinned, root) {
		// The newest root that this trust has led to. To begin at the first
		// again would let the server hide the newer ones.
		if newest, err := os.ReadFile(filepath.Join(folder, "root.json")); err == nil {
			if up, err := d.updaterFrom(newest); err == nil {
				return up, nil
			}
		}
		return d.updaterFrom(root)
	}
	up, err := d.updaterFrom(root)
	if err != nil {
		return nil, err
	}
	if err := files.Replace(pin, root); err != nil {
		return nil, fmt.Errorf("cache folder: %w", err)
	}
	return up, nil
}

// firstRoot is the root that trust begins with.
func (d *Downloader) firstRoot(ctx context.Context) ([]byte, error) {
	if !d.trust.firstUse {
		return d.trust.root, nil
	}
	pinned, err := os.ReadFile(filepath.Join(d.cfg.Cache, pinnedFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return pinned, err
	}
	root, err := d.fetcher.DownloadFile(d.metadata.URL()+"/1.root.json", maxRootFile, 0)
	if err != nil {
		return nil, fmt.Errorf("the first root: %w", err)
	}
	return root, nil
}

func (d *Downloader) updaterFrom(root []byte) (*updater.Updater, error) {
	if _, err := trustedmetadata.New(root); err != nil {
		return nil, fmt.Errorf("trusted root: %w", err)
	}
	cfg, err := config.New(d.metadata.URL(), root)
	if err != nil {
		return nil, err
	}
	cfg.RootMaxLength, cfg.TimestampMaxLength = maxRootFile, maxTimestampFile
	cfg.SnapshotMaxLength, cfg.TargetsMaxLength = maxSnapshotFile, maxTargetsFile
	cfg.Fetcher = d.fetcher
	cfg.DisableLocalCache = d.cfg.Cache == ""
	cfg.LocalMetadataDir = filepath.Join(d.cfg.Cache, metadataFolder)
	cfg.LocalTargetsDir = cfg.LocalMetadataDir // nothing is put there by us
	return updater.New(cfg)
}

// dropBroken removes files from the cache that are no metadata, such as those
// that a crash of the machine left empty, and tells whether there were any.
// go-tuf would fail at them for good. The next refresh fetches them again.
func (d *Downloader) dropBroken() (found bool) {
	if d.cfg.Cache == "" {
		return false
	}
	names, _ := filepath.Glob(filepath.Join(d.cfg.Cache, metadataFolder, "*.json")) // fails only for a bad pattern
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if guard(func() error { return parses(filepath.Base(name), data) }) != nil && os.Remove(name) == nil {
			found = true
		}
	}
	return found
}

// parses tells whether go-tuf can read the cached file at all.
func parses(name string, data []byte) (err error) {
	switch name {
	case "root.json":
		_, err = metadata.Root().FromBytes(data)
	case "timestamp.json":
		_, err = metadata.Timestamp().FromBytes(data)
	case "snapshot.json":
		_, err = metadata.Snapshot().FromBytes(data)
	default:
		_, err = metadata.Targets().FromBytes(data)
	}
	return err
}

// metadataFetcher is go-tuf's way to our HTTP client. It has the context of
// the call that is under way: go-tuf passes none.
type metadataFetcher struct {
	downloader *Downloader
	ctx        context.Context
}

// DownloadFile is what go-tuf calls for each metadata file.
func (f *metadataFetcher) DownloadFile(url string, most int64, _ time.Duration) ([]byte, error) {
	return f.downloader.fetchMetadata(f.ctx, url, most)
}
