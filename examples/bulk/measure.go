package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/child"
	"example.org/rstuf/keys"
	"example.org/rstuf/repository"
)

// more is how often one more artifact is added at the end.
const more = 21

func measure(ctx context.Context, o options) (f *figures, err error) {
	draft, err := makeRoot(ctx, o)
	if err != nil {
		return nil, err
	}
	server, err := child.Start("-serve", "-dir", o.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	api, err := client.New(server.URL, client.Config{})
	if err != nil {
		return nil, err
	}
	f = &figures{Artifacts: o.artifacts, Bins: o.bins}
	began := time.Now()
	if _, err := bootstrap.Run(ctx, api, draft.Payload()); err != nil {
		return nil, err
	}
	f.Bootstrap = time.Since(began).Seconds()
	if err := f.publish(ctx, api, o); err != nil {
		return nil, err
	}
	if err := f.addMore(ctx, api, o); err != nil {
		return nil, err
	}
	f.ServicePeakMiB = peak(server)
	if err := f.verify(ctx, server.URL, draft.Document().Bytes(), o); err != nil {
		return nil, err
	}
	return f, f.countFiles(filepath.Join(o.dir, "service", "metadata"))
}

// makeRoot holds a ceremony with two root keys and puts the online key where
// the service looks for it.
func makeRoot(ctx context.Context, o options) (*ceremony.Draft, error) {
	var people []*keys.Private
	for _, name := range []string{"alice", "bob", "online"} {
		key, err := keys.Generate(keys.Ed25519, name)
		if err != nil {
			return nil, err
		}
		people = append(people, key)
	}
	online := people[2]
	folder := filepath.Join(o.dir, "keys")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	pem, err := online.MarshalPEM(nil)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(folder, online.Public().ID()), pem, 0o600); err != nil {
		return nil, err
	}
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{people[0].Public(), people[1].Public()}, Threshold: 2,
		OnlineKey: online.Public(), HashBins: o.bins,
	})
	if err != nil {
		return nil, err
	}
	for _, person := range people[:2] {
		if err := draft.Sign(ctx, person); err != nil {
			return nil, err
		}
	}
	return draft, nil
}

// artifact is the ith artifact, which exists by its description alone.
func artifact(i int) rstuf.Artifact {
	path := fmt.Sprintf("pkg/%07d/file.tar.gz", i)
	sum := sha256.Sum256([]byte(path))
	return rstuf.Artifact{Path: path, Info: rstuf.ArtifactInfo{
		Length: int64(1000 + i), Hashes: map[string]string{"sha256": hex.EncodeToString(sum[:])},
	}}
}

func (f *figures) publish(ctx context.Context, api *client.Client, o options) error {
	publisher := client.Publisher{Client: api, BatchSize: o.batch, InFlight: o.flights}
	began := time.Now()
	report, err := publisher.Publish(ctx, func(yield func(rstuf.Artifact) bool) {
		for i := range o.artifacts {
			if !yield(artifact(i)) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if report.Added != int64(o.artifacts) {
		return fmt.Errorf("%d of %d artifacts were published: %v", report.Added, o.artifacts, report.Problems)
	}
	f.Publish = time.Since(began).Seconds()
	f.PerSecond = float64(o.artifacts) / f.Publish
	f.Requests = report.Requests
	return nil
}

// addMore adds artifacts one at a time. It asks for the task at short
// intervals, so that the figure is the service's.
func (f *figures) addMore(ctx context.Context, api *client.Client, o options) error {
	times := make([]float64, more)
	for i := range times {
		began := time.Now()
		task, err := api.AddArtifacts(ctx, rstuf.AddArtifacts{Artifacts: []rstuf.Artifact{artifact(o.artifacts + i)}})
		if err != nil {
			return err
		}
		for {
			state, err := task.State(ctx)
			if err != nil {
				return err
			}
			if state.Succeeded() {
				break
			}
			if state.State.Terminal() {
				return fmt.Errorf("adding one more: %s", state.Reason())
			}
			time.Sleep(200 * time.Microsecond)
		}
		times[i] = time.Since(began).Seconds()
	}
	slices.Sort(times)
	f.OneMoreMedian = times[len(times)/2]
	return nil
}

// countFiles counts the metadata files and the publications.
func (f *figures) countFiles(dir string) error {
	bytes := int64(0)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		f.MetadataFiles++
		bytes += info.Size()
		if match, _ := filepath.Match("*.snapshot.json", e.Name()); match {
			f.Publications++
		}
		return nil
	})
	f.MetadataMiB = float64(bytes) / (1 << 20)
	f.Publications -= 1 + more // the bootstrap, and those one by one
	return err
}

// verify looks artifacts up as a client that trusts the first root.
func (f *figures) verify(ctx context.Context, url string, root []byte, o options) error {
	reader, err := repository.New(repository.Config{MetadataURL: url + "/files/"}, repository.TrustRoot(root))
	if err != nil {
		return err
	}
	step := max(1, o.artifacts/20)
	for i := 0; i < o.artifacts; i += step {
		want := artifact(i)
		got, err := reader.Info(ctx, want.Path)
		if err != nil {
			return fmt.Errorf("verify %s: %w", want.Path, err)
		}
		if got.Hashes["sha256"] != want.Info.Hashes["sha256"] || got.Length != want.Info.Length {
			return fmt.Errorf("verify %s: the metadata describes another file", want.Path)
		}
		f.Verified++
	}
	return nil
}
