package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"example.org/rstuf"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/metadata"
)

// Problem is something wrong with a file of the repository.
type Problem struct {
	// File is its name; Role is the role, if it is a role's.
	File string `json:"file"`
	Role string `json:"role,omitempty"`
	// Text says what is wrong with it, and Remedy what to do.
	Text   string `json:"text"`
	Remedy string `json:"remedy"`
}

// String is one line.
func (p Problem) String() string { return p.File + ": " + p.Text + "; " + p.Remedy }

// What to do about a problem.
const (
	fromBackup  = "put the right file back, from a backup or a mirror"
	oldDatabase = "the database is older than what was published: put the newest one back"
	repairable  = "rstuf fsck --repair writes it anew"
)

// Report is what [Check] finds.
type Report struct {
	// Files is how many files were looked at, and Complete whether their
	// content was.
	Files    int  `json:"files"`
	Complete bool `json:"complete"`
	// Problems is empty if all is well.
	Problems []Problem `json:"problems"`
}

func (r *Report) add(file, role, remedy, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{File: file, Role: role, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

// Check compares a service's files with its database, and their signatures
// with the keys of root and the delegations. The quick check, which each start
// does by itself, looks whether they are there; the complete one reads them.
// No other process may use the folder: see [Service.Check] for one that runs.
// Nothing is changed. The error is that of a folder that cannot be opened.
func Check(ctx context.Context, cfg Config, complete bool) (*Report, error) {
	s, err := offline(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", cfg.Dir, err)
	}
	report, err := s.checkOnce(ctx, complete)
	return report, errors.Join(err, s.store.Close())
}

// offline is a service that does nothing by itself.
func offline(ctx context.Context, cfg Config) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Store == nil {
		if err := hasDatabase(cfg.Dir); err != nil {
			return nil, err // openDatabase would make one
		}
	}
	s := newService(cfg, &durable.Disk{Unsafe: cfg.UnsafeNoSync})
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if s.storage == nil {
		s.storage, err = newFolder(s.folder(), s.disk)
	}
	if err == nil {
		err = s.signers.start(cfg)
	}
	if err == nil {
		err = s.load(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
}

// Check is [Check] for a service that runs.
func (s *Service) Check(ctx context.Context, complete bool) (*Report, error) {
	var report *Report
	var seen *repository
	for range loadTries {
		if err := s.catchUp(ctx, "/fsck"); err != nil {
			return nil, err
		}
		before := seen
		if seen = s.current(); seen == before {
			break
		}
		var err error
		if report, err = s.checkOnce(ctx, complete); err != nil || len(report.Problems) == 0 {
			return report, err
		}
		// What is published meanwhile looks like a problem and is none: files that are not
		// known yet, or not there any more.
		sleep(ctx, firstPause)
	}
	return report, nil
}

func (s *Service) checkOnce(ctx context.Context, complete bool) (*Report, error) {
	report := &Report{Complete: complete, Problems: []Problem{}}
	for _, w := range s.setAside() {
		report.add("database", "", "rstuf fsck --let-go "+w.id.String()+" has it tried again, --drop drops it",
			"the request of task %s (%s) is set aside: the process died of it %d times", w.id, w.kind.name(), maxDeaths)
	}
	return report, s.checkFiles(ctx, report)
}

// checkFiles adds what is wrong with the files to a report.
func (s *Service) checkFiles(ctx context.Context, report *Report) error {
	repo := s.current()
	names, err := s.storage.List(ctx)
	if err != nil {
		return filesError{fmt.Errorf("list metadata files: %w", err)}
	}
	if !repo.bootstrapped() {
		if problem := foreign(names); problem != nil {
			report.Problems = append(report.Problems, *problem)
		}
		return nil
	}
	report.Files = len(names)
	report.Problems = append(report.Problems, repo.missing(names)...)
	if problem := s.checkTimestamp(ctx, repo); problem != nil {
		report.Problems = append(report.Problems, *problem)
	}
	if !report.Complete {
		return nil
	}
	c := contentCheck{s: s, repo: repo, report: report, bad: map[string]bool{}}
	for _, p := range report.Problems {
		c.bad[p.File] = true
	}
	return c.run(ctx)
}

// serveCheck answers with a [Report], of a complete check where the query says
// "complete". One is done at a time.
func (s *Service) serveCheck(w http.ResponseWriter, r *http.Request) {
	refused := s.origin.check(r)
	if refused == nil {
		_, refused = s.allow(w, r, "/fsck")
	}
	if refused == nil && !s.checking.TryLock() {
		w.Header().Set("Retry-After", "5")
		a := message(http.StatusTooManyRequests, "a check is under way already")
		refused = &a
	}
	if refused != nil {
		writeJSON(w, refused.status, refused.body)
		return
	}
	defer s.checking.Unlock()
	report, err := s.Check(r.Context(), r.URL.Query().Has("complete"))
	if err != nil {
		s.cfg.Logger.Error("the check failed", "error", err)
		writeJSON(w, http.StatusServiceUnavailable, message(0, toldClient(err)).body)
		return
	}
	writeJSON(w, http.StatusOK, report)
}

// contentCheck reads every file that is published.
type contentCheck struct {
	s      *Service
	repo   *repository
	report *Report
	bad    map[string]bool // files that have a problem already
}

func (c *contentCheck) run(ctx context.Context) error {
	if err := c.roots(ctx); err != nil {
		return err
	}
	root, err := c.repo.root.Root()
	if err != nil {
		return err
	}
	for _, role := range []string{rstuf.RoleTargets, rstuf.RoleSnapshot} {
		by, err := root.Delegation(role)
		if err != nil {
			return err
		}
		doc, err := c.role(ctx, role, by)
		if err != nil {
			return err
		}
		switch {
		case doc == nil:
		case role == rstuf.RoleSnapshot:
			c.snapshot(doc)
		default:
			if err := c.delegated(ctx, doc); err != nil {
				return err
			}
		}
	}
	return c.timestamp(root)
}

// roots checks the chain of roots.
func (c *contentCheck) roots(ctx context.Context) error {
	var before *metadata.Document
	for version := max(1, c.repo.state.FirstRoot); version <= c.repo.root.Version(); version++ {
		name := metadata.Filename(rstuf.RoleRoot, version)
		if c.bad[name] {
			before = nil
			continue
		}
		data, err := c.s.storage.Read(ctx, name)
		if err := ctx.Err(); err != nil {
			return err
		}
		remedy := fromBackup
		if version == c.repo.root.Version() {
			remedy = repairable
		}
		unread := err
		var doc *metadata.Document
		if err == nil {
			doc, err = metadata.Parse(data)
		}
		switch {
		case unread != nil:
			c.report.add(name, rstuf.RoleRoot, remedy, "it can't be read: %s", c.s.unread(name, unread))
		case err != nil:
			c.report.add(name, rstuf.RoleRoot, remedy, "it is damaged: %v", err)
		case rootSum(data) != c.repo.rootSum(version):
			c.report.add(name, rstuf.RoleRoot, remedy, "it is damaged: it is not what was published")
		case before != nil:
			if _, _, err := metadata.VerifyNextRoot(before, doc); err != nil {
				c.report.add(name, rstuf.RoleRoot, fromBackup, "it does not follow the one before: %v", err)
			}
		}
		before = doc
	}
	return nil
}

// unread is what a report says of a file that can't be read; the log has all of it.
func (s *Service) unread(name string, err error) string {
	if ofNetwork(err) {
		s.cfg.Logger.Warn("a file could not be read", "file", name, "error", err)
	}
	return public(err)
}

// rootSum is the hash of a root's file.
func (r *repository) rootSum(version int64) string {
	if i := version - max(1, r.state.FirstRoot); i < int64(len(r.state.Roots)) {
		return r.state.Roots[i]
	}
	return ""
}

// role checks one file; the document is nil if it is not right.
func (c *contentCheck) role(ctx context.Context, role string, by metadata.Delegation) (*metadata.Document, error) {
	info := c.repo.roles.get(role)
	name := metadata.Filename(role, info.version)
	if info.version == 0 || c.bad[name] {
		return nil, nil
	}
	data, err := c.s.storage.Read(ctx, name)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, fs.ErrNotExist) && c.s.current() != c.repo {
		return nil, nil // it was replaced, and pruned
	}
	remedy := fromBackup + ", or restore it with rstuf fsck --restore if the online key alone signs it"
	if err != nil {
		c.report.add(name, role, remedy, "it can't be read: %s", c.s.unread(name, err))
		return nil, nil
	}
	if sha256.Sum256(data) != info.sum {
		c.report.add(name, role, remedy, "it is damaged: it is not what was published")
		return nil, nil
	}
	doc, err := metadata.Parse(data)
	if err == nil {
		err = by.Verify(doc).Err()
	}
	if err != nil {
		c.report.add(name, role, remedy, "%v", err)
		return nil, nil
	}
	return doc, nil
}

// delegated checks the roles that targets delegates to. The last versions of
// those that were removed nobody verifies: they must be what was published.
func (c *contentCheck) delegated(ctx context.Context, doc *metadata.Document) error {
	targets, err := doc.Targets()
	if err != nil {
		c.report.add(metadata.Filename(rstuf.RoleTargets, doc.Version()), rstuf.RoleTargets, fromBackup, "%v", err)
		return nil
	}
	for role := range c.repo.roles.all() {
		if rules.IsTopLevelRole(role) {
			continue
		}
		by, err := targets.Delegation(role)
		if err != nil {
			continue
		}
		if _, err := c.role(ctx, role, by); err != nil {
			return err
		}
	}
	return nil
}

// snapshot compares the snapshot with the database.
func (c *contentCheck) snapshot(doc *metadata.Document) {
	name := metadata.Filename(rstuf.RoleSnapshot, doc.Version())
	snapshot, err := doc.Snapshot()
	if err != nil {
		c.report.add(name, rstuf.RoleSnapshot, fromBackup, "%v", err)
		return
	}
	for role, info := range c.repo.roles.all() {
		if role == rstuf.RoleSnapshot || role == rstuf.RoleTimestamp || info.version == 0 {
			continue
		}
		if listed := snapshot.Meta[role+".json"].Version; listed != info.version {
			c.report.add(name, role, oldDatabase, "it lists version %d of %s, and the database version %d", listed, role, info.version)
		}
	}
}

func (c *contentCheck) timestamp(root *metadata.Root) error {
	name := metadata.Filename(rstuf.RoleTimestamp, 0)
	if c.bad[name] {
		return nil
	}
	by, err := root.Delegation(rstuf.RoleTimestamp)
	if err != nil {
		return err
	}
	doc, err := metadata.Parse(c.repo.timestamp)
	if err == nil {
		err = by.Verify(doc).Err()
	}
	if err != nil {
		c.report.add(name, rstuf.RoleTimestamp, oldDatabase, "%v", err)
	}
	return nil
}
