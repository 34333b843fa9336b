package transport

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// folder is a folder of this machine, such as a medium that was carried here.
// It is opened for each file: a medium may be taken out and another put in.
type folder struct {
	url  string
	path string
}

func newFolder(base *url.URL) *folder {
	path := base.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/") // file:///C:/folder
	}
	if path == "" {
		path = "/"
	}
	return &folder{base.String(), filepath.FromSlash(path)}
}

func (f *folder) fetch(name string, most int64) ([]byte, error) {
	file, size, err := f.openRegular(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file, size, most)
}

func (f *folder) open(path string, from int64) (*Body, error) {
	file, size, err := f.openRegular(path)
	if err != nil {
		return nil, err
	}
	if from > size {
		from = 0
	}
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		file.Close()
		return nil, err
	}
	return &Body{file, from, true}, nil
}

// openRegular opens a regular file below the folder. No link leads out of it.
// What a name stands for is asked before it is opened: opening a named pipe
// waits for a writer.
func (f *folder) openRegular(path string) (*os.File, int64, error) {
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w: %w", f.url, ErrUnavailable, err)
	}
	defer root.Close()
	path = filepath.FromSlash(path)
	info, err := root.Stat(path)
	if err != nil {
		return nil, 0, f.explain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, f.explain(&fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")})
	}
	file, err := root.Open(path)
	if err != nil {
		return nil, 0, f.explain(err)
	}
	return file, info.Size(), nil
}

func (f *folder) explain(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: %w", f.url, ErrNotFound, err)
	}
	return fmt.Errorf("%s: %w", f.url, err)
}
