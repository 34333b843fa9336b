// Package files reads and writes the small JSON files that people carry:
// bounded and strict on the way in, whole or not at all on the way out.
package files

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/durable"
	"example.org/rstuf/internal/quote"
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

// Decode is json.Unmarshal after [CheckJSON], and takes fields only by the
// exact names that v has for them: others, and names in other case, are errors.
// Embedded structs are not supported.
func Decode(data []byte, v any) error {
	if err := CheckJSON(data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return wrongType(err)
	}
	return checkNames(reflect.TypeOf(v), data)
}

// wrongType says in JSON's words what encoding/json says in Go's.
func wrongType(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	want := "a text"
	switch wrong.Type.Kind() {
	case reflect.Struct, reflect.Map, reflect.Pointer:
		want = "an object"
	case reflect.Slice:
		want = "a list"
	case reflect.Bool:
		want = "true or false"
	case reflect.Int, reflect.Int64:
		want = "a whole number"
	}
	return fmt.Errorf("%s: it must be %s, not %s", cmp.Or(wrong.Field, "the value"), want, wrong.Value)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// checkNames looks for fields in a JSON value that its type does not have. The
// value has been decoded into the type before. Types that decode themselves
// are left to do so.
func checkNames(t reflect.Type, data json.RawMessage) error {
	if t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler) || string(data) == "null" {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return checkNames(t.Elem(), data)
	case reflect.Slice:
		var items []json.RawMessage
		if t.Elem().Kind() == reflect.Uint8 || json.Unmarshal(data, &items) != nil {
			return nil // a text
		}
		for i, item := range items {
			if err := checkNames(t.Elem(), item); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	case reflect.Map, reflect.Struct:
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			inner := t
			if t.Kind() == reflect.Map {
				inner = t.Elem()
			} else if inner = fieldType(t, name); inner == nil {
				return fmt.Errorf("unknown field %.100q", name)
			}
			if err := checkNames(inner, fields[name]); err != nil {
				return fmt.Errorf("%s: %w", quote.Line(name), err)
			}
		}
	}
	return nil
}

// fieldType is the type of the field that JSON calls name, or nil.
func fieldType(t reflect.Type, name string) reflect.Type {
	for field := range t.Fields() {
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if cmp.Or(tag, field.Name) == name && tag != "-" {
			return field.Type
		}
	}
	return nil
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
func WriteNew(path string, data []byte) error { return write(path, data, 0o644, false) }

// Replace is [WriteNew] for a file that may exist; it is replaced in one
// step. A symbolic link is replaced itself, not the file that it leads to.
func Replace(path string, data []byte) error { return write(path, data, 0o644, true) }

// ReplaceMode is [Replace] for a file that is to have another mode.
func ReplaceMode(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, true)
}

// WriteSecret is [WriteNew], or [Replace], for a file that only its owner may
// read.
func WriteSecret(path string, data []byte, replace bool) error {
	return write(path, data, 0o600, replace)
}

func write(path string, data []byte, mode fs.FileMode, replace bool) error {
	var disk durable.Disk
	if replace {
		return disk.Replace(path, data, mode)
	}
	return disk.Create(path, data, mode)
}
