package metadata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.org/rstuf/internal/canonical"
)

// reader takes the fields of one JSON object, by their exact names, and keeps
// the first error. What is not taken is left in rest.
type reader struct {
	rest map[string]json.RawMessage
	err  error
}

// readObject splits an object of a document that [Parse] has accepted.
func readObject(raw []byte) *reader {
	r := &reader{rest: map[string]json.RawMessage{}}
	r.err = readEach(raw, func(name string, raw []byte) error {
		r.rest[name] = raw
		return nil
	})
	return r
}

// extra are the fields that nobody took; nil if there are none.
func (r *reader) extra() map[string]json.RawMessage {
	if len(r.rest) == 0 {
		return nil
	}
	fields := maps.Clone(r.rest)
	for name, raw := range fields {
		fields[name] = bytes.Clone(raw)
	}
	return fields
}

func (r *reader) fail(name string, err error) {
	if r.err == nil {
		r.err = atField(name, err)
	}
}

// fieldError says where in a document something is wrong.
type fieldError struct {
	path string
	err  error
}

func (e *fieldError) Error() string { return e.path + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// atField puts a field's name in front of an error, and a dot between the
// names of nested fields.
func atField(name string, err error) error {
	name = clip(name)
	var inner *fieldError
	if errors.As(err, &inner) {
		return &fieldError{name + "." + inner.path, inner.err}
	}
	return &fieldError{name, err}
}

// optional takes a field that may be absent.
func (r *reader) optional(name string) (json.RawMessage, bool) {
	raw, ok := r.rest[name]
	delete(r.rest, name)
	return raw, ok && r.err == nil
}

func (r *reader) take(name string) (json.RawMessage, bool) {
	raw, ok := r.optional(name)
	if !ok && r.err == nil {
		r.fail(name, errors.New("the field is missing"))
	}
	return raw, ok
}

func (r *reader) string(name string) string {
	raw, ok := r.take(name)
	if !ok {
		return ""
	}
	s, err := readString(raw)
	if err != nil {
		r.fail(name, err)
	}
	return s
}

// integer takes a field that is an integer of at least low.
func (r *reader) integer(name string, low int64) int64 {
	raw, ok := r.take(name)
	if !ok {
		return 0
	}
	n, err := readInt(raw, low)
	if err != nil {
		r.fail(name, err)
	}
	return n
}

// count takes a field that counts something, such as a threshold.
func (r *reader) count(name string) int {
	n := r.integer(name, 1)
	if n > math.MaxInt32 {
		r.fail(name, fmt.Errorf("%d is too large", n))
	}
	return int(n)
}

func (r *reader) bool(name string) bool {
	raw, ok := r.take(name)
	if ok && string(raw) != "true" && string(raw) != "false" {
		r.fail(name, wrongKind(raw, "true or false"))
	}
	return string(raw) == "true"
}

// strings takes a list of strings. It is not nil.
func (r *reader) strings(name string) []string {
	raw, ok := r.take(name)
	if !ok {
		return nil
	}
	list := []string{}
	err := readList(raw, func(i int, raw []byte) error {
		s, err := readString(raw)
		list = append(list, s)
		return err
	})
	if err != nil {
		r.fail(name, err)
	}
	return list
}

// each takes an object and calls read for every member.
func (r *reader) each(name string, read func(name string, raw []byte) error) {
	raw, ok := r.take(name)
	if !ok {
		return
	}
	err := readEach(raw, read)
	if err != nil {
		r.fail(name, err)
	}
}

// readEach calls read for every member of an object.
func readEach(raw []byte, read func(name string, raw []byte) error) error {
	if raw[0] != '{' {
		return wrongKind(raw, "an object")
	}
	p := canonical.NewParser(raw)
	p.AllowFloats(true)
	return p.Object(func(key []byte) error {
		name := string(key)
		value, err := p.Raw()
		if err != nil {
			return err
		}
		if err := read(name, value); err != nil {
			return atField(name, err)
		}
		return nil
	})
}

func readList(raw []byte, read func(i int, raw []byte) error) error {
	if raw[0] != '[' {
		return wrongKind(raw, "a list")
	}
	p := canonical.NewParser(raw)
	p.AllowFloats(true)
	i := 0
	return p.Array(func() error {
		element, err := p.Raw()
		if err != nil {
			return err
		}
		if err := read(i, element); err != nil {
			return atField(strconv.Itoa(i), err)
		}
		i++
		return nil
	})
}

func readString(raw []byte) (string, error) {
	var s string
	if raw[0] != '"' {
		return "", wrongKind(raw, "a string")
	}
	err := json.Unmarshal(raw, &s)
	return s, err
}

func readInt(raw []byte, low int64) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, wrongKind(raw, "an integer")
	}
	if n < low {
		return 0, fmt.Errorf("%d is too low, the least is %d", n, low)
	}
	return n, nil
}

func wrongKind(raw []byte, want string) error {
	return fmt.Errorf("must be %s, not %s", want, clip(string(raw)))
}

// clip keeps foreign text short enough for an error.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

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
	slices.SortFunc(w.members, func(a, b field) int { return cmpString(a.name, b.name) })
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

func cmpString(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// appendText appends the canonical form of a string, which must be UTF-8.
func appendText(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, fmt.Errorf("%q is not valid UTF-8", s)
	}
	return canonical.AppendString(dst, s), nil
}
