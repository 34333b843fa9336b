package rstuf

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// shape describes the JSON that a field takes: the API's own rules of type,
// presence and range.
type shape struct {
	kind kind
	// fields of an object, in the order in which the API reports them.
	fields []field
	// elem is the shape of a list's items or of an open object's values.
	elem *shape
	// nullable fields may be null.
	nullable bool
	// gt and lt bound an integer where not nil; minItems a list.
	gt, lt   *int64
	minItems int
	// keys, where set, are the only names that an open object may have.
	keys []string
}

type field struct {
	name     string
	shape    *shape
	required bool
}

type kind int

const (
	anyKind kind = iota
	objectKind
	openObjectKind // any names, values of one shape
	openFieldsKind // an object whose other fields are allowed, even in strict mode
	listKind
	stringKind
	intKind
	boolKind
)

// maxErrors is about how many errors are reported of one request: it may be
// wrong in millions of places.
const maxErrors = 100

// walker compares a decoded tree with a shape.
type walker struct {
	strict bool
	errs   ValidationError
}

func (w *walker) fail(kind string, loc []any, msg string, value any, ctx map[string]any) {
	w.errs = append(w.errs, FieldError{Type: kind, Loc: slices.Clone(loc), Msg: msg, Input: input(value), Ctx: ctx})
}

func (w *walker) check(s *shape, v any, loc []any) {
	if v == nil && s.nullable || s.kind == anyKind {
		return
	}
	switch s.kind {
	case objectKind, openFieldsKind:
		w.checkObject(s, v, loc)
	case openObjectKind:
		obj, ok := v.(map[string]any)
		if !ok {
			w.fail("dict_type", loc, "Input should be a valid dictionary", v, nil)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(obj)) {
			if len(w.errs) >= maxErrors {
				return
			}
			at := append(slices.Clone(loc), name)
			if s.keys != nil && !slices.Contains(s.keys, name) {
				w.fail("literal_error", append(at, "[key]"), "Input should be one of "+quoteList(s.keys), name, nil)
			}
			w.check(s.elem, obj[name], at)
		}
	case listKind:
		list, ok := v.([]any)
		if !ok {
			w.fail("list_type", loc, "Input should be a valid list", v, nil)
			return
		}
		if len(list) < s.minItems {
			w.fail("too_short", loc, "List should have at least 1 item after validation, not 0", v,
				map[string]any{"field_type": "List", "min_length": s.minItems, "actual_length": len(list)})
		}
		for i, item := range list {
			if len(w.errs) >= maxErrors {
				return
			}
			w.check(s.elem, item, append(slices.Clone(loc), i))
		}
	case stringKind:
		if _, ok := v.(string); !ok {
			w.fail("string_type", loc, "Input should be a valid string", v, nil)
		}
	case boolKind:
		if _, ok := v.(bool); !ok {
			w.fail("bool_type", loc, "Input should be a valid boolean", v, nil)
		}
	case intKind:
		w.checkInt(s, v, loc)
	}
}

func (w *walker) checkObject(s *shape, v any, loc []any) {
	obj, ok := v.(map[string]any)
	if !ok {
		w.fail("model_attributes_type", loc, "Input should be a valid dictionary or object to extract fields from", v, nil)
		return
	}
	known := make([]string, len(s.fields))
	for i, f := range s.fields {
		known[i] = f.name
		value, present := obj[f.name]
		at := append(slices.Clone(loc), f.name)
		switch {
		case present:
			w.check(f.shape, value, at)
		case f.required:
			w.fail("missing", at, "Field required", v, nil)
		}
	}
	refuseUnknown := w.strict && s.kind == objectKind
	for _, name := range slices.Sorted(maps.Keys(obj)) {
		if !slices.Contains(known, name) && (refuseUnknown || caseTwin(name, known) != "") {
			w.fail("extra_forbidden", append(slices.Clone(loc), name), "Extra inputs are not permitted", obj[name], nil)
		}
	}
}

func (w *walker) checkInt(s *shape, v any, loc []any) {
	number, ok := v.(json.Number)
	if !ok {
		if _, text := v.(string); text {
			w.fail("int_parsing", loc, "Input should be a valid integer, unable to parse string as an integer", v, nil)
		} else {
			w.fail("int_type", loc, "Input should be a valid integer", v, nil)
		}
		return
	}
	// A number beyond int64 comes as the nearest that is not.
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		w.fail("int_from_float", loc, "Input should be a valid integer, got a number with a fractional part", v, nil)
		return
	}
	switch {
	case s.gt != nil && n <= *s.gt:
		w.fail("greater_than", loc, fmt.Sprintf("Input should be greater than %d", *s.gt), v, map[string]any{"gt": *s.gt})
	case s.lt != nil && n >= *s.lt:
		w.fail("less_than", loc, fmt.Sprintf("Input should be less than %d", *s.lt), v, map[string]any{"lt": *s.lt})
	case err != nil:
		w.fail("int_parsing_size", loc, "Unable to parse input string as an integer, exceeded maximum size", v, nil)
	}
}

func quoteList(names []string) string {
	text := ""
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			text += " or "
		default:
			text += ", "
		}
		text += "'" + name + "'"
	}
	return text
}
