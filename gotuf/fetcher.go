package gotuf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	tuf "github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"

	"example.org/rstuf/internal/transport"
	"example.org/rstuf/repository"
)

// FetcherConfig says where the files are and how to get them.
type FetcherConfig struct {
	// MetadataURL and ArtifactsURL are those of the updater's configuration
	// (RemoteMetadataURL and RemoteTargetsURL). Nothing else is fetched.
	MetadataURL, ArtifactsURL string
	// HTTP is as in package repository.
	HTTP repository.HTTPConfig
}

// Fetcher downloads for go-tuf's updater (UpdaterConfig.Fetcher). It escapes the
// paths of artifacts, which go-tuf leaves as they are. It may be used from several
// goroutines.
type Fetcher struct {
	ctx       context.Context // go-tuf's interface has no place for it
	metadata  *transport.Client
	artifacts *transport.Client
	urls      FetcherConfig
}

var _ fetcher.Fetcher = (*Fetcher)(nil)

// NewFetcher makes a fetcher. Nothing is fetched yet.
func NewFetcher(cfg FetcherConfig) (*Fetcher, error) {
	for _, base := range []*string{&cfg.MetadataURL, &cfg.ArtifactsURL} {
		*base = strings.TrimRight(*base, "/") + "/"
	}
	f := &Fetcher{ctx: context.Background(), urls: cfg}
	var err error
	if f.metadata, err = transport.NewClient(cfg.MetadataURL, transport.Config(cfg.HTTP)); err != nil {
		return nil, fmt.Errorf("gotuf: metadata: %w", err)
	}
	if f.artifacts, err = transport.NewClient(cfg.ArtifactsURL, transport.Config(cfg.HTTP)); err != nil {
		return nil, fmt.Errorf("gotuf: artifacts: %w", err)
	}
	return f, nil
}

// WithContext is a fetcher whose downloads end with the context.
func (f *Fetcher) WithContext(ctx context.Context) *Fetcher {
	other := *f
	other.ctx = ctx
	return &other
}

// DownloadFile implements go-tuf's Fetcher. A file that is not there is its
// ErrDownloadHTTP, and one that is too long its ErrDownloadLengthMismatch. The
// last argument is without meaning there, too.
func (f *Fetcher) DownloadFile(file string, most int64, _ time.Duration) ([]byte, error) {
	client, target, err := f.choose(file)
	if err != nil {
		return nil, err
	}
	data, err := client.Get(f.ctx, target, most)
	switch {
	case errors.Is(err, transport.ErrNotFound):
		return nil, &tuf.ErrDownloadHTTP{StatusCode: http.StatusNotFound, URL: file}
	case errors.Is(err, transport.ErrForbidden):
		return nil, &tuf.ErrDownloadHTTP{StatusCode: http.StatusForbidden, URL: file}
	case errors.Is(err, transport.ErrTooLarge):
		return nil, &tuf.ErrDownloadLengthMismatch{Msg: err.Error()}
	}
	return data, err
}

// choose finds out whose file it is: the longer of two URLs that both fit decides.
func (f *Fetcher) choose(file string) (*transport.Client, string, error) {
	name, isMetadata := strings.CutPrefix(file, f.urls.MetadataURL)
	path, isArtifact := strings.CutPrefix(file, f.urls.ArtifactsURL)
	switch {
	case isArtifact && (!isMetadata || len(path) < len(name)):
		if transport.LeadsOut(path) {
			return nil, "", fmt.Errorf("gotuf: %q: \".\" or \"..\" in its path leads out of the folder", path)
		}
		return f.artifacts, f.urls.ArtifactsURL + strings.TrimPrefix((&url.URL{Path: "/" + path}).EscapedPath(), "/"), nil
	case isMetadata:
		return f.metadata, file, nil
	}
	return nil, "", fmt.Errorf("gotuf: %q is neither below %s nor below %s", file, f.urls.MetadataURL, f.urls.ArtifactsURL)
}
