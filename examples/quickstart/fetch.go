package main

import (
	"context"
	"net/url"
	"path/filepath"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

func (s *story) fetch(ctx context.Context) ([]byte, error) {
	cfg, err := config.New(s.metadata, s.draft.Payload().Root())
	if err != nil {
		return nil, err
	}
	cfg.RemoteTargetsURL = s.artifacts
	cfg.LocalMetadataDir = s.path("cache")
	cfg.LocalTargetsDir = s.path("downloads")
	cfg.PrefixTargetsWithHash = false
	up, err := updater.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := up.Refresh(); err != nil {
		return nil, err
	}
	target, err := up.GetTargetInfo(wanted)
	if err != nil {
		return nil, err
	}
	_, data, err := up.DownloadTarget(target, s.path("downloads", url.PathEscape(filepath.Base(wanted))), "")
	return data, err
}
