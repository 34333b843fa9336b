package rstuf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/shape"
)

// Request is a body that the API takes.
type Request interface {
	BootstrapPayload | FirstGenerationPayload | SettingsUpdate | MetadataUpdate | OnlineBump | MetadataSign | MetadataSignDelete |
		DelegationsUpdate | DelegationsDelete | AddArtifacts | DeleteArtifacts
}

// checked is what every request has: the shape of its JSON, and the rules that
// no shape can state.
type checked interface {
	shape() *shape.Shape
	rules() ValidationError
}

// Decode reads a request body and checks it. What is wrong with it comes back
// as a [ValidationError] in the form of the API's own 422 answers. Fields that
// the API does not know are passed over, as it does; see [DecodeStrict]. What
// two readers could read differently (a field twice, text that is not UTF-8)
// is refused, for the rules would hold for one reading only.
func Decode[T Request](body []byte) (*T, error) { return decode[T](body, false) }

// DecodeStrict is [Decode] for files that people write: it refuses the fields
// that the API would pass over.
func DecodeStrict[T Request](body []byte) (*T, error) { return decode[T](body, true) }

func decode[T Request](body []byte, strict bool) (*T, error) {
	request := new(T)
	checks := any(request).(checked)
	tree, err := parseTree(body)
	if err != nil {
		return nil, ValidationError{notJSON(err, len(body))}
	}
	if err := checkUnambiguous(body); err != nil {
		return nil, ValidationError{valueError(err.Error(), "body")}
	}
	converted, changed, errs := shape.Walk(checks.shape(), tree, strict, "body")
	if len(errs) > 0 {
		return nil, fieldErrors(errs)
	}
	if changed {
		if body, err = json.Marshal(converted); err != nil {
			return nil, ValidationError{valueError(err.Error(), "body")}
		}
	}
	if err := json.Unmarshal(body, request); err != nil {
		return nil, ValidationError{valueError(err.Error(), "body")}
	}
	if errs := checks.rules(); len(errs) > 0 {
		errs = errs[:min(len(errs), shape.MaxErrors)]
		inputs := map[string]json.RawMessage{} // several errors may be about one field
		for i, e := range errs {
			raw, known := inputs[e.Field()]
			if !known {
				raw = input(treeAt(tree, e.Loc[1:]))
				inputs[e.Field()] = raw
			}
			errs[i].Input = raw
		}
		return nil, errs
	}
	return request, nil
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

// validate checks a request that was made in Go: its JSON against its shape,
// then its rules.
func validate(request checked) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	tree, err := parseTree(body)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	if _, _, errs := shape.Walk(request.shape(), tree, false, "body"); len(errs) > 0 {
		return fieldErrors(errs)
	}
	return asError(request.rules())
}

func fieldErrors(errs []shape.Error) (list ValidationError) {
	for _, e := range errs {
		list = append(list, FieldError{Type: e.Type, Loc: e.Loc, Msg: e.Msg, Input: input(e.Input), Ctx: e.Ctx})
	}
	return list
}

func asError(errs ValidationError) error {
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// parseTree decodes one JSON value, and nothing after it.
func parseTree(body []byte) (any, error) {
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

// checkUnambiguous refuses what package encoding/json lets pass: fields twice,
// invalid UTF-8 and deep nesting, with line and column.
func checkUnambiguous(body []byte) error {
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
func notJSON(err error, size int) FieldError {
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
	return FieldError{Type: "json_invalid", Loc: []any{"body", int(offset)}, Msg: "JSON decode error", Input: json.RawMessage("{}"), Ctx: map[string]any{"error": text}}
}
