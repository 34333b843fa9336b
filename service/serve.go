package service

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// metadataServer serves the metadata files.
type metadataServer struct {
	s *Service
	// memory bounds the files that are held whole, those of a storage that
	// can't open them.
	memory *semaphore.Weighted
	zipped zipCache
}

const maxHeld = 128 << 20

// MetadataHandler serves the metadata files that are committed, at the paths
// that end in their names. Versioned files never change; timestamp.json must
// be asked for each time. It knows GET, HEAD, conditional and range requests,
// and sends versioned files compressed with gzip to those who accept that;
// lengths, hashes and ranges are those of the plain form. With Config.ListFiles a
// page at "/" lists them.
func (s *Service) MetadataHandler() http.Handler {
	return BoundWrites(&metadataServer{s: s, memory: semaphore.NewWeighted(maxHeld)})
}

func (m *metadataServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
		return
	}
	name := path.Base(r.URL.Path)
	repo := m.s.latest(r.Context(), name)
	switch {
	case r.URL.Path == "/" && m.s.cfg.ListFiles:
		m.list(w, r, repo)
	case strings.Count(r.URL.Path, "/") != 1:
		http.NotFound(w, r)
	case name == metadata.Filename(rstuf.RoleTimestamp, 0) && repo.timestamp != nil:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(repo.timestamp)))
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(repo.timestamp))
	case repo.committed(name) && !m.s.files.has(name):
		m.serveVersioned(w, r, name)
	default:
		http.NotFound(w, r)
	}
}

// committed tells whether a file is of a version that was published: a file of
// a later one may be there half-written.
func (r *repository) committed(name string) bool {
	version, role, ok := splitFilename(name)
	switch {
	case !ok || r.root == nil || r.roles == nil:
		return false
	case role == rstuf.RoleRoot:
		return r.bootstrapped() && version <= r.root.Version()
	}
	return version <= r.roles.get(role).version
}

func (m *metadataServer) serveVersioned(w http.ResponseWriter, r *http.Request, name string) {
	file, release, err := m.open(r.Context(), name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.NotFound(w, r)
		return
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many files are on their way to slow clients: try again", http.StatusServiceUnavailable)
		return
	case err != nil:
		m.s.cfg.Logger.Error("a metadata file could not be read", "file", name, "error", err)
		http.Error(w, "the file can't be read at the moment", http.StatusServiceUnavailable)
		return
	}
	defer release()
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Vary", "Accept-Encoding")
	// A name never holds two contents, so the name stands for what is in it.
	header.Set("ETag", `"`+name+`"`)
	if r.Header.Get("Range") == "" && acceptsGzip(r.Header.Values("Accept-Encoding")) {
		if small, ok := m.zipped.get(name, file); ok {
			header.Set("ETag", `"`+name+`.gz"`)
			header.Set("Content-Encoding", "gzip")
			header.Set("Content-Length", strconv.Itoa(len(small))) // which ServeContent leaves to others here
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(small))
			return
		}
	}
	http.ServeContent(w, r, name, time.Time{}, file)
}

var errBusy = errors.New("busy")

// open opens a file for reading, from the disk where that is possible.
func (m *metadataServer) open(ctx context.Context, name string) (file io.ReadSeeker, release func(), err error) {
	if folder, ok := m.s.storage.(Opener); ok {
		f, err := folder.Open(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		return f, func() { f.Close() }, nil
	}
	// How large it is nobody knows before it is here.
	if acquire(ctx, m.memory, metadata.MaxSize) != nil {
		return nil, nil, errBusy
	}
	data, err := m.s.storage.Read(ctx, name)
	held := min(int64(len(data)), metadata.MaxSize)
	m.memory.Release(metadata.MaxSize - held)
	if err != nil {
		m.memory.Release(held)
		return nil, nil, err
	}
	return bytes.NewReader(data), func() { m.memory.Release(held) }, nil
}
