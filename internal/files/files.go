// Package files reads and writes the small JSON files that people carry:
// bounded and strict on the way in, whole or not at all on the way out.
package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"example.org/rstuf/internal/canonical"
)

// ReadAll reads everything from r, or fails once it is more than max bytes.
func ReadAll(r io.Reader, max int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("larger than %d bytes", max)
	}
	return data, nil
}

// CheckJSON reports text that is not one JSON value, names a field twice,
// nests deeper than [canonical.MaxDepth] or is not UTF-8, with line and
// column. Package encoding/json lets the last three pass.
func CheckJSON(data []byte) error {
	p := canonical.NewParser(data)
	p.AllowFloats(true)
	if _, err := p.Raw(); err != nil {
		return err
	}
	return p.End()
}

// Decode is json.Unmarshal after [CheckJSON], and refuses fields that v does
// not have.
func Decode(data []byte, v any) error {
	if err := CheckJSON(data); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// Encode writes v as indented JSON for people to read, the same bytes for the
// same value, with a line feed at the end.
func Encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// WriteNew makes the file path, which must not exist yet (fs.ErrExist): it
// appears whole or not at all and is on disk before it has its name.
func WriteNew(path string, data []byte) error { return write(path, data, false) }

// Replace is [WriteNew] for a file that may exist; it is replaced in one
// step.
func Replace(path string, data []byte) error { return write(path, data, true) }

func write(path string, data []byte, replace bool) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if replace {
		err = os.Rename(tmp.Name(), path)
	} else if err = os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w: choose another name or ask to replace it", path, fs.ErrExist)
	}
	return errors.Join(err, syncDir(filepath.Dir(path)))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
