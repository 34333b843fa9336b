package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
)

// lose deletes state.db while artifacts come in, ends the service as a crash
// does, and has it go on from its own files.
func lose(ctx context.Context, dir, name string, peers []*peer) error {
	r, err := newRepository(ctx, dir, name, peers, func(p *ceremony.Policy) { p.HashBins = 4 })
	if err != nil {
		return err
	}
	defer func() { _ = r.serve.Process.Kill() }()
	if err := r.add(ctx, artifact{"before.txt", []byte("before\n"), nil}); err != nil {
		return err
	}
	if err := r.expect(ctx, "before the loss"); err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	again := []string{"--metadata-listen", strings.TrimPrefix(r.urls.Metadata, "http://")} // clients know it by that
	adopt := []string{"--adopt", r.file("service", "metadata"), "--root", r.file("trusted-root.json"), "--adopt-wait", "100ms"}
	if err := r.start(ctx, filepath.Dir(dir), append(again, adopt...)...); err != nil {
		return err
	}
	if r.urls.Adopted == nil || r.urls.Adopted.Lost == nil {
		return fmt.Errorf("nothing was said of a loss: %+v", r.urls.Adopted)
	}
	if err := r.expect(ctx, "after the loss"); err != nil {
		return err
	}
	if err := r.add(ctx, artifact{"after.txt", []byte("after\n"), nil}); err != nil {
		return err
	}
	return errors.Join(r.expect(ctx, "an artifact more"), r.stop())
}

// load adds artifacts until the service, whose state.db is deleted in the middle
// of it, is killed. Of those that are under way then nobody knows.
func (r *repository) load(ctx context.Context) error {
	const workers, atDeletion, atEnd = 4, 20, 60
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	added := make(chan artifact)
	failed := make(chan error, workers)
	for worker := range workers {
		go func() {
			for n := 0; ; n++ {
				a := artifact{fmt.Sprintf("load/%d-%d.txt", worker, n), fmt.Appendf(nil, "%d %d\n", worker, n), nil}
				if err := r.addFile(ctx, a); err != nil {
					failed <- err
					return
				}
				added <- a
			}
		}()
	}
	left := workers
	var unexpected error
	for count := 0; left > 0; {
		select {
		case a := <-added:
			r.set(a.path, a.content)
			count++
			var err error
			switch count {
			case atDeletion:
				err = os.Remove(r.file("service", "state.db"))
			case atEnd:
				err = r.serve.Process.Kill()
				cancel()
			}
			unexpected = errors.Join(unexpected, err)
		case err := <-failed:
			if left--; ctx.Err() == nil {
				unexpected = errors.Join(unexpected, err)
			}
		}
	}
	_ = r.serve.Wait() // it was killed
	return unexpected
}

// addFile adds one artifact and waits until it is published.
func (r *repository) addFile(ctx context.Context, a artifact) error {
	file := r.file("artifacts", filepath.FromSlash(a.path))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, a.content, 0o644)); err != nil {
		return err
	}
	entry, err := client.HashFile(ctx, file, a.path, client.HashOptions{})
	if err != nil {
		return err
	}
	_, err = ended(ctx)(r.api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{entry}}))
	return err
}
