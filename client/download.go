package client

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"example.org/rstuf"
	"example.org/rstuf/internal/transport"
)

// DownloaderConfig says where a repository is. MetadataURL is required.
type DownloaderConfig struct {
	// MetadataURL is the folder of timestamp.json.
	MetadataURL string
	// ArtifactsURL is the folder that artifact paths are relative to; a
	// prefix of all paths belongs to it.
	ArtifactsURL string
	// HashPrefix: the files are named <hash>.<name> in their folders. RSTUF
	// deployments mostly serve them by their plain path.
	HashPrefix bool
	// Cache is a folder for this repository alone that keeps verified
	// metadata. With it, a server can't pass off an older state of the
	// repository as the newest. Default: nothing is kept.
	Cache string
	// HTTP says how to connect. Its headers and token go to the hosts of both
	// URLs.
	HTTP Config
	// Progress, unless nil, is called while a file is read, with the number
	// of bytes so far and in all.
	Progress func(artifact string, done, total int64)
}

// Downloader downloads artifacts and checks them against the repository's
// metadata, by go-tuf's updater: the client workflow of the TUF specification,
// section 5. That updater does not find artifacts of a role that is delegated
// by path_hash_prefixes; hash bins and path patterns are what RSTUF makes.
type Downloader struct {
	cfg       DownloaderConfig
	trust     Trust
	metadata  *transport.Base
	artifacts *transport.Base // nil if not configured

	parts sync.Map // the files that downloads are writing

	lock    chan struct{} // held to use what follows: the updater serves one at a time
	fetcher *metadataFetcher
	updater *updater.Updater
}

// NewDownloader makes a downloader that begins with what is trusted. Nothing
// is fetched yet.
func NewDownloader(cfg DownloaderConfig, trust Trust) (*Downloader, error) {
	d := &Downloader{cfg: cfg, trust: trust, lock: make(chan struct{}, 1)}
	// The connections below have the credentials: keep them out of what %v
	// prints of a Downloader.
	d.cfg.MetadataURL, d.cfg.ArtifactsURL, d.cfg.HTTP = "", "", Config{}
	d.fetcher = &metadataFetcher{downloader: d}
	switch {
	case trust.firstUse && cfg.Cache == "":
		return nil, errors.New("trust on first use needs a cache folder to remember the root in")
	case !trust.firstUse && len(trust.root) == 0:
		return nil, errors.New("there is no trusted root: pass TrustRoot(the root document)")
	}
	var err error
	if d.metadata, err = transport.New(cfg.MetadataURL, cfg.HTTP.transport()); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	if cfg.ArtifactsURL != "" {
		if d.artifacts, err = transport.New(cfg.ArtifactsURL, cfg.HTTP.transport()); err != nil {
			return nil, fmt.Errorf("artifacts: %w", err)
		}
	}
	if cfg.Cache != "" {
		if err := os.MkdirAll(cfg.Cache, 0o700); err != nil {
			return nil, fmt.Errorf("cache folder: %w", err)
		}
	}
	return d, nil
}

