package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
	published "example.org/rstuf/repository"
	"example.org/rstuf/service"
)

const recordings = "testdata/recordings"

// takeover is a repository that another service has published, at a web server
// that goes over to ours. What is recorded has expired, so the service runs in
// this process, and all clients, at the time of the recording.
type takeover struct {
	*repository
	old    tuftest.Folder
	online *keys.Private
	files  atomic.Pointer[http.Handler]
	ends   []func() error
}

// adoptions has clients follow repositories that our service takes over.
func adoptions(ctx context.Context, dir string, peers []*peer) error {
	for _, story := range []struct {
		name string
		tell func(ctx context.Context, dir, name string, peers []*peer) error
	}{
		{"hash-bins", adoptRecording},
		{"custom-delegations", adoptRecording},
		{"distributed-signing", adoptRecording},
		{"first generation", adoptFirstGeneration},
		{"a removed role", heal},
		{"a loss under load", lose},
	} {
		begun := time.Now()
		if err := story.tell(ctx, filepath.Join(dir, story.name), story.name, peers); err != nil {
			return fmt.Errorf("%s: %w", story.name, err)
		}
		fmt.Printf("%s: all of it in %s, with %s\n", story.name, time.Since(begun).Round(100*time.Millisecond), names(peers))
	}
	return nil
}

func adoptRecording(ctx context.Context, dir, name string, peers []*peer) (err error) {
	t, err := newRecorded(ctx, dir, name, name, peers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	return t.life(ctx)
}

// newRecorded is the repository of a recording.
func newRecorded(ctx context.Context, dir, name, recording string, peers []*peer) (*takeover, error) {
	private, err := tuftest.RecordedKeys(filepath.Join(recordings, recording+".keys.json"))
	if err != nil {
		return nil, err
	}
	return newTakeover(ctx, dir, name, filepath.Join(recordings, recording+".repository"), private, peers)
}

// newTakeover copies a folder and serves it; the keys are by the ids that root
// gives them.
func newTakeover(ctx context.Context, dir, name, folder string, private map[string]*keys.Private, peers []*peer) (*takeover, error) {
	r, err := emptyRepository(dir, name, peers)
	if err != nil {
		return nil, err
	}
	t := &takeover{repository: r, old: tuftest.Folder(r.file("old"))}
	r.folder, r.people = string(t.old), map[string]*keys.Private{}
	if err := os.CopyFS(r.folder, os.DirFS(folder)); err != nil {
		return nil, err
	}
	if t.online, err = t.old.Rewind(ctx, private); err != nil {
		return nil, err
	}
	if r.roots, err = t.old.Roots(); err != nil {
		return nil, err
	}
	for _, key := range private {
		r.people[key.Public().Name()] = key
	}
	if err := os.WriteFile(r.file("trusted-root.json"), r.roots[0].Bytes(), 0o644); err != nil {
		return nil, err
	}
	t.serve(http.FileServer(http.Dir(r.folder)))
	r.urls.Metadata = t.listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*t.files.Load()).ServeHTTP(w, r) }))
	r.urls.Artifacts = t.listen(http.FileServer(http.Dir(r.file("artifacts"))))
	return t, t.readOld(ctx)
}

func (t *takeover) serve(h http.Handler) { t.files.Store(&h) }

// listen serves until the end.
func (t *takeover) listen(h http.Handler) string {
	server := httptest.NewServer(h)
	t.ends = append(t.ends, func() error { server.Close(); return nil })
	return server.URL
}

func (t *takeover) end() (err error) {
	for _, end := range slices.Backward(t.ends) {
		err = errors.Join(err, end())
	}
	return err
}

// readOld notes what the old service has published, and takes an hour before the
// first of it expires as the time.
func (t *takeover) readOld(ctx context.Context) error {
	reader, err := published.New(published.Config{MetadataURL: t.urls.Metadata, AllowExpiredUnsafe: true}, published.TrustRoot(t.roots[0].Bytes()))
	if err != nil {
		return err
	}
	for role, err := range reader.Roles(ctx) {
		if errors.Is(role.Err, published.ErrNotSigned) {
			continue
		}
		if err := cmp.Or(err, role.Err); err != nil {
			return err
		}
		if ends := role.Document.Expires().Add(-time.Hour); t.now.IsZero() || ends.Before(t.now) {
			t.now = ends
		}
		if role.Document.Type() != rstuf.RoleTargets {
			continue
		}
		files, err := role.Document.TargetFiles()
		if err != nil {
			return err
		}
		for path := range files {
			t.unserved = append(t.unserved, path)
		}
	}
	return nil
}

