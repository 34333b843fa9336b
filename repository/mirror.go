package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"example.org/rstuf"
	"example.org/rstuf/internal/digest"
	"example.org/rstuf/internal/files"
	"example.org/rstuf/metadata"
)

// MirrorConfig says what [Reader.Mirror] copies, and to where. Metadata is
// required.
type MirrorConfig struct {
	// Metadata is the folder for the metadata files.
	Metadata string
	// Artifacts is the folder for the artifacts, under the names that the
	// Reader reads them by. Default: none are copied.
	Artifacts string
	// Choose, where set, tells whether an artifact is copied. It is called by
	// one goroutine at a time.
	Choose func(Artifact) bool
}

// MirrorReport is what became of a mirror.
type MirrorReport struct {
	// Version is that of the timestamp.
	Version int64
	// Files are the metadata files that were written, and Removed those of
	// older states that were removed.
	Files, Removed int
	// Artifacts are those in the mirror, with the sum of their lengths.
	Artifacts, Bytes int64
	// Problems are the artifacts that the server does not have, or has
	// otherwise than the metadata says. The mirror lacks them as well.
	Problems []ArtifactProblem
}

// ArtifactProblem is an artifact that could not be had, and why.
type ArtifactProblem struct {
	Path string
	Err  error
}

// partsFolder is where downloads for a mirror grow.
const partsFolder = ".rstuf-parts"

// Mirror copies a repository to folders that a web server can offer, or that
// can be carried and read by file: URLs. It refreshes first. All that it writes
// is verified; what is there and right is left alone. The timestamp comes last:
// before that the mirror is what it was, and an error leaves it so. It has
// every root from the trusted one on, so trust the first root where clients of
// every age are to follow. Roles that wait for their first signatures are left
// out, as in the repository.
//
// Metadata of the state before stays beside the new one, for clients that are
// at work; what is older is removed. Artifacts that the repository has no more
// stay. One mirror at a time may write to a folder. It keeps a few roles in
// memory at a time.
func (r *Reader) Mirror(ctx context.Context, cfg MirrorConfig) (MirrorReport, error) {
	m := mirror{MirrorConfig: cfg, reader: r, keep: map[string]bool{}, roles: map[string]bool{}}
	if cfg.Metadata == "" {
		return m.report, errors.New("MirrorConfig.Metadata is not set")
	}
	if cfg.Artifacts != "" {
		if err := r.artifacts.check(""); err != nil {
			return m.report, err
		}
	}
	if err := r.Refresh(ctx); err != nil {
		return m.report, err
	}
	var err error
	if m.view, err = r.current(ctx); err == nil {
		err = m.copy(ctx)
	}
	if err != nil {
		return m.report, fmt.Errorf("mirror of %s: %w", r.metadata.URL(), err)
	}
	return m.report, nil
}

type mirror struct {
	MirrorConfig
	reader *Reader
	view   *view
	keep   map[string]bool // metadata files that stay
	roles  map[string]bool // whose older files may go

	mu     sync.Mutex // guards report
	report MirrorReport
}

