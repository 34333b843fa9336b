package shape

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"example.org/rstuf/internal/canonical"
)

// Value is a rule that no shape states; loc starts with "body".
func Value(msg string, loc ...any) Error {
	return Error{Type: "value_error", Loc: loc, Msg: "Value error, " + msg, Ctx: map[string]any{"error": map[string]any{}}}
}

// Decode reads a body into a value, with what the API converts, and says what is
// wrong with it: by the shape, then by the rules, which look at the value. What
// two readers could read differently (a field twice, text that is not UTF-8) is
// refused, for the rules would hold for one reading only.
func Decode(s *Shape, body []byte, strict bool, into any, rules func() []Error) []Error {
	tree, err := parse(body)
	if err != nil {
		return []Error{notJSON(err, len(body))}
	}
	if err := unambiguous(body); err != nil {
		return []Error{Value(err.Error(), "body")}
	}
	converted, changed, errs := Walk(s, tree, strict, "body")
	if len(errs) > 0 {
		return errs
	}
	if changed {
		if body, err = json.Marshal(converted); err != nil {
			return []Error{Value(err.Error(), "body")}
		}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return []Error{Value(err.Error(), "body")}
	}
	errs = rules()
	errs = errs[:min(len(errs), MaxErrors)]
	inputs := map[string]json.RawMessage{} // several errors may be about one field
	for i, e := range errs {
		at := fmt.Sprint(e.Loc)
		raw, known := inputs[at]
		if !known {
			raw = input(treeAt(tree, e.Loc[1:]))
			inputs[at] = raw
		}
		errs[i].Input = raw
	}
	return errs
}

// Check compares a value that was made in Go: its JSON with its shape, then
// what the rules say. The error is that it has no JSON.
func Check(s *Shape, value any, rules func() []Error) ([]Error, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	tree, err := parse(body)
	if err != nil {
		return nil, err
	}
	if _, _, errs := Walk(s, tree, false, "body"); len(errs) > 0 {
		return errs, nil
	}
	return rules(), nil
}

// maxInput is how much an error repeats of what stood in its field, in bytes.
const maxInput = 4 << 10

// input is a decoded value as an error repeats it; nil if it is too long.
func input(value any) json.RawMessage {
	raw, err := json.Marshal(value)
	if err != nil || len(raw) > maxInput {
		return nil
	}
	return raw
}

// parse decodes one JSON value, and nothing after it.
func parse(body []byte) (any, error) {
	var tree any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	return tree, nil
}

// unambiguous refuses what package encoding/json lets pass: fields twice,
// invalid UTF-8 and deep nesting, with line and column.
func unambiguous(body []byte) error {
	p := canonical.NewParser(body)
	p.AllowFloats(true)
	_, err := p.Raw()
	return err
}

// treeAt is what stands at a place of the tree; nil where there is nothing.
func treeAt(tree any, loc []any) any {
	for _, step := range loc {
		switch step := step.(type) {
		case string:
			obj, _ := tree.(map[string]any)
			tree = obj[step]
		case int:
			list, _ := tree.([]any)
			if step >= len(list) {
				return nil
			}
			tree = list[step]
		}
	}
	return tree
}

// notJSON is the error for a body that is no JSON at all.
func notJSON(err error, size int) Error {
	offset, text := int64(size), "Expecting value"
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		offset, text = max(syntax.Offset-1, 0), syntax.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		text = "the body ends too early"
	default:
		text = err.Error()
	}
	return Error{Type: "json_invalid", Loc: []any{"body", int(offset)}, Msg: "JSON decode error", Input: json.RawMessage("{}"), Ctx: map[string]any{"error": text}}
}
