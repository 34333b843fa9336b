package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/metadata"
)

// What a start does before anything else. It finishes what a crash cut short:
// the last step of a publication that is committed. Everything else that does
// not fit together is no crash, and refused: a file newer than the database
// means that the database is old, a committed file that is missing that the
// folder is.

// ErrInconsistent is the error of a database and files that do not belong
// together. [Check] tells all of it.
var ErrInconsistent = errors.New("the metadata files and the database do not belong together")

// repair finishes what a crash cut short, and reads what is published.
func (s *Service) repair(ctx context.Context) error {
	r := s.repo
	names, err := s.storage.List(ctx)
	if err != nil {
		return fmt.Errorf("list metadata files: %w", err)
	}
	if !r.bootstrapped() {
		if r.adopting {
			return errors.New("a repository was to be adopted here, and that did not come to its end: adopt it again (rstuf serve --adopt, service.Adopt), or empty the folder")
		}
		if problem := foreign(names); problem != nil {
			return errors.New(problem.String())
		}
		return s.begin(ctx, names)
	}
	if problems := r.missing(names); len(problems) > 0 {
		return inconsistent(problems)
	}
	if problem := s.checkTimestamp(ctx, r); problem != nil {
		return inconsistent([]Problem{*problem})
	}
	if err := s.announce(ctx, r, afterCrash); err != nil {
		return err
	}
	if err := s.checkSnapshot(ctx); err != nil {
		return err
	}
	if err := s.readTargets(ctx, r); err != nil {
		return err
	}
	return s.begin(ctx, names)
}

// readTargets reads the published top-level targets role.
func (s *Service) readTargets(ctx context.Context, r *repository) error {
	data, err := readRole(ctx, s.storage, rstuf.RoleTargets, r.roles.get(rstuf.RoleTargets))
	if err != nil {
		return err
	}
	if r.targets, err = metadata.Parse(data); err != nil {
		return err
	}
	view, err := r.targets.Targets()
	if err != nil {
		return err
	}
	r.delegations = view.Delegations
	return nil
}

// inconsistent is the error of a start that finds problems.
func inconsistent(problems []Problem) error {
	text := problems[0].String()
	if more := len(problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return fmt.Errorf("%w: %s: run rstuf fsck for all of it", ErrInconsistent, text)
}

// missing are the committed files that are not there, and roots that are newer
// than the database.
func (r *repository) missing(names []string) (problems []Problem) {
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
		if version, role, ok := splitFilename(name); ok && role == rstuf.RoleRoot && version > r.root.Version() {
			problems = append(problems, Problem{File: name, Role: rstuf.RoleRoot,
				Text: fmt.Sprintf("it is newer than the database, which has root version %d", r.root.Version()), Remedy: oldDatabase})
		}
	}
	// The newest root appears last, so a crash can leave it out.
	for version := max(1, r.state.FirstRoot); version < r.root.Version(); version++ {
		if name := metadata.Filename(rstuf.RoleRoot, version); !there[name] {
			problems = append(problems, Problem{File: name, Role: rstuf.RoleRoot, Text: "it is missing", Remedy: fromBackup})
		}
	}
	for role, info := range r.roles.all() {
		if role == rstuf.RoleTimestamp || info.version == 0 {
			continue
		}
		if name := metadata.Filename(role, info.version); !there[name] {
			problems = append(problems, Problem{File: name, Role: role, Text: "it is missing", Remedy: fromBackup})
		}
	}
	return problems
}

// checkTimestamp compares timestamp.json with the database's. One that is older
// by a version is what a crash leaves.
func (s *Service) checkTimestamp(ctx context.Context, r *repository) *Problem {
	name := metadata.Filename(rstuf.RoleTimestamp, 0)
	problem := func(remedy, format string, args ...any) *Problem {
		return &Problem{File: name, Role: rstuf.RoleTimestamp, Text: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	want := r.roles.get(rstuf.RoleTimestamp).version
	data, err := s.storage.Read(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && (want == 1 || r.adopting):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return problem(fromBackup, "it is missing, though version %d was published", want)
	case err != nil:
		return problem(fromBackup, "it can't be read: %s", s.unread(name, err))
	case string(data) == string(r.timestamp):
		return nil
	}
	doc, err := metadata.Parse(data)
	switch {
	case err != nil || doc.Type() != rstuf.RoleTimestamp:
		return problem(repairable, "it is damaged")
	case doc.Version() > want:
		return problem(oldDatabase, "it has version %d, and the database only version %d", doc.Version(), want)
	case doc.Version() == want:
		return problem(repairable, "it is another version %d than the one in the database", want)
	}
	return nil
}

// begin notes in the database that the service runs, and what a crash has left:
// files that were written and not committed. They are passed by, not deleted,
// for somebody may have fetched them; files under temporary names nobody has.
func (s *Service) begin(ctx context.Context, names []string) error {
	var left []string
	for _, name := range names {
		version, role, ok := splitFilename(name)
		switch {
		case durable.IsTemporary(name):
			if err := s.storage.Remove(ctx, name); err != nil {
				return fmt.Errorf("remove %s: %w", name, err)
			}
		case ok && role != rstuf.RoleRoot && version > s.repo.roles.get(role).version && !s.files.has(name):
			left = append(left, name)
		}
	}
	// Before a bootstrap was asked for nothing was written.
	if !s.repo.clean && s.bootstrapState() != "None" {
		s.repo.skips++
	}
	for _, name := range left {
		s.files.pass(name)
	}
	var c changes
	pass(&c, left)
	putNumber(&c, keySkips, s.repo.skips)
	s.suspects.save(&c)
	// An adopted repository that was committed is announced by now.
	c.delete(tableState, keyAdopting)
	c.delete(tableState, keyClean)
	return s.store.Commit(ctx, c)
}

// end notes that the service has ended with nothing under way.
func (s *Service) end(ctx context.Context) error {
	if s.Status().Paused != nil || len(s.files.leftover(nil)) > 0 {
		return nil
	}
	var c changes
	c.delete(tableState, keyAdopting)
	c.put(tableState, keyClean, []byte{1})
	return s.store.Commit(ctx, c)
}

func putNumber(c *changes, key string, n int64) {
	c.put(tableState, key, seal(binary.BigEndian.AppendUint64(nil, uint64(n))))
}

func parseNumber(raw []byte) (int64, error) {
	if len(raw) != 8 {
		return 0, errors.New("it is no number")
	}
	return int64(binary.BigEndian.Uint64(raw)), nil
}

// foreign is the problem of a storage with a repository that the database does not
// know: it would be overwritten.
func foreign(names []string) *Problem {
	name := metadata.Filename(rstuf.RoleTimestamp, 0)
	if !slices.Contains(names, name) {
		return nil
	}
	return &Problem{File: name, Role: rstuf.RoleTimestamp, Text: "it is of a repository that the database does not know",
		Remedy: "name the database that does, or restore it, or choose an empty folder or bucket, or go on from the files with rstuf serve --adopt (service.Adopt)"}
}
