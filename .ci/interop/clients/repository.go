package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
	"example.org/rstuf/service"
)

// repository is a running `rstuf serve` and what clients must find there.
type repository struct {
	name, dir string
	prefix    string // of all artifacts of the story
	peers     []*peer
	serve     *exec.Cmd
	urls      struct {
		API, Metadata, Artifacts string
		Adopted                  *service.Adopted
	}
	api    *client.Client
	people map[string]*keys.Private
	roots  []*metadata.Document // all versions

	published map[string][]byte // what must verify, by path
	gone      map[string]bool   // what must not be found
	unserved  []string          // what must be found, and its file is nowhere

	// Of a repository that was taken over: the folder of its files, if it is not
	// the service's own, and the time, if it is another one.
	folder string
	now    time.Time
}

// newRepository holds a ceremony, starts the service and bootstraps it.
func newRepository(ctx context.Context, dir, name string, peers []*peer, change func(*ceremony.Policy)) (*repository, error) {
	r, err := emptyRepository(dir, name, peers)
	if err != nil {
		return nil, err
	}
	r.people = map[string]*keys.Private{
		"alice": newKey(keys.Ed25519, "alice"), "bob": newKey(keys.ECDSAP256, "bob"),
		"carol": newKey(keys.RSA2048, "carol"), "dave": newKey(keys.Ed25519, "dave"),
	}
	policy := ceremony.Policy{Threshold: 2}
	for _, person := range []string{"alice", "bob", "carol"} {
		policy.RootKeys = append(policy.RootKeys, r.people[person].Public())
	}
	online, err := r.onlineKey(keys.Ed25519, "online1")
	if err != nil {
		return nil, err
	}
	policy.OnlineKey = online.Public().WithOnlineURI("fn:online1")
	change(&policy)
	draft, err := ceremony.New(policy)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(draft.Sign(ctx, r.people["alice"]), draft.Sign(ctx, r.people["bob"])); err != nil {
		return nil, err
	}
	r.roots = []*metadata.Document{draft.Document()}
	if err := os.WriteFile(r.file("trusted-root.json"), draft.Document().Bytes(), 0o644); err != nil {
		return nil, err
	}
	if err := r.start(ctx, filepath.Dir(dir)); err != nil {
		return nil, err
	}
	if _, err := bootstrap.Run(ctx, r.api, draft.Payload()); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// emptyRepository makes the folders.
func emptyRepository(dir, name string, peers []*peer) (*repository, error) {
	r := &repository{name: name, dir: dir, peers: peers, published: map[string][]byte{}, gone: map[string]bool{"app/no such file": true}}
	return r, errors.Join(os.MkdirAll(r.file("keys"), 0o755), os.MkdirAll(r.file("artifacts"), 0o755))
}

func (r *repository) file(names ...string) string {
	return filepath.Join(append([]string{r.dir}, names...)...)
}

// metadataFile is a file of the service's own, which the test tampers with.
func (r *repository) metadataFile(role string, version int64) string {
	folder := r.folder
	if folder == "" {
		folder = r.file("service", "metadata")
	}
	return filepath.Join(folder, metadata.Filename(role, version))
}

func newKey(kind keys.Type, name string) *keys.Private {
	key, err := keys.Generate(kind, name)
	if err != nil {
		panic(err) // only an unknown type
	}
	return key
}

// onlineKey makes a key where the service looks for it.
func (r *repository) onlineKey(kind keys.Type, name string) (*keys.Private, error) {
	key := newKey(kind, name)
	return key, key.Save(r.file("keys", name), keys.SaveOptions{Plain: true})
}

// start runs the command on free ports and reads from its output which.
func (r *repository) start(ctx context.Context, tools string, args ...string) error {
	const free = "127.0.0.1:0"
	r.serve = exec.CommandContext(ctx, filepath.Join(tools, "rstuf"), append([]string{"serve", "--json",
		"--dir", r.file("service"), "--key-dir", r.file("keys"), "--artifacts", r.file("artifacts"),
		"--listen", free, "--metadata-listen", free, "--artifacts-listen", free}, args...)...)
	r.serve.Cancel = func() error { return r.serve.Process.Signal(syscall.SIGTERM) }
	r.serve.WaitDelay = 10 * time.Second
	log, err := os.Create(r.file("serve.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	r.serve.Stderr = log
	stdout, err := r.serve.StdoutPipe()
	if err != nil {
		return err
	}
	if err := r.serve.Start(); err != nil {
		return err
	}
	if err := json.NewDecoder(stdout).Decode(&r.urls); err != nil {
		return errors.Join(fmt.Errorf("rstuf serve did not say where it serves: %w", err), r.stop())
	}
	if r.api, err = client.New(r.urls.API, client.Config{}); err != nil {
		return errors.Join(err, r.stop())
	}
	return nil
}

// stop ends the service as an operator would. What it logged is shown if that
// is not how it ends.
func (r *repository) stop() error {
	r.serve.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	err := r.serve.Wait()
	if err == nil {
		return nil
	}
	log, _ := os.ReadFile(r.file("serve.log"))
	return fmt.Errorf("rstuf serve: %w\n%s", err, log)
}

// ended waits for what was just queued. What waits for signatures then is signed
// by whoever calls.
func ended(ctx context.Context) func(*client.Task, error) (rstuf.Task, error) {
	return func(task *client.Task, err error) (rstuf.Task, error) {
		if err != nil {
			return rstuf.Task{}, err
		}
		done, err := task.Wait(ctx)
		if errors.Is(err, client.ErrSigningPending) {
			err = nil
		}
		return done, err
	}
}

// set says what clients must find at the path; nil means nothing.
func (r *repository) set(path string, content []byte) {
	delete(r.published, path)
	delete(r.gone, path)
	if content == nil {
		r.gone[path] = true
	} else {
		r.published[path] = content
	}
}

// add puts artifacts where they are served and adds them with their hashes.
func (r *repository) add(ctx context.Context, list ...artifact) error {
	request := rstuf.AddArtifacts{AddTaskIDToCustom: true}
	for _, a := range list {
		path := r.prefix + a.path
		file := r.file("artifacts", filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, a.content, 0o644); err != nil {
			return err
		}
		entry, err := client.HashFile(ctx, file, path, client.HashOptions{Algorithms: a.hashes})
		if err != nil {
			return err
		}
		request.Artifacts = append(request.Artifacts, entry)
		r.set(path, a.content)
	}
	done, err := ended(ctx)(r.api.AddArtifacts(ctx, request))
	if err != nil {
		return err
	}
	if added := len(done.Result.Details.AddedArtifacts); added != len(list) {
		return fmt.Errorf("%d of %d artifacts were added", added, len(list))
	}
	return nil
}

// remove removes artifacts and leaves their files where they are.
func (r *repository) remove(ctx context.Context, paths ...string) error {
	var request rstuf.DeleteArtifacts
	for _, path := range paths {
		request.Artifacts = append(request.Artifacts, r.prefix+path)
		r.set(r.prefix+path, nil)
	}
	_, err := ended(ctx)(r.api.DeleteArtifacts(ctx, request))
	return err
}

func (r *repository) bump(ctx context.Context) error {
	before, err := os.ReadFile(r.metadataFile(rstuf.RoleTimestamp, 0))
	if err != nil {
		return err
	}
	if _, err := ended(ctx)(r.api.BumpOnline(ctx)); err != nil {
		return err
	}
	after, err := os.ReadFile(r.metadataFile(rstuf.RoleTimestamp, 0))
	if err == nil && bytes.Equal(before, after) {
		err = errors.New("the bump changed nothing")
	}
	return err
}

// updateRoot sends the next root with one signature, and the others through
// pending signatures.
func (r *repository) updateRoot(ctx context.Context, change ceremony.Change, signers ...string) error {
	draft, err := ceremony.Next(ctx, r.roots[len(r.roots)-1], change)
	if err != nil {
		return err
	}
	if err := draft.Sign(ctx, r.people[signers[0]]); err != nil {
		return err
	}
	if _, err := ended(ctx)(r.api.UpdateMetadata(ctx, draft.Update().Metadata[rstuf.RoleRoot])); err != nil {
		return err
	}
	for _, name := range signers[1:] {
		if err := r.signPending(ctx, rstuf.RoleRoot, r.people[name]); err != nil {
			return err
		}
	}
	settings, err := r.api.Settings(ctx)
	if err != nil {
		return err
	}
	published, err := metadata.Parse(settings.TrustedRoot)
	if err != nil {
		return err
	}
	if !bytes.Equal(published.Canonical(), draft.Document().Canonical()) {
		return fmt.Errorf("the service has root version %d and not the one that was signed", published.Version())
	}
	r.roots = append(r.roots, published)
	return nil
}

// signPending is what one signer does about a role that waits.
func (r *repository) signPending(ctx context.Context, role string, signer *keys.Private) error {
	drafts, err := ceremony.Pending(ctx, r.api)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(drafts, func(d *ceremony.Draft) bool { return d.Role() == role })
	if i < 0 {
		return fmt.Errorf("%s does not wait for signatures", role)
	}
	if err := drafts[i].Pin(r.roots...); err != nil {
		return err
	}
	if err := drafts[i].Sign(ctx, signer); err != nil {
		return err
	}
	_, err = drafts[i].Send(ctx, r.api)
	return err
}
