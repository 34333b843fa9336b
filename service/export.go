package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// The other way round than Adopt: what a deployed RSTUF keeps in a folder of
// metadata, in PostgreSQL and in Redis, made of what is published and of state.db.

// The files of an export.
const (
	exportMetadata = "metadata"
	exportTables   = "tables.sql"
	exportSettings = "settings.redis"
	exportReadme   = "README.md"
)

// Exported is what [Export] has written.
type Exported struct {
	// Root and Timestamp are the versions that are published.
	Root      int64 `json:"root"`
	Timestamp int64 `json:"timestamp"`
	// Files is how many metadata files there are; Roles and Artifacts how many rows
	// the two tables have. Roles that were removed have rows, for their names.
	Files     int `json:"files"`
	Roles     int `json:"roles"`
	Artifacts int `json:"artifacts"`
	// Unpublished is how many rows of artifacts are changes, removals too, that were
	// accepted and are not published. The deployment publishes them when it is asked to
	// (POST /artifacts/publish/), or with the next change of their roles.
	Unpublished int `json:"unpublished"`
	// Signing are the roles whose next version waits for signatures, which it goes
	// on to do.
	Signing []string `json:"signing"`
	// OnlineKey is the URI that the worker opens the online key by. The key is not
	// copied.
	OnlineKey string `json:"online_key"`
	// Left are what is not carried along and what is to be done about it, a line each.
	Left []string `json:"left"`
}

// Export writes into a new folder what a deployed RSTUF (worker 1.0) goes on from
// with the same root, keys and versions: the metadata files that the timestamp
// names and all roots, the rows of its PostgreSQL, its settings for Redis, and a
// README.md that says how to load them. No private key is copied. Of Config, Dir,
// Store and Storage are used; nothing there is changed, and no service may use it
// ([ErrLocked]). There is a folder once all of it is written, or none.
//
// [Exported.Left] tells what is not carried along.
func Export(ctx context.Context, cfg Config, folder string) (*Exported, error) {
	done, err := export(ctx, cfg, folder, &durable.Disk{Unsafe: cfg.UnsafeNoSync})
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", cfg.Dir, err)
	}
	return done, nil
}

func export(ctx context.Context, cfg Config, folder string, disk *durable.Disk) (_ *Exported, err error) {
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(folder); err == nil {
		return nil, fmt.Errorf("%s is there already (%w): name a new folder", folder, fs.ErrExist)
	}
	s, err := openToRead(ctx, cfg, disk)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	temporary, err := os.MkdirTemp(filepath.Dir(folder), ".rstuf-export-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temporary) // what an error has left
	e := exporter{s: s, repo: s.repo, folder: temporary, now: s.cfg.Now(), done: &Exported{Signing: []string{}, Left: []string{}}}
	if err := e.run(ctx); err != nil {
		return nil, err
	}
	if err := disk.Move(temporary, folder); err != nil {
		return nil, err
	}
	return e.done, nil
}

// openToRead is a service that does nothing, with a repository that is published
// and whose files are there.
func openToRead(ctx context.Context, cfg Config, disk *durable.Disk) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.Store == nil {
		cfg.Store = func(context.Context) (Store, error) { return openDatabaseToRead(cfg.Dir) }
	}
	s := newService(cfg, disk)
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if s.storage == nil {
		s.storage = &Folder{path: s.folder(), disk: disk}
	}
	if err := s.readPublished(ctx); err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
}

// readPublished reads the database and looks whether the files are those that it
// knows.
func (s *Service) readPublished(ctx context.Context) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	switch {
	case s.repo.state.Bootstrap == wire.BootstrapSigning:
		return errors.New("nothing is published yet: the first root waits for signatures")
	case !s.repo.bootstrapped():
		return errors.New("nothing is published yet: a ceremony comes first")
	}
	names, err := s.storage.List(ctx)
	if err != nil {
		return fmt.Errorf("list metadata files: %w", err)
	}
	problems := s.repo.missing(names)
	if problem := s.checkTimestamp(ctx, s.repo); problem != nil {
		problems = append(problems, *problem)
	}
	if len(problems) > 0 {
		return inconsistent(problems)
	}
	return s.readTargets(ctx, s.repo)
}

// exporter writes one export.
type exporter struct {
	s      *Service
	repo   *repository
	folder string
	now    time.Time
	done   *Exported
}

func (e *exporter) run(ctx context.Context) error {
	if err := os.Chmod(e.folder, 0o755); err != nil {
		return err
	}
	for role := range e.repo.signing {
		e.done.Signing = append(e.done.Signing, role)
	}
	slices.Sort(e.done.Signing)
	e.done.Root, e.done.Timestamp = e.repo.root.Version(), e.repo.roles.get(rstuf.RoleTimestamp).version
	if err := e.metadata(ctx); err != nil {
		return err
	}
	if err := e.file(exportTables, func(w io.Writer) error { return e.tables(ctx, w) }); err != nil {
		return err
	}
	if err := e.file(exportSettings, e.settings); err != nil {
		return err
	}
	e.leave()
	if err := e.file(exportReadme, e.readme); err != nil {
		return err
	}
	return e.s.disk.Sync(e.folder, []string{exportTables, exportSettings, exportReadme})
}

func (e *exporter) file(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(e.folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, metadataMode)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// metadata copies what the timestamp names, and all roots.
func (e *exporter) metadata(ctx context.Context) error {
	to, err := newFolder(filepath.Join(e.folder, exportMetadata), e.s.disk)
	if err != nil {
		return err
	}
	put := func(name string, data []byte) error {
		e.done.Files++
		return to.Create(ctx, name, data)
	}
	for version := max(1, e.repo.state.FirstRoot); version < e.done.Root; version++ {
		name := metadata.Filename(rstuf.RoleRoot, version)
		data, err := e.s.storage.Read(ctx, name)
		if err == nil && rootSum(data) != e.repo.rootSum(version) {
			err = fmt.Errorf("%s %w: it is not what was published; %s", name, errDamaged, fromBackup)
		}
		if err == nil {
			err = put(name, data)
		}
		if err != nil {
			return err
		}
	}
	if err := put(metadata.Filename(rstuf.RoleRoot, e.done.Root), e.repo.root.Bytes()); err != nil {
		return err
	}
	for role, info := range e.repo.roles.all() {
		if role == rstuf.RoleTimestamp || info.version == 0 {
			continue
		}
		data, err := readRole(ctx, e.s.storage, role, info)
		if err == nil {
			err = put(metadata.Filename(role, info.version), data)
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
	if err := put(metadata.Filename(rstuf.RoleTimestamp, 0), e.repo.timestamp); err != nil {
		return err
	}
	return to.Sync(ctx)
}

// left notes something that is not carried along.
func (e *exporter) left(format string, args ...any) {
	e.done.Left = append(e.done.Left, quote.Sprintf(format, args...))
}
