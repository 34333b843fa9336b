package metadata

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/quote"
)

// writer collects the members of one object and writes them in canonical
// order. It keeps the first error.
type writer struct {
	members []field
	err     error
}

type field struct {
	name  string
	value []byte // canonical
}

// newWriter starts an object with the fields that the typed view does not
// know.
func newWriter(extra map[string]json.RawMessage) *writer {
	w := &writer{members: make([]field, 0, 8+len(extra))}
	for name, raw := range extra {
		form, err := canonical.Transform(raw)
		w.raw(name, form, err)
	}
	return w
}

func (w *writer) raw(name string, form []byte, err error) {
	if err == nil && !utf8.ValidString(name) {
		err = errors.New("the name is not valid UTF-8")
	}
	if err != nil && w.err == nil {
		w.err = atField(name, err)
	}
	w.members = append(w.members, field{name, form})
}

func (w *writer) string(name, s string) {
	form, err := appendText(nil, s)
	w.raw(name, form, err)
}

func (w *writer) integer(name string, n int64) {
	w.raw(name, strconv.AppendInt(nil, n, 10), nil)
}

func (w *writer) bool(name string, b bool) {
	w.raw(name, strconv.AppendBool(nil, b), nil)
}

func (w *writer) strings(name string, list []string) {
	out := []byte{'['}
	var err error
	for i, s := range list {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendText(out, s); err != nil {
			break
		}
	}
	w.raw(name, append(out, ']'), err)
}

// stringMap writes an object whose values are strings.
func (w *writer) stringMap(name string, m map[string]string) {
	inner := newWriter(nil)
	for key, s := range m {
		inner.string(key, s)
	}
	w.object(name, inner)
}

func (w *writer) object(name string, inner *writer) {
	form, err := inner.append(nil)
	w.raw(name, form, err)
}

func (w *writer) append(dst []byte) ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	slices.SortFunc(w.members, func(a, b field) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, m := range w.members {
		if i > 0 {
			if w.members[i-1].name == m.name {
				return nil, atField(m.name, errors.New("the field is also among the extra fields"))
			}
			dst = append(dst, ',')
		}
		dst = append(canonical.AppendString(dst, m.name), ':')
		dst = append(dst, m.value...)
	}
	return append(dst, '}'), nil
}

// appendText appends the canonical form of a string, which must be UTF-8.
func appendText(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, fmt.Errorf("%q is not valid UTF-8", quote.Cut(s, maxShown))
	}
	return canonical.AppendString(dst, s), nil
}
