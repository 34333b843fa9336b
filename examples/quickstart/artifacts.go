package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/client"
	"example.org/rstuf/repository"
)

// files are what gets published, by path.
var files = map[string]string{
	"hello/1.0/hello.txt":  "Hello, verified world.\n",
	"hello/1.1/hello.txt":  "Hello again, verified world.\n",
	"tools/convert.sh":     "#!/bin/sh\nexec tr a-z A-Z\n",
	"data/numbers.csv":     strings.Repeat("1,2,3,5,8,13,21,34,55,89\n", 400),
	"data/ünïcödé name.md": "Paths may hold any character.\n",
}

// wanted is the file that is downloaded, tampered with and removed.
const wanted = "hello/1.1/hello.txt"

// makeFiles puts the files where the web server offers them.
func (s *story) makeFiles() error {
	for name, content := range files {
		path := s.artifactFile(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) artifactFile(name string) string {
	return s.path("artifacts", filepath.FromSlash(name))
}

// publish adds the files and waits until clients can see them.
func (s *story) publish(ctx context.Context) error {
	begun := time.Now()
	var request rstuf.AddArtifacts
	bytes := int64(0)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		artifact, err := client.HashFile(ctx, s.artifactFile(name), name, client.HashOptions{})
		if err != nil {
			return err
		}
		bytes += artifact.Info.Length
		request.Artifacts = append(request.Artifacts, artifact)
	}
	task, err := s.api.AddArtifacts(ctx, request)
	if err != nil {
		return err
	}
	done, err := task.Wait(ctx)
	if err != nil {
		return err
	}
	details := done.Result.Details
	s.say("publish", "%d files, %d bytes, in %d hash bins (%s)",
		len(details.AddedArtifacts), bytes, len(details.ArtifactRoles), time.Since(begun).Round(time.Millisecond))
	return nil
}

// fetch downloads the wanted file with nothing but the ceremony's root to
// trust, and verifies it.
func (s *story) fetch(ctx context.Context) (rstuf.ArtifactInfo, error) {
	reader, err := repository.New(repository.Config{
		MetadataURL:  s.metadata,
		ArtifactsURL: s.artifacts,
		Cache:        s.path("cache"),
	}, repository.TrustRoot(s.draft.Payload().Root()))
	if err != nil {
		return rstuf.ArtifactInfo{}, err
	}
	downloaded := s.path("downloads", path.Base(wanted))
	os.Remove(downloaded) // of an earlier step; a file that is there and right is not fetched again
	return reader.Download(ctx, wanted, downloaded)
}

// download shows that the file comes as it was published.
func (s *story) download(ctx context.Context) error {
	begun := time.Now()
	if err := os.MkdirAll(s.path("downloads"), 0o755); err != nil {
		return err
	}
	info, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	s.say("download", "%s: %d bytes, verified from the ceremony's root down (%s)", wanted, info.Length, time.Since(begun).Round(time.Millisecond))
	return nil
}

// attack changes the file on the web server, as somebody could who broke into
// it, and wants the download to be refused.
func (s *story) attack(ctx context.Context) error {
	good := []byte(files[wanted])
	if err := os.WriteFile(s.artifactFile(wanted), bytes.Replace(good, []byte("verified"), []byte("tampered"), 1), 0o644); err != nil {
		return err
	}
	_, err := s.fetch(ctx)
	if err == nil {
		return errors.New("a file that was tampered with passed as good")
	}
	s.say("attack", "the file on the server was changed; the download is refused: %v", err)
	return os.WriteFile(s.artifactFile(wanted), good, 0o644)
}

// remove takes the artifact out of the repository.
func (s *story) remove(ctx context.Context) error {
	task, err := s.api.DeleteArtifacts(ctx, rstuf.DeleteArtifacts{Artifacts: []string{wanted}})
	if err != nil {
		return err
	}
	if _, err := task.Wait(ctx); err != nil {
		return err
	}
	_, err = s.fetch(ctx)
	if err == nil {
		return fmt.Errorf("%s was removed and can still be downloaded", wanted)
	}
	s.say("remove", "%s is gone: %v", wanted, err)
	return nil
}
