package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"example.org/rstuf/service"
)

// checkFolders refuses to serve a folder of artifacts that holds the service's
// own files, or is held by a folder of these: the online key, the database and
// the tokens are nobody's business.
func (c *serveCommand) checkFolders() error {
	if c.artifacts == "" {
		return nil
	}
	public, err := resolve(c.artifacts)
	if err != nil {
		return err
	}
	for _, private := range c.private() {
		path, err := resolve(private.path)
		if err != nil {
			return err
		}
		if within(path, public) {
			return usagef("--artifacts %s holds %s (%s), which nobody else may read: choose a folder that has nothing but artifacts", c.artifacts, private.path, private.flag)
		}
		// DIR/artifacts is where --dev has them.
		if private.folder && within(public, path) && public != filepath.Join(path, "artifacts") {
			return usagef("--artifacts %s is inside of %s (%s): choose a folder elsewhere, or its subfolder artifacts", c.artifacts, private.path, private.flag)
		}
	}
	return nil
}

// privatePath is a file or a folder that nobody else may read.
type privatePath struct {
	flag, path string
	folder     bool
}

func (c *serveCommand) private() []privatePath {
	list := []privatePath{{"--dir", c.dir, true}, {"--key-dir", c.uris.dir, true}}
	files := map[string][]string{
		"--tokens": {c.tokens}, "--tls-key": {c.tlsKey}, "--password-file": {c.password.file}, "--online-key": c.onlineKeys,
	}
	for flag, paths := range files {
		for _, path := range paths {
			if scheme, rest, found := strings.Cut(path, ":"); found && (scheme == "fn" || scheme == "file2") {
				path = rest
			}
			if path != "" {
				list = append(list, privatePath{flag, path, false})
			}
		}
	}
	return list
}

// resolve is where a path leads, links followed as far as it exists.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path {
		return real, err
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// within tells whether path is folder or something in it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// artifactFiles serves a folder, but no file that is private by another name.
type artifactFiles struct {
	fs.FS
	private func() []privatePath
}

func (a artifactFiles) Open(name string) (fs.File, error) {
	file, err := a.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && a.isPrivate(info) {
		err = fmt.Errorf("%s is private: %w", name, fs.ErrPermission)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// isPrivate tells whether a file is one of the private ones, under whatever
// name: a hard link leads to it from any folder.
func (a artifactFiles) isPrivate(info fs.FileInfo) bool {
	for _, p := range a.private() {
		names := []string{p.path}
		if p.folder {
			names, _ = filepath.Glob(filepath.Join(p.path, "*")) // fails only for a bad pattern
		}
		for _, name := range names {
			if other, err := os.Stat(name); err == nil && os.SameFile(info, other) {
				return true
			}
		}
	}
	return false
}

func (c *serveCommand) artifactHandler(root *os.Root) http.Handler {
	return service.BoundWrites(http.FileServerFS(artifactFiles{root.FS(), c.private}))
}
