package rstuftest

import (
	"context"
	"errors"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/metadata"
)

// versionAttacks go back to what was, or leap ahead.
var versionAttacks = []Attack{
	{
		Name: "rollback of the timestamp", Section: "5.4.3.1",
		Text:  "The server sends an older timestamp than the client has seen, with all that it names.",
		Must:  "refuse it, or stay with what it has",
		begin: rollbackTimestamp,
	},
	{
		Name: "rollback of the snapshot", Section: "5.4.3.2",
		Text:  "Whoever has the online key signs a new timestamp that names an older snapshot.",
		Must:  "refuse it, or stay with what it has",
		begin: rollbackSnapshot,
		trial: trial{stolen: true},
	},
	{
		Name: "rollback of targets", Section: "5.5.5",
		Text:  "Whoever has the online key signs a new snapshot that names older versions of delegated roles.",
		Must:  "refuse it, or stay with what it has",
		begin: rollbackTargets,
		trial: trial{stolen: true},
	},
	{
		Name: "role taken out of the snapshot", Section: "5.5.5",
		Text:  "Whoever has the online key signs a new snapshot without the roles that the old one has.",
		Must:  "refuse it",
		begin: rolesTaken,
		trial: trial{stolen: true, refuse: true},
	},
	{
		Name: "freeze", Section: "5.4.4",
		Text:  "The server goes on sending one state of the repository, and holds back all that is newer.",
		Must:  "refuse metadata that has expired",
		begin: freeze,
		trial: trial{refuse: true, cold: true, after: 60 * 24 * time.Hour},
	},
	{
		Name: "freeze of the snapshot", Section: "5.5.6",
		Text:  "Whoever has the online key signs new timestamps for one and the same snapshot.",
		Must:  "refuse the snapshot that has expired",
		begin: freezeSnapshot,
		trial: trial{stolen: true, refuse: true, cold: true, after: 60 * 24 * time.Hour},
	},
	{
		Name: "freeze of root", Section: "5.3.10",
		Text:  "The server holds back the next roots, so that revoked keys stay in force.",
		Must:  "refuse the root that has expired",
		begin: freezeRoot,
		trial: trial{refuse: true, cold: true, after: 60 * 24 * time.Hour, options: []Option{
			WithPolicy(func(p *ceremony.Policy) { p.Expirations.Root = 50 }),
		}},
	},
	{
		Name: "fast-forward", Section: "5.3.11",
		Text:  "Whoever has the online key signs enormous versions of all roles, so that later ones seem old; then the key is replaced.",
		Must:  "forget the versions that the replaced key signed, and read the repository again",
		begin: fastForward,
		trial: trial{run: recovered},
	},
	{
		Name: "mix and match of the snapshot", Section: "5.5.4",
		Text:  "The server sends an older snapshot under the name of the newest.",
		Must:  "refuse it",
		begin: mixSnapshot,
		trial: trial{refuse: true, behind: true, cold: true},
	},
	{
		Name: "mix and match of targets", Section: "5.6.4",
		Text:  "The server sends older versions of delegated roles under the names of the newest.",
		Must:  "refuse them",
		begin: mixTargets,
		trial: trial{refuse: true, behind: true, cold: true},
	},
}

var errNothingOlder = errors.New("there is nothing older: publish something first")

func rollbackTimestamp(_ context.Context, a *attacker) error {
	kept, ok := a.storage.(*memory)
	if !ok {
		return errors.New("older timestamps are not known of a Config.Storage that the test brings")
	}
	older := kept.older()
	if older == nil {
		return errNothingOlder
	}
	a.files[metadata.Filename(rstuf.RoleTimestamp, 0)] = older
	a.formerArtifacts()
	return nil
}

// stolen are the state of the repository and the online key.
func (a *attacker) stolen(ctx context.Context) (*state, signer, error) {
	s, err := a.Repository.published(ctx)
	if err != nil {
		return nil, signer{}, err
	}
	by, err := a.online(ctx)
	return s, by, err
}

func rollbackSnapshot(ctx context.Context, a *attacker) error {
	s, by, err := a.stolen(ctx)
	if err != nil {
		return err
	}
	if s.snapshot.Version < 2 {
		return errNothingOlder
	}
	s.timestamp.Version++
	s.timestamp.Meta["snapshot.json"] = metadata.MetaFile{Version: s.snapshot.Version - 1}
	a.formerArtifacts()
	return a.forge(ctx, rstuf.RoleTimestamp, 0, s.timestamp, by)
}