func (d *Downloader) acquire(ctx context.Context) error {
	if d.lock == nil {
		return errNoDownloader
	}
	select {
	case d.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errNoDownloader = errors.New("the downloader is empty: make it with NewDownloader")

func (d *Downloader) release() { <-d.lock }

// Refresh brings the metadata up to date. The first [Downloader.Info] or
// [Downloader.Download] does it by itself; a program that runs on calls it
// whenever it wants to see what is new.
func (d *Downloader) Refresh(ctx context.Context) error {
	if d.lock == nil {
		return errNoDownloader
	}
	if err := d.acquire(ctx); err != nil {
		return fmt.Errorf("metadata of %s: %w", d.metadata.URL(), err)
	}
	defer d.release()
	return d.refresh(ctx)
}

func (d *Downloader) refresh(ctx context.Context) error {
	d.fetcher.ctx = ctx
	begin := func() error {
		up, err := d.newUpdater(ctx)
		if err == nil {
			err = up.Refresh()
		}
		if err == nil {
			d.updater = up
		}
		return err
	}
	err := guard(begin)
	if err != nil && ctx.Err() == nil && d.dropBroken() {
		err = guard(begin)
	}
	if err != nil {
		return fmt.Errorf("metadata of %s: %w", d.metadata.URL(), err)
	}
	return nil
}

// Info tells what the metadata says of an artifact. If no role has it, the
// error is [ErrNotFound].
func (d *Downloader) Info(ctx context.Context, artifact string) (rstuf.ArtifactInfo, error) {
	if err := d.acquire(ctx); err != nil {
		return rstuf.ArtifactInfo{}, fmt.Errorf("metadata of artifact %s: %w", artifact, err)
	}
	defer d.release()
	if d.updater == nil {
		if err := d.refresh(ctx); err != nil {
			return rstuf.ArtifactInfo{}, err
		}
	}
	d.fetcher.ctx = ctx
	var file *metadata.TargetFiles
	find := func() (err error) {
		file, err = d.updater.GetTargetInfo(artifact)
		return err
	}
	err := guard(find)
	if err != nil && guard(func() error { return d.checkAbsent(artifact) }) == nil {
		return rstuf.ArtifactInfo{}, fmt.Errorf("artifact %s: %w: no role of the repository has it", artifact, ErrNotFound)
	}
	if err != nil && ctx.Err() == nil && d.dropBroken() {
		err = guard(find)
	}
	if err != nil {
		return rstuf.ArtifactInfo{}, fmt.Errorf("metadata of artifact %s: %w", artifact, err)
	}
	info := rstuf.ArtifactInfo{Length: file.Length, Hashes: map[string]string{}}
	for algorithm, digest := range file.Hashes {
		info.Hashes[algorithm] = hex.EncodeToString(digest)
	}
	if file.Custom != nil {
		info.Custom = json.RawMessage(*file.Custom)
	}
	return info, nil
}

// checkAbsent confirms that the roles which may have an artifact are all
// loaded and none has it. go-tuf has no error of its own for that.
func (d *Downloader) checkAbsent(artifact string) error {
	trusted := d.updater.GetTrustedMetadataSet()
	seen := map[string]bool{}
	next := []string{metadata.TARGETS}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		role := trusted.Targets[name]
		if role == nil || role.Signed.Targets[artifact] != nil {
			return fmt.Errorf("role %s was not searched", name)
		}
		if role.Signed.Delegations == nil {
			continue
		}
		for _, child := range role.Signed.Delegations.GetRolesForTarget(artifact) {
			next = append(next, child.Name)
			if child.Terminating {
				break
			}
		}
	}
	return nil
}

// guard keeps the panics of go-tuf on metadata that it does not expect away
// from the caller.
func guard(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the metadata can't be used: %v", cause)
		}
	}()
	return f()
}

// fetchMetadata gets one metadata file, in the way that go-tuf expects: a 404
// for the next root means that there is none.
func (d *Downloader) fetchMetadata(ctx context.Context, target string, most int64) ([]byte, error) {
	body, err := d.metadata.Fetch(ctx, strings.TrimPrefix(target, d.metadata.URL()+"/"), most)
	if errors.Is(err, ErrNotFound) || errors.Is(err, transport.ErrForbidden) {
		return nil, fmt.Errorf("%w: %w", err, &metadata.ErrDownloadHTTP{StatusCode: http.StatusNotFound, URL: target})
	}
	return body, err
}

// artifactFile is the path of the artifact's file.
func (d *Downloader) artifactFile(artifact string, info rstuf.ArtifactInfo) string {
	if !d.cfg.HashPrefix {
		return artifact
	}
	folder, name := path.Split(artifact)
	return folder + info.Hashes[preferredHash(info.Hashes)] + "." + name
}

// preferredHash is the algorithm whose digest names a file.
func preferredHash(hashes map[string]string) string {
	for _, algorithm := range []string{"sha256", "sha512", "blake2b-256"} {
		if hashes[algorithm] != "" {
			return algorithm
		}
	}
	if len(hashes) == 0 {
		return ""
	}
	return slices.Min(slices.Collect(maps.Keys(hashes)))
}
