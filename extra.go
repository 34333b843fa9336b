package rstuf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"example.org/rstuf/internal/shape"
)

// unmarshalWithExtra decodes an object into the struct that v points to, and
// returns the fields that no tag of it names. A field whose name differs from a known one by case alone
// is refused: this language's decoder would take it for that one, others not.
func unmarshalWithExtra(data []byte, v any) (map[string]json.RawMessage, error) {
	if err := json.Unmarshal(data, v); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	known := fieldNames(reflect.TypeOf(v).Elem())
	for _, name := range known {
		delete(all, name)
	}
	for name := range all {
		if twin := shape.CaseTwin(name, known); twin != "" {
			return nil, fmt.Errorf("field %q is not written %q", name, twin)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// marshalWithExtra encodes the struct v and appends the extra fields in the
// order of their names.
func marshalWithExtra(v any, extra map[string]json.RawMessage) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	out := buf.Bytes()[:buf.Len()-len("}\n")]
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		out = append(append(append(out, key...), ':'), extra[name]...)
	}
	return append(out, '}'), nil
}

var fieldNamesOf sync.Map // reflect.Type: []string

// fieldNames are the names that the tags of a struct give its fields on the
// wire.
func fieldNames(t reflect.Type) []string {
	if names, ok := fieldNamesOf.Load(t); ok {
		return names.([]string)
	}
	var names []string
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	fieldNamesOf.Store(t, names)
	return names
}