// adopt has our service take over and go on.
func (t *takeover) adopt(ctx context.Context, more ...keys.Signer) (*service.Adopted, error) {
	cfg := service.Config{
		Dir: t.file("service"), OnlineKeys: append(more, t.online), Now: func() time.Time { return t.now }, BumpEvery: time.Hour,
	}
	done, err := service.Adopt(ctx, cfg, service.Source{URL: "file://" + filepath.ToSlash(string(t.old)), Root: t.roots[0].Bytes(), Wait: 10 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	svc, err := service.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t.ends = append(t.ends, func() error { return svc.Close(context.WithoutCancel(ctx)) })
	t.folder = "" // from here on the service's own
	t.serve(svc.MetadataHandler())
	t.urls.API = t.listen(svc.Handler())
	t.api, err = client.New(t.urls.API, client.Config{})
	return done, err
}

// life is what an adopted repository goes through, and clients that hold what
// the old service had published.
func (t *takeover) life(ctx context.Context) error {
	if err := t.expect(ctx, "as the old service left it"); err != nil {
		return err
	}
	next := newKey(keys.ECDSAP256, "online2")
	if _, err := t.adopt(ctx, next); err != nil {
		return err
	}
	settings, err := t.api.Settings(ctx)
	if err != nil {
		return err
	}
	if settings.NumberOfDelegatedBins == 0 {
		t.prefix = "pub/"
	}
	root, err := t.roots[len(t.roots)-1].Root()
	if err != nil {
		return err
	}
	var signers []string
	for _, id := range root.Roles[rstuf.RoleRoot].KeyIDs[:root.Roles[rstuf.RoleRoot].Threshold] {
		signers = append(signers, root.Keys[id].DisplayName())
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"taken over", func() error { return nil }},
		{"artifacts", func() error {
			return t.add(ctx, artifact{"new.txt", []byte("new\n"), nil}, artifact{"other.txt", []byte("other\n"), several})
		}},
		{"a removal", func() error { return t.remove(ctx, "other.txt") }},
		{"another root key", func() error {
			return t.updateRoot(ctx, ceremony.Change{AddRootKeys: []keys.Public{newKey(keys.Ed25519, "dave").Public()}}, signers...)
		}},
		{"another online key", func() error {
			return t.updateRoot(ctx, ceremony.Change{OnlineKey: next, OnlineURI: "fn:online2"}, signers...)
		}},
		{"an artifact that it signs", func() error { return t.add(ctx, artifact{"later.txt", []byte("later\n"), nil}) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		if err := t.expect(ctx, step.what); err != nil {
			return err
		}
	}
	return nil
}

// adoptFirstGeneration takes over what a ceremony of RSTUF's first releases began.
func adoptFirstGeneration(ctx context.Context, dir, name string, peers []*peer) (err error) {
	first, err := emptyRepository(dir+", before", name, nil)
	if err != nil {
		return err
	}
	people := []*keys.Private{newKey(keys.Ed25519, "alice"), newKey(keys.Ed25519, "bob"), newKey(keys.Ed25519, "online")}
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{people[0].Public(), people[1].Public()}, Threshold: 2, OnlineKey: people[2].Public(), HashBins: 4,
		FirstGeneration: true, TargetsBaseURL: "https://example.org/artifacts/",
	})
	if err != nil {
		return err
	}
	if err := errors.Join(draft.Sign(ctx, people[0]), draft.Sign(ctx, people[1])); err != nil {
		return err
	}
	svc, err := service.Open(ctx, service.Config{Dir: first.file("service"), OnlineKeys: []keys.Signer{people[2]}})
	if err != nil {
		return err
	}
	server := httptest.NewServer(svc.Handler())
	first.api, err = client.New(server.URL, client.Config{})
	if err == nil {
		err = bootstrapFirstGeneration(ctx, first.api, server.URL, draft)
	}
	if err == nil {
		err = first.add(ctx, artifact{"old.txt", []byte("old\n"), nil})
	}
	server.Close()
	if err := errors.Join(err, svc.Close(ctx)); err != nil {
		return err
	}
	root, err := draft.Document().Root()
	if err != nil {
		return err
	}
	private := map[string]*keys.Private{}
	for id, key := range root.Keys {
		public, err := keys.FromKey(key)
		if err != nil {
			return err
		}
		private[id] = people[slices.IndexFunc(people, func(k *keys.Private) bool { return k.Public().Same(public) })]
	}
	t, err := newTakeover(ctx, dir, name, first.file("service", "metadata"), private, peers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	return t.life(ctx)
}

// bootstrapFirstGeneration sends the payload of the first releases, which the
// client of today's API has no type for.
func bootstrapFirstGeneration(ctx context.Context, api *client.Client, url string, draft *ceremony.Draft) error {
	payload, err := json.Marshal(draft.FirstGenerationPayload())
	if err != nil {
		return err
	}
	response, err := http.Post(url+"/api/v1/bootstrap/", "application/json", bytes.NewReader(payload))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var accepted wire.Response[wire.Accepted]
	if err := json.NewDecoder(response.Body).Decode(&accepted); err != nil || accepted.Data == nil {
		return errors.Join(err, fmt.Errorf("bootstrap: %s", response.Status))
	}
	_, err = ended(ctx)(api.Task(accepted.Data.TaskID), nil)
	return err
}

// heal takes over a repository whose worker has taken a removed role out of the
// snapshot: clients that had seen the role refuse what comes after it, and go on
// with what our service publishes.
func heal(ctx context.Context, dir, name string, peers []*peer) (err error) {
	const withRole = 7 // of the snapshots
	t, err := newRecorded(ctx, dir, name, "custom-delegations", peers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	file := t.metadataFile(rstuf.RoleTimestamp, 0)
	newest, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := t.old.Name(ctx, withRole, t.online); err != nil {
		return err
	}
	holds := func(want bool) error {
		for _, p := range peers {
			o, _, err := t.visit(ctx, p, returns, []string{})
			if err != nil {
				return err
			}
			if (o.Refused == "") != want {
				return fmt.Errorf("%s: refused %q", p.name, o.Refused)
			}
		}
		return nil
	}
	if err := holds(true); err != nil {
		return fmt.Errorf("with the role: %w", err)
	}
	if err := os.WriteFile(file, newest, 0o644); err != nil {
		return err
	}
	if err := holds(false); err != nil {
		return fmt.Errorf("after its removal: %w", err)
	}
	done, err := t.adopt(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(done.Relisted, []string{"extra"}) {
		return fmt.Errorf("listed again: %q", done.Relisted)
	}
	return t.expect(ctx, "healed")
}
