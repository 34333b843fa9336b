package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// A new client has the first root and nothing else; one that returns has what
// it kept of all its earlier visits too.
const (
	isNew   = "new"
	returns = "returning"
)

// visit has a client refresh its metadata and download the paths.
func (r *repository) visit(ctx context.Context, p *peer, who string, paths []string) (outcome, string, error) {
	dir := r.file("clients", p.name+" "+who)
	if who == isNew {
		if err := os.RemoveAll(dir); err != nil {
			return outcome{}, "", err
		}
	}
	j := job{
		Root: r.file("trusted-root.json"), Dir: dir, Paths: paths,
		Metadata: r.urls.Metadata, Artifacts: r.urls.Artifacts,
	}
	if !r.now.IsZero() {
		j.Now = r.now.Unix()
	}
	o, err := p.run(ctx, j)
	return o, dir, err
}

// expect has every client find what is published and nothing else.
func (r *repository) expect(ctx context.Context, what string) error {
	paths := slices.Concat(slices.Sorted(maps.Keys(r.published)), slices.Sorted(maps.Keys(r.gone)), r.unserved)
	for _, p := range r.peers {
		for _, who := range []string{isNew, returns} {
			o, dir, err := r.visit(ctx, p, who, paths)
			if err == nil {
				err = r.judge(p, o, dir)
			}
			if err != nil {
				return fmt.Errorf("%s: a %s client, %s: %w", what, who, p.name, err)
			}
		}
	}
	fmt.Printf("%s: %s: ok, %d artifacts are found, %d are not, root version %d\n",
		r.name, what, len(r.published)+len(r.unserved), len(r.gone), len(r.roots))
	return nil
}

func (r *repository) judge(p *peer, o outcome, dir string) error {
	if o.Refused != "" {
		return fmt.Errorf("refused the metadata: %s", o.Refused)
	}
	for path, content := range r.published {
		if err := judgeFile(o.Files[path], content, cannot[p.name+" "+filepath.Base(path)]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	for path := range r.gone {
		if got, ok := o.Files[path]; !ok || got != (fileOutcome{}) {
			return fmt.Errorf("%s should not be found: %+v", path, got)
		}
	}
	for _, path := range r.unserved {
		if got := o.Files[path].Refused; !strings.Contains(got, "DownloadHTTPError") && !strings.Contains(got, "404") {
			return fmt.Errorf("%s should be found, and its file be missing: %+v", path, o.Files[path])
		}
	}
	return r.upToDate(dir)
}

// cannot are the artifacts that a client can't verify, and its reason.
var cannot = map[string]string{
	"tuf-js three hashes.bin": "LengthOrHashMismatchError: Hash algorithm blake2b-256 not supported",
}

func judgeFile(got fileOutcome, content []byte, cannot string) error {
	want := fileOutcome{SHA256: hexSHA256(content)}
	if cannot != "" {
		want = fileOutcome{Refused: cannot}
	}
	if got != want {
		return fmt.Errorf("got %+v, want %+v", got, want)
	}
	return nil
}

// upToDate makes sure that the client has followed to the newest root and has
// the timestamp of the service.
func (r *repository) upToDate(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "root.json"))
	if err != nil {
		return err
	}
	root, err := metadata.Parse(data)
	if err != nil {
		return err
	}
	if want := int64(len(r.roots)); root.Version() != want {
		return fmt.Errorf("it trusts root version %d, not %d", root.Version(), want)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "timestamp.json"))
	if err != nil {
		return err
	}
	served, err := os.ReadFile(r.metadataFile(rstuf.RoleTimestamp, 0))
	if err == nil && !bytes.Equal(kept, served) {
		err = fmt.Errorf("its timestamp is not the one that is served")
	}
	return err
}
