package service

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// MetadataHandler serves the metadata files, at the paths that end in their
// names. Versioned files never change; timestamp.json must be asked for each
// time. It knows GET, HEAD, conditional and range requests.
func (s *Service) MetadataHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are allowed", http.StatusMethodNotAllowed)
			return
		}
		name := path.Base(r.URL.Path)
		_, _, versioned := splitFilename(name)
		if !versioned && name != metadata.Filename(rstuf.RoleTimestamp, 0) || strings.Count(r.URL.Path, "/") != 1 {
			http.NotFound(w, r)
			return
		}
		data, err := s.storage.Read(r.Context(), name)
		if errors.Is(err, fs.ErrNotExist) {
			http.NotFound(w, r)
			return
		}
		if err != nil {
			s.cfg.Logger.Error("a metadata file could not be read", "file", name, "error", err)
			http.Error(w, "the file could not be read", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(data)))
		if versioned {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	})
}
