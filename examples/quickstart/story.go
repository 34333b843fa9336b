package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/service"
)

// story is the quickstart, told a line a step.
type story struct {
	out io.Writer
	dir string

	alice, bob, online *keys.Private
	draft              *ceremony.Draft
	api                *client.Client
	metadata           string // URL
	artifacts          string // URL
}

func (s *story) say(step, format string, args ...any) {
	fmt.Fprintf(s.out, "%-9s %s\n", step, fmt.Sprintf(format, args...))
}

// path is a place in the folder of the story.
func (s *story) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

func (s *story) tell(ctx context.Context, o options) error {
	if err := s.makeKeys(); err != nil {
		return err
	}
	if err := s.holdCeremony(ctx); err != nil {
		return err
	}
	stop, err := s.reach(ctx, o)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{s.bootstrap, s.publish, s.download, s.attack, s.remove} {
		if err := step(ctx); err != nil {
			stop(context.WithoutCancel(ctx))
			return err
		}
	}
	return stop(ctx)
}

// makeKeys makes two root keys and the online key, which goes where the
// service looks for it. Real root keys would be encrypted, each on its owner's
// machine.
func (s *story) makeKeys() (err error) {
	for _, k := range []struct {
		key          **keys.Private
		folder, name string
	}{{&s.alice, "people", "alice"}, {&s.bob, "people", "bob"}, {&s.online, "keys", "online"}} {
		if *k.key, err = keys.Generate(keys.Ed25519, k.name); err != nil {
			return err
		}
		if err := os.MkdirAll(s.path(k.folder), 0o700); err != nil {
			return err
		}
		file := k.name
		if k.key == &s.online {
			file = s.online.Public().ID() // the URI of an online key is fn:<key id>
		}
		if err := (*k.key).Save(s.path(k.folder, file), keys.SaveOptions{Plain: true}); err != nil {
			return err
		}
	}
	s.say("keys", "alice %s and bob %s for root, online %s, all ed25519",
		short(s.alice.Public().ID()), short(s.bob.Public().ID()), short(s.online.Public().ID()))
	return nil
}

// holdCeremony makes the first root, which two people sign one after another.
func (s *story) holdCeremony(ctx context.Context) (err error) {
	s.draft, err = ceremony.New(ceremony.Policy{
		RootKeys:  []keys.Public{s.alice.Public(), s.bob.Public()},
		Threshold: 2,
		OnlineKey: s.online.Public(),
		HashBins:  256,
	})
	if err != nil {
		return err
	}
	s.say("ceremony", "root version 1, threshold 2 of 2, 256 hash bins")
	for _, signer := range []*keys.Private{s.alice, s.bob} {
		if err := s.draft.Sign(ctx, signer); err != nil {
			return err
		}
		s.say("", "%s has signed; %s", signer.Public().Name(), progress(s.draft.Status()))
	}
	return bootstrap.WriteFile(s.path("payload.json"), s.draft.Payload())
}

// progress says who has signed and who is missing.
func progress(status ceremony.Status) string {
	if status.Complete() {
		return fmt.Sprintf("%d of %d, complete", len(status.Document.Signed), status.Document.Threshold)
	}
	var missing []string
	for _, key := range status.Missing() {
		missing = append(missing, key.Name)
	}
	return fmt.Sprintf("%d of %d, missing: %s", len(status.Document.Signed), status.Document.Threshold, strings.Join(missing, ", "))
}

// reach finds the service, or starts one.
func (s *story) reach(ctx context.Context, o options) (stop func(context.Context) error, err error) {
	if err := s.makeFiles(); err != nil {
		return nil, err
	}
	stop = func(context.Context) error { return nil }
	s.metadata, s.artifacts = o.metadata, o.artifacts
	if o.api == "" {
		if o.api, stop, err = s.serve(ctx); err != nil {
			return nil, err
		}
	}
	s.api, err = client.New(o.api, client.Config{})
	return stop, err
}

// serve starts the embedded service: its API, its metadata files, and a plain
// web server for the artifacts, all on one port.
func (s *story) serve(ctx context.Context) (url string, stop func(context.Context) error, err error) {
	embedded, err := service.Open(ctx, service.Config{Dir: s.path("service"), Keys: keys.URIConfig{Dir: s.path("keys")}})
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", embedded.Handler())
	mux.Handle("/metadata/", http.StripPrefix("/metadata", embedded.MetadataHandler()))
	mux.Handle("/artifacts/", http.StripPrefix("/artifacts", http.FileServer(http.Dir(s.path("artifacts")))))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener)
	url = "http://" + listener.Addr().String()
	s.metadata, s.artifacts = url+"/metadata/", url+"/artifacts/"
	s.say("service", "listening on %s", url)
	return url, func(ctx context.Context) error {
		if err := server.Shutdown(ctx); err != nil {
			return err
		}
		if err := embedded.Close(ctx); err != nil {
			return err
		}
		s.say("service", "stopped")
		return nil
	}, nil
}

// bootstrap sends the payload and follows the task.
func (s *story) bootstrap(ctx context.Context) error {
	begun := time.Now()
	result, err := bootstrap.Run(ctx, s.api, s.draft.Payload(), bootstrap.WithProgress(func(task rstuf.Task) {
		s.say("bootstrap", "task %s: %s", short(task.ID), task.State)
	}))
	if err != nil {
		return err
	}
	s.say("", "%s (%s)", result, time.Since(begun).Round(time.Millisecond))
	return nil
}

// short is the start of a key id or task id.
func short(id string) string { return id[:min(8, len(id))] }