func rollbackTargets(ctx context.Context, a *attacker) error {
	s, by, err := a.stolen(ctx)
	if err != nil {
		return err
	}
	older, err := a.snapshot(ctx, s.snapshot.Version-1)
	if err != nil {
		return errNothingOlder
	}
	s.snapshot.Meta = older.Meta
	s.snapshot.Version++
	s.timestamp.Version++
	a.formerArtifacts()
	return a.forgeState(ctx, s, by)
}

func rolesTaken(ctx context.Context, a *attacker) error {
	s, by, err := a.stolen(ctx)
	if err != nil {
		return err
	}
	targets, err := a.targets(ctx, rstuf.RoleTargets, s)
	if err != nil {
		return err
	}
	targets.Version++
	targets.Delegations = nil
	a.spoil()
	for path := range a.artifacts {
		targets.Targets[path] = metadata.TargetFile{ArtifactInfo: describe(a.artifacts[path])}
	}
	s.snapshot.Meta = map[string]metadata.MetaFile{"targets.json": {Version: targets.Version}}
	s.snapshot.Version++
	s.timestamp.Version++
	return errors.Join(a.forge(ctx, rstuf.RoleTargets, targets.Version, targets, by), a.forgeState(ctx, s, by))
}

// freeze keeps all files as they are.
func freeze(ctx context.Context, a *attacker) error {
	names, err := a.storage.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if a.files[name], err = a.storage.Read(ctx, name); err != nil {
			return err
		}
	}
	a.frozen = true
	return nil
}

func freezeSnapshot(ctx context.Context, a *attacker) error {
	s, by, err := a.stolen(ctx)
	if err != nil {
		return err
	}
	if err := freeze(ctx, a); err != nil {
		return err
	}
	s.timestamp.Version++
	s.timestamp.Expires = a.Now().AddDate(1, 0, 0)
	return a.forge(ctx, rstuf.RoleTimestamp, 0, s.timestamp, by)
}

// freezeRoot renews root, which nobody gets to see.
func freezeRoot(ctx context.Context, a *attacker) error {
	if err := a.changeRoot(ctx, ceremony.Change{Days: 731}); err != nil {
		return err
	}
	root, err := a.newestRoot(ctx)
	if err != nil {
		return err
	}
	a.files[metadata.Filename(rstuf.RoleRoot, root.Version)] = nil
	return nil
}

// enormous is a version that no repository comes to by itself.
const enormous = 1 << 40

func fastForward(ctx context.Context, a *attacker) error {
	s, by, err := a.stolen(ctx)
	if err != nil {
		return err
	}
	for file := range s.snapshot.Meta {
		role := strings.TrimSuffix(file, ".json")
		targets, err := a.targets(ctx, role, s)
		if err != nil {
			return err
		}
		targets.Version = enormous
		s.snapshot.Meta[file] = metadata.MetaFile{Version: enormous}
		if err := a.forge(ctx, role, enormous, targets, by); err != nil {
			return err
		}
	}
	s.snapshot.Version, s.timestamp.Version = enormous, enormous
	return a.forgeState(ctx, s, by)
}

// recovered has a client see enormous versions, and then what comes after them.
func recovered(s *story, a Attack) error {
	if err := s.publishAndGet("new"); err != nil {
		return err
	}
	_, undo, err := a.apply(s.Context(), s.repo)
	if err != nil {
		return err
	}
	if err := s.warm.has(); err != nil {
		return err
	}
	undo()
	if err := s.repo.rotateOnlineKey(s.Context()); err != nil {
		return err
	}
	return s.publishAndGet("after")
}

func mixSnapshot(ctx context.Context, a *attacker) error {
	s, err := a.Repository.published(ctx)
	if err != nil {
		return err
	}
	older, err := a.storage.Read(ctx, metadata.Filename(rstuf.RoleSnapshot, s.snapshot.Version-1))
	if err != nil {
		return errNothingOlder
	}
	a.files[metadata.Filename(rstuf.RoleSnapshot, s.snapshot.Version)] = older
	a.formerArtifacts()
	return nil
}

func mixTargets(ctx context.Context, a *attacker) error {
	s, err := a.Repository.published(ctx)
	if err != nil {
		return err
	}
	found := false
	for file, meta := range s.snapshot.Meta {
		role := strings.TrimSuffix(file, ".json")
		older, err := a.storage.Read(ctx, metadata.Filename(role, meta.Version-1))
		if role != rstuf.RoleTargets && err == nil {
			a.files[metadata.Filename(role, meta.Version)] = older
			found = true
		}
	}
	if !found {
		return errNothingOlder
	}
	a.formerArtifacts()
	return nil
}
