package metadata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"

	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/quote"
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

// maxShown bounds, in bytes, what an error repeats of foreign text.
const maxShown = 100

// atField puts a field's name in front of an error, and a dot between the
// names of nested fields.
func atField(name string, err error) error {
	name = quote.Line(quote.Cut(name, maxShown))
	if inner, ok := err.(*fieldError); ok {
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

// readEach calls read for every member of an object that [Parse] has accepted.
func readEach(raw []byte, read func(name string, raw []byte) error) error {
	if raw[0] != '{' {
		return wrongKind(raw, "an object")
	}
	p := canonical.NewParser(raw)
	return p.Object(func(key []byte) error {
		name := string(key)
		value, err := p.Skip()
		if err != nil {
			return err
		}
		if err := read(name, value); err != nil {
			return atField(name, err)
		}
		return nil
	})
}

// readList calls read for every element of a list that [Parse] has accepted.
func readList(raw []byte, read func(i int, raw []byte) error) error {
	if raw[0] != '[' {
		return wrongKind(raw, "a list")
	}
	p := canonical.NewParser(raw)
	i := 0
	return p.Array(func() error {
		element, err := p.Skip()
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
	return fmt.Errorf("must be %s, not %s", want, quote.Line(quote.Cut(string(raw), maxShown)))
}
