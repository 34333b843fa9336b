package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// signer is a key and the ids that it signs under.
type signer struct {
	key keys.Signer
	ids []string
}

// newSigner makes a key that no repository knows.
func newSigner(name string) (signer, error) {
	key, err := keys.Generate(keys.Ed25519, name)
	if err != nil {
		return signer{}, err
	}
	return signer{key, []string{key.Public().ID()}}, nil
}

// online is the online key, stolen.
func (r *Repository) online(ctx context.Context) (signer, error) {
	root, err := r.newestRoot(ctx)
	if err != nil {
		return signer{}, err
	}
	return signer{r.OnlineKey, root.Roles[rstuf.RoleTimestamp].KeyIDs}, nil
}

func (r *Repository) newestRoot(ctx context.Context) (*metadata.Root, error) {
	roots, err := r.roots(ctx)
	if err != nil {
		return nil, err
	}
	return roots[len(roots)-1].Root()
}

// state is what is published, as it can be changed and signed again.
type state struct {
	timestamp *metadata.Timestamp
	snapshot  *metadata.Snapshot
}

// read reads a file of the repository.
func (r *Repository) read(ctx context.Context, name string) (*metadata.Document, error) {
	data, err := r.storage.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	return metadata.Parse(data)
}

// published reads the timestamp and the snapshot.
func (r *Repository) published(ctx context.Context) (*state, error) {
	doc, err := r.read(ctx, metadata.Filename(rstuf.RoleTimestamp, 0))
	if err != nil {
		return nil, err
	}
	s := &state{}
	if s.timestamp, err = doc.Timestamp(); err != nil {
		return nil, err
	}
	s.snapshot, err = r.snapshot(ctx, s.timestamp.Meta["snapshot.json"].Version)
	return s, err
}

func (r *Repository) snapshot(ctx context.Context, version int64) (*metadata.Snapshot, error) {
	doc, err := r.read(ctx, metadata.Filename(rstuf.RoleSnapshot, version))
	if err != nil {
		return nil, err
	}
	return doc.Snapshot()
}

// targets reads a targets role.
func (r *Repository) targets(ctx context.Context, role string, s *state) (*metadata.Targets, error) {
	doc, err := r.read(ctx, metadata.Filename(role, s.snapshot.Meta[role+".json"].Version))
	if err != nil {
		return nil, err
	}
	return doc.Targets()
}

// sign makes a file of a body.
func sign(ctx context.Context, body metadata.Body, signers ...signer) ([]byte, error) {
	doc, err := metadata.New(body)
	if err != nil {
		return nil, err
	}
	for _, s := range signers {
		if err := doc.SignAs(ctx, s.key, s.ids...); err != nil {
			return nil, err
		}
	}
	return doc.Bytes(), nil
}

// forge has the attacker serve a signed document.
func (a *attacker) forge(ctx context.Context, role string, version int64, body metadata.Body, signers ...signer) error {
	data, err := sign(ctx, body, signers...)
	if err != nil {
		return fmt.Errorf("forge %s: %w", role, err)
	}
	a.files[metadata.Filename(role, version)] = data
	return nil
}

// forgeState serves the state, with the snapshot named by the timestamp.
func (a *attacker) forgeState(ctx context.Context, s *state, by signer) error {
	s.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: s.snapshot.Version}
	return errors.Join(
		a.forge(ctx, rstuf.RoleSnapshot, s.snapshot.Version, s.snapshot, by),
		a.forge(ctx, rstuf.RoleTimestamp, 0, s.timestamp, by))
}

// forgeAll serves the whole repository signed by another key, so many versions
// later, with the attacker's content in place of all artifacts.
func (a *attacker) forgeAll(ctx context.Context, jump int64, by signer) error {
	s, err := a.Repository.published(ctx)
	if err != nil {
		return err
	}
	a.spoil()
	for file, meta := range s.snapshot.Meta {
		role := strings.TrimSuffix(file, ".json")
		targets, err := a.targets(ctx, role, s)
		if err != nil {
			return err
		}
		targets.Version = meta.Version + jump
		for path := range targets.Targets {
			targets.Targets[path] = metadata.TargetFile{ArtifactInfo: describe(a.artifacts[path])}
		}
		if targets.Delegations != nil {
			delegateTo(targets.Delegations, by)
		}
		s.snapshot.Meta[file] = metadata.MetaFile{Version: targets.Version}
		if err := a.forge(ctx, role, targets.Version, targets, by); err != nil {
			return err
		}
	}
	s.snapshot.Version += jump
	s.timestamp.Version += jump
	return a.forgeState(ctx, s, by)
}

// delegateTo has one key sign all roles.
func delegateTo(d *metadata.Delegations, by signer) {
	d.Keys = map[string]rstuf.Key{}
	for _, id := range by.ids {
		d.Keys[id] = by.key.Public().Key()
	}
	for i := range d.Roles {
		d.Roles[i].KeyIDs, d.Roles[i].Threshold = by.ids, 1
	}
	if d.Succinct != nil {
		d.Succinct.KeyIDs = by.ids
	}
}

// spoil serves other content of the same length in place of all artifacts.
func (a *attacker) spoil() {
	a.web.mu.RLock()
	defer a.web.mu.RUnlock()
	for path, content := range a.web.files {
		evil := []byte(strings.Repeat("EVIL", len(content)/4+1))
		a.artifacts[path] = evil[:len(content)]
	}
}

// formerArtifacts serves artifacts as they were before their last change.
func (a *attacker) formerArtifacts() {
	a.web.mu.RLock()
	defer a.web.mu.RUnlock()
	for path, content := range a.web.former {
		a.artifacts[path] = content
	}
}
