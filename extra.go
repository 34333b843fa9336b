package rstuf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// unmarshalWithExtra decodes an object into v and returns the fields that are
// not named in known.
func unmarshalWithExtra(data []byte, v any, known ...string) (map[string]json.RawMessage, error) {
	if err := json.Unmarshal(data, v); err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	for _, name := range known {
		delete(all, name)
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