// copy writes everything in the order in which nobody sees half of it.
func (m *mirror) copy(ctx context.Context) error {
	for _, folder := range []string{m.Metadata, m.Artifacts} {
		if folder == "" {
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	m.keepLast()
	if err := m.copyRoles(ctx); err != nil {
		return err
	}
	v := m.view
	if err := m.write(v.filename(rstuf.RoleSnapshot, v.snapshot.Version()), v.snapshot); err != nil {
		return err
	}
	for _, root := range v.roots {
		if err := m.write(metadata.Filename(rstuf.RoleRoot, root.Version()), root); err != nil {
			return err
		}
	}
	if err := m.write(metadata.Filename(rstuf.RoleTimestamp, 0), v.timestamp); err != nil {
		return err
	}
	m.report.Version = v.timestamp.Version()
	return m.prune()
}

// keepLast notes the files of the state that the mirror is in. Nothing is
// believed of them but their names.
func (m *mirror) keepLast() {
	timestamp, err := m.document(metadata.Filename(rstuf.RoleTimestamp, 0))
	if err != nil {
		return
	}
	content, err := timestamp.Timestamp()
	if err != nil {
		return
	}
	name := metadata.Filename(rstuf.RoleSnapshot, content.Meta[snapshotFile].Version)
	m.keep[name] = true
	snapshot, err := m.document(name)
	if err != nil {
		return
	}
	if content, err := snapshot.Snapshot(); err == nil {
		for file, meta := range content.Meta {
			role := strings.TrimSuffix(file, ".json")
			m.keep[metadata.Filename(role, meta.Version)], m.roles[role] = true, true
		}
	}
}

// document reads a file of the mirror.
func (m *mirror) document(name string) (*metadata.Document, error) {
	file, _, err := digest.OpenRegular(filepath.Join(m.Metadata, name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := files.ReadAll(file, metadata.MaxSize)
	if err != nil {
		return nil, err
	}
	return metadata.Parse(data)
}

// copyRoles writes targets and all roles below it, with their artifacts.
func (m *mirror) copyRoles(ctx context.Context) error {
	downloads, ctx := errgroup.WithContext(ctx)
	downloads.SetLimit(readAhead)
	w := newWalker(ctx, m.view)
	w.read = m.read
	w.content = map[edge]*metadata.Targets{}
	var failed error
	err := w.walk(func(role Role) bool {
		if errors.Is(role.Err, ErrNotSigned) {
			return true
		}
		if failed = role.Err; failed == nil {
			failed = m.write(m.view.filename(role.Name, role.Document.Version()), role.Document)
		}
		m.roles[role.Name] = true
		if failed != nil || m.Artifacts == "" {
			return failed == nil
		}
		for artifact := range w.artifacts(role) {
			if m.Choose == nil || m.Choose(artifact) {
				downloads.Go(func() error { return m.download(ctx, artifact) })
			}
			if ctx.Err() != nil {
				return false
			}
		}
		return true
	})
	// The failure of a download ends the walk too: it is the one to tell of.
	if downloadErr := downloads.Wait(); downloadErr != nil {
		return downloadErr
	}
	if failed != nil {
		return failed
	}
	return err
}

// read takes a role from the mirror if it is the right one already.
func (m *mirror) read(ctx context.Context, delegation metadata.Delegation) (*metadata.Document, error) {
	want := m.view.meta[delegation.Role+".json"]
	if doc, err := m.document(m.view.filename(delegation.Role, want.Version)); err == nil && m.view.accepts(ctx, doc, delegation, want) {
		return doc, nil
	}
	return m.view.read(ctx, delegation)
}

// write puts a document into the mirror unless it is there.
func (m *mirror) write(name string, doc *metadata.Document) error {
	m.keep[name] = true
	if there, err := m.document(name); err == nil && bytes.Equal(there.Bytes(), doc.Bytes()) {
		return nil
	}
	m.report.Files++
	return files.Replace(filepath.Join(m.Metadata, name), doc.Bytes())
}

// download puts an artifact into the mirror. What the server lacks is no reason
// to stop.
func (m *mirror) download(ctx context.Context, artifact Artifact) error {
	err := m.reader.artifacts.check(artifact.Path)
	name := filepath.FromSlash(artifact.Path)
	if err == nil && (!filepath.IsLocal(name) || filepath.Clean(name) != name || isPart(artifact.Path)) {
		err = fmt.Errorf("artifact %q: no path for a file in a folder", artifact.Path)
	}
	if err == nil {
		err = checkInfo(artifact.ArtifactInfo)
	}
	if err != nil {
		m.problem(artifact, err)
		return nil
	}
	dest := filepath.Join(m.Artifacts, filepath.FromSlash(m.reader.artifacts.name(artifact.Path, artifact.ArtifactInfo)))
	parts := filepath.Join(m.Artifacts, partsFolder)
	for _, folder := range []string{filepath.Dir(dest), parts} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	part := filepath.Join(parts, fmt.Sprintf("%x", sha256.Sum256([]byte(artifact.Path))))
	err = m.reader.artifacts.download(ctx, artifact.Path, artifact.ArtifactInfo, dest, part)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrMismatch) {
		m.problem(artifact, err)
		return nil
	}
	if err == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.report.Artifacts++
		m.report.Bytes += artifact.Length
	}
	return err
}

func (m *mirror) problem(artifact Artifact, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report.Problems = append(m.report.Problems, ArtifactProblem{artifact.Path, err})
}

// isPart tells whether a path leads to where downloads grow.
func isPart(artifact string) bool {
	first, _, _ := strings.Cut(artifact, "/")
	return first == partsFolder
}

// prune removes what the timestamp and the one before it do not name, of the
// roles that they name. It comes after the new timestamp.
func (m *mirror) prune() error {
	m.roles[rstuf.RoleSnapshot] = true
	entries, err := os.ReadDir(m.Metadata)
	if err != nil {
		return err
	}
	old := map[string]bool{}
	for role := range m.roles {
		old[metadata.Filename(role, 1)[len("1."):]] = true
	}
	for _, entry := range entries {
		name := entry.Name()
		version, rest, ok := strings.Cut(name, ".")
		if _, err := strconv.ParseUint(version, 10, 63); !ok || err != nil || m.keep[name] || !old[rest] {
			continue
		}
		if err := os.Remove(filepath.Join(m.Metadata, name)); err != nil {
			return err
		}
		m.report.Removed++
	}
	if m.Artifacts != "" {
		os.Remove(filepath.Join(m.Artifacts, partsFolder)) // unless a part is left there
	}
	return nil
}
