package service

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// Repaired is what [Repair] has done.
type Repaired struct {
	// Written are files that were written anew from the database.
	Written []string `json:"written"`
	// Restored are roles that have a next version now with the artifacts of an
	// earlier one.
	Restored []Restored `json:"restored"`
	// Left are the problems that a person has to solve.
	Left []Problem `json:"left"`
}

// Restored is a role that was restored. Artifacts that were added or removed
// after version From, up to Lost, are to be added or removed again.
type Restored struct {
	Role string `json:"role"`
	From int64  `json:"from"` // the version whose artifacts it has now
	Lost int64  `json:"lost"` // the version that was damaged
}

// Repair mends what [Check] finds where that is safe: it writes timestamp.json
// and the newest root as the database has them, and makes a damaged snapshot
// anew. With restore it also gives each damaged or missing role that the online
// key alone signs a next version, with the artifacts of the newest earlier
// version that verifies: what happened to it since is lost. It never touches
// anything while files are newer than the database. No other process may use the
// folder.
func Repair(ctx context.Context, cfg Config, restore bool) (*Repaired, error) {
	s, err := offline(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("repair %s: %w", cfg.Dir, err)
	}
	done, err := s.repairAll(ctx, restore)
	if err != nil {
		err = fmt.Errorf("repair %s: %w", cfg.Dir, err)
	}
	return done, errors.Join(err, s.store.Close())
}

func (s *Service) repairAll(ctx context.Context, restore bool) (*Repaired, error) {
	done := &Repaired{Written: []string{}, Restored: []Restored{}, Left: []Problem{}}
	report, err := s.Check(ctx, true)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(report.Problems, func(p Problem) bool { return p.Remedy == oldDatabase }) {
		done.Left = report.Problems
		return done, nil
	}
	var damaged []string
	for _, p := range report.Problems {
		switch {
		case p.Role == rstuf.RoleTimestamp || p.File == metadata.Filename(rstuf.RoleRoot, s.repo.root.Version()):
			done.Written = append(done.Written, p.File)
		case p.Role == rstuf.RoleSnapshot || p.Role == rstuf.RoleTargets || restore && p.Role != rstuf.RoleRoot:
			damaged = append(damaged, p.Role)
		default:
			done.Left = append(done.Left, p)
		}
	}
	if err := s.probe(ctx); err != nil {
		return nil, err
	}
	if err := s.announce(ctx, s.repo, byPerson); err != nil {
		return nil, err
	}
	if len(damaged) == 0 {
		return done, nil
	}
	names, err := s.storage.List(ctx)
	if err != nil {
		return nil, err
	}
	r := restoration{s: s, names: names, damaged: damaged, restore: restore, done: done, report: report}
	return done, r.run(ctx)
}

// restoration gives roles a next version in place of a damaged one.
type restoration struct {
	s       *Service
	names   []string
	damaged []string
	restore bool
	done    *Repaired
	report  *Report
	p       *publication
}

func (r *restoration) run(ctx context.Context) error {
	// What the publication is made of is read before anything is written.
	targets, from, err := r.targets(ctx)
	if err != nil || targets == nil {
		return err
	}
	view, err := targets.Targets()
	if err != nil {
		return err
	}
	r.s.repo.targets, r.s.repo.delegations = targets, view.Delegations
	if !slices.Contains(r.damaged, rstuf.RoleSnapshot) {
		if err := r.s.checkSnapshot(ctx); err != nil {
			return err
		}
	}
	if err := r.s.begin(ctx, r.names); err != nil {
		return err
	}
	r.p = r.s.newPublication()
	for _, role := range r.damaged {
		switch role {
		case rstuf.RoleTargets:
			err = r.put(ctx, role, targets, from)
		case rstuf.RoleSnapshot:
			r.p.touch(role)
		default:
			err = r.delegated(ctx, role, view)
		}
		if err != nil {
			return err
		}
	}
	if len(r.p.changed) == 0 {
		return nil
	}
	if err := r.s.finish(ctx, r.p); err != nil {
		return err
	}
	return r.s.end(ctx)
}

// targets is the top-level targets role to go on with; nil if a person has to
// find it. It holds the delegations: an earlier one is the same only where
// there are hash bins.
func (r *restoration) targets(ctx context.Context) (doc *metadata.Document, version int64, err error) {
	info := r.s.repo.roles.get(rstuf.RoleTargets)
	if !slices.Contains(r.damaged, rstuf.RoleTargets) {
		data, err := readRole(ctx, r.s.storage, rstuf.RoleTargets, info)
		if err != nil {
			return nil, 0, err
		}
		doc, err = metadata.Parse(data)
		return doc, info.version, err
	}
	root, err := r.s.repo.root.Root()
	if err != nil {
		return nil, 0, err
	}
	by, err := root.Delegation(rstuf.RoleTargets)
	if err != nil {
		return nil, 0, err
	}
	if r.restore && r.s.repo.state.Bins > 0 {
		if doc, version = r.newestGood(ctx, rstuf.RoleTargets, by); doc != nil {
			return doc, version, nil
		}
	}
	r.leave(r.damaged...)
	return nil, 0, nil
}

// newestGood is the newest version before the damaged one that verifies.
func (r *restoration) newestGood(ctx context.Context, role string, by metadata.Delegation) (*metadata.Document, int64) {
	var versions []int64
	for _, name := range r.names {
		version, of, ok := splitFilename(name)
		if ok && of == role && version < r.s.repo.roles.get(role).version && !r.s.files.has(name) {
			versions = append(versions, version)
		}
	}
	slices.Sort(versions)
	for _, version := range slices.Backward(versions) {
		data, err := r.s.storage.Read(ctx, metadata.Filename(role, version))
		if err != nil {
			continue
		}
		doc, err := metadata.Parse(data)
		if err == nil && doc.Version() == version && by.Verify(doc).OK() {
			return doc, version
		}
	}
	return nil, 0
}

func (r *restoration) delegated(ctx context.Context, role string, targets *metadata.Targets) error {
	online, err := r.p.isOnline(ctx, role)
	if err != nil {
		return err
	}
	by, err := targets.Delegation(role)
	if err != nil || !online {
		r.leave(role)
		return nil
	}
	doc, version := r.newestGood(ctx, role, by)
	if doc == nil {
		r.leave(role)
		return nil
	}
	return r.put(ctx, role, doc, version)
}

func (r *restoration) put(ctx context.Context, role string, from *metadata.Document, version int64) error {
	doc, err := withTargets(r.p.targetsBody(role), from)
	if err != nil {
		return err
	}
	if role == rstuf.RoleTargets {
		r.p.next.targets = doc
	}
	r.done.Restored = append(r.done.Restored, Restored{Role: role, From: version, Lost: r.s.repo.roles.get(role).version})
	return r.p.put(ctx, role, doc)
}

// leave leaves the problems of roles to a person.
func (r *restoration) leave(roles ...string) {
	for _, p := range r.report.Problems {
		if slices.Contains(roles, p.Role) {
			r.done.Left = append(r.done.Left, p)
		}
	}
}
