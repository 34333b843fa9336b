// Package shape compares JSON with the rules of type, presence and range that
// RSTUF's API has for it, and says what is wrong in the API's own words. The API
// leaves that to the Python library pydantic, in its lax mode: a number may come
// as a text, a boolean as a number, and so on. [Walk] does these conversions too.
package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Shape describes the JSON that a field takes.
type Shape struct {
	Kind Kind
	// Fields of an object, in the order in which the API reports them.
	Fields []Field
	// Elem is the shape of a list's items or of an open object's values.
	Elem *Shape
	// Nullable fields may be null.
	Nullable bool
	// Gt and Lt bound an integer where not nil; MinItems a list.
	Gt, Lt   *int64
	MinItems int
	// Keys, where set, are the only names that an open object may have.
	Keys []string
	// Exact: nothing in it is converted, for signatures cover it as it is.
	Exact bool
}

// Field is a field of an object.
type Field struct {
	Name     string
	Shape    *Shape
	Required bool
}

// Required is a field that must be there.
func Required(name string, s *Shape) Field { return Field{name, s, true} }

// Optional is a field that may be absent.
func Optional(name string, s *Shape) Field { return Field{name, s, false} }

// Kind is the type of a value.
type Kind int

// The kinds of values.
const (
	Any Kind = iota
	Object
	OpenObject // any names, values of one shape
	OpenFields // an object whose other fields are allowed, even in strict mode
	List
	String
	Int
	Bool
)

// Error is one rule that one field breaks. Loc is the way to the field, names
// and numbers, and Input what stands there.
type Error struct {
	Type  string
	Loc   []any
	Msg   string
	Input json.RawMessage // nil if it is long
	Ctx   map[string]any
}

// MaxErrors is about how many errors are reported of one value: it may be wrong
// in millions of places.
const MaxErrors = 100

// Walk compares a decoded value, whose numbers are [json.Number], with a shape.
// It returns the value with what the API converts, and whether there was any.
// In strict mode, for files that people write, unknown fields are errors.
func Walk(s *Shape, value any, strict bool, loc ...any) (converted any, changed bool, errs []Error) {
	w := walker{strict: strict}
	converted = w.check(s, value, loc)
	return converted, w.changed, w.errs
}

type walker struct {
	strict  bool
	exact   bool // nothing may be converted here
	changed bool
	errs    []Error
}

func (w *walker) fail(kind string, loc []any, msg string, value any, ctx map[string]any) {
	w.errs = append(w.errs, Error{Type: kind, Loc: slices.Clone(loc), Msg: msg, Input: input(value), Ctx: ctx})
}

// check returns the value as it is converted. Objects and lists are changed in
// place.
func (w *walker) check(s *Shape, v any, loc []any) any {
	if v == nil && s.Nullable || s.Kind == Any {
		return v
	}
	if s.Exact && !w.exact {
		w.exact = true
		defer func() { w.exact = false }()
	}
	switch s.Kind {
	case Object, OpenFields:
		w.checkObject(s, v, loc)
	case OpenObject:
		w.checkOpen(s, v, loc)
	case List:
		w.checkList(s, v, loc)
	case String:
		if _, ok := v.(string); !ok {
			w.fail("string_type", loc, "Input should be a valid string", v, nil)
		}
	case Bool:
		return w.checkBool(v, loc)
	case Int:
		return w.checkInt(s, v, loc)
	}
	return v
}

func (w *walker) checkOpen(s *Shape, v any, loc []any) {
	obj, ok := v.(map[string]any)
	if !ok {
		w.fail("dict_type", loc, "Input should be a valid dictionary", v, nil)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(obj)) {
		if len(w.errs) >= MaxErrors {
			return
		}
		at := append(slices.Clone(loc), name)
		if s.Keys != nil && !slices.Contains(s.Keys, name) {
			w.fail("literal_error", append(at, "[key]"), "Input should be one of "+quoteList(s.Keys), name, nil)
		}
		obj[name] = w.check(s.Elem, obj[name], at)
	}
}

func (w *walker) checkList(s *Shape, v any, loc []any) {
	list, ok := v.([]any)
	if !ok {
		w.fail("list_type", loc, "Input should be a valid list", v, nil)
		return
	}
	if len(list) < s.MinItems {
		w.fail("too_short", loc, "List should have at least 1 item after validation, not 0", v,
			map[string]any{"field_type": "List", "min_length": s.MinItems, "actual_length": len(list)})
	}
	for i, item := range list {
		if len(w.errs) >= MaxErrors {
			return
		}
		list[i] = w.check(s.Elem, item, append(slices.Clone(loc), i))
	}
}

func (w *walker) checkObject(s *Shape, v any, loc []any) {
	obj, ok := v.(map[string]any)
	if !ok {
		w.fail("model_attributes_type", loc, "Input should be a valid dictionary or object to extract fields from", v, nil)
		return
	}
	known := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		known[i] = f.Name
		value, present := obj[f.Name]
		at := append(slices.Clone(loc), f.Name)
		switch {
		case present:
			obj[f.Name] = w.check(f.Shape, value, at)
		case f.Required:
			w.fail("missing", at, "Field required", v, nil)
		}
	}
	refuseUnknown := w.strict && s.Kind == Object
	for _, name := range slices.Sorted(maps.Keys(obj)) {
		if !slices.Contains(known, name) && (refuseUnknown || CaseTwin(name, known) != "") {
			w.fail("extra_forbidden", append(slices.Clone(loc), name), "Extra inputs are not permitted", obj[name], nil)
		}
	}
}

// CaseTwin is the known name that differs from name by case alone, or "".
func CaseTwin(name string, known []string) string {
	for _, k := range known {
		if k != name && strings.EqualFold(k, name) {
			return k
		}
	}
	return ""
}

// checkInt checks an integer, which may come as a text, a number with a fraction
// of zero, or a boolean.
func (w *walker) checkInt(s *Shape, v any, loc []any) any {
	text, problem := integer(v)
	if problem == "" && w.exact && (v != json.Number(text)) {
		problem = "int_type"
	}
	if problem != "" {
		w.fail(problem, loc, integerProblems[problem], v, nil)
		return v
	}
	// A number beyond int64 comes as the nearest that is not.
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case s.Gt != nil && n <= *s.Gt:
		w.fail("greater_than", loc, fmt.Sprintf("Input should be greater than %d", *s.Gt), v, map[string]any{"gt": *s.Gt})
	case s.Lt != nil && n >= *s.Lt:
		w.fail("less_than", loc, fmt.Sprintf("Input should be less than %d", *s.Lt), v, map[string]any{"lt": *s.Lt})
	case errors.Is(err, strconv.ErrRange):
		w.fail("int_parsing_size", loc, integerProblems["int_parsing_size"], v, nil)
	}
	if v != json.Number(text) {
		w.changed = true
		return json.Number(text)
	}
	return v
}

// checkBool checks a boolean, which may come as a number or a text.
func (w *walker) checkBool(v any, loc []any) any {
	if _, ok := v.(bool); ok {
		return v
	}
	value, ok := boolean(v)
	switch _, isNumber := v.(json.Number); {
	case ok && !w.exact:
		w.changed = true
		return value
	case isNumber || isText(v):
		w.fail("bool_parsing", loc, "Input should be a valid boolean, unable to interpret input", v, nil)
	default:
		w.fail("bool_type", loc, "Input should be a valid boolean", v, nil)
	}
	return v
}

func isText(v any) bool {
	_, ok := v.(string)
	return ok
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
