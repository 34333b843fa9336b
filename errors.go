package rstuf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"example.org/rstuf/internal/quote"
)

// FieldError is one rule of the API that one field breaks, in the form of the
// API's 422 answers.
type FieldError struct {
	// Type names the rule: "missing", "greater_than", "value_error", …
	Type string `json:"type"`
	// Loc is the way to the field: strings for names and ints for positions
	// in a list. It starts with "body", "query" or "path".
	Loc []any  `json:"loc"`
	Msg string `json:"msg"`
	// Input is what stood there; null if it is long.
	Input json.RawMessage `json:"input"`
	// Ctx holds the figures of the rule, such as {"gt": 1}.
	Ctx map[string]any `json:"ctx,omitempty"`
}

// Field is the way to the field as people write it, without "body":
// settings.roles.bins.expiration, artifacts[2].path.
func (e FieldError) Field() string {
	var b strings.Builder
	for i, step := range e.Loc {
		switch step := step.(type) {
		case string:
			if i == 0 && step == "body" {
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		case float64: // what a decoded answer holds
			fmt.Fprintf(&b, "[%d]", int(step))
		default:
			fmt.Fprintf(&b, "[%v]", step)
		}
	}
	return b.String()
}

// Error is one line: the field, the rule, and the input where it is short.
func (e FieldError) Error() string {
	if e.Type == "json_invalid" && len(e.Loc) == 2 {
		return fmt.Sprintf("not JSON at byte %v: %v", e.Loc[1], e.Ctx["error"])
	}
	msg := strings.TrimPrefix(e.Msg, "Value error, ")
	if field := e.Field(); field != "" {
		msg = field + ": " + msg
	}
	if input := string(bytes.TrimSpace(e.Input)); e.Type != "missing" && input != "" && input != "null" && len(input) <= 40 {
		msg += ", got " + input
	}
	return msg
}

// ValidationError is everything that is wrong with a request.
type ValidationError []FieldError

// Error is one line with all the field errors.
func (e ValidationError) Error() string {
	texts := make([]string, len(e))
	for i, field := range e {
		texts[i] = field.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives the field errors to errors.As.
func (e ValidationError) Unwrap() []error {
	list := make([]error, len(e))
	for i, field := range e {
		list[i] = field
	}
	return list
}

// ErrorBody is the body of an unsuccessful answer. RSTUF writes its "detail" in
// four forms; the zero values are those that an answer does not have.
type ErrorBody struct {
	// Message says what was not done.
	Message string
	// Reason says why.
	Reason string
	// Fields are the field errors of a 422 answer.
	Fields ValidationError
}

type errorDetail struct {
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

// MarshalJSON writes the body under "detail": a list where there are field
// errors, a text where there is only a message, else an object.
func (b ErrorBody) MarshalJSON() ([]byte, error) {
	var detail any
	switch {
	case len(b.Fields) > 0:
		detail = b.Fields
	case b.Reason == "":
		detail = b.Message
	default:
		detail = errorDetail{b.Message, b.Reason}
	}
	return json.Marshal(map[string]any{"detail": detail})
}

// UnmarshalJSON reads any of the four forms. A body without "detail" is an
// error.
func (b *ErrorBody) UnmarshalJSON(data []byte) error {
	var w struct {
		Detail json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*b = ErrorBody{}
	var detail errorDetail
	switch {
	case len(w.Detail) == 0 || string(w.Detail) == "null":
		return fmt.Errorf(`an error body without "detail"`)
	case json.Unmarshal(w.Detail, &b.Message) == nil:
	case json.Unmarshal(w.Detail, &detail) == nil:
		b.Message, b.Reason = detail.Message, detail.Error
	case json.Unmarshal(w.Detail, &b.Fields) == nil:
	default:
		b.Message = quote.Cut(string(w.Detail), 200)
	}
	return nil
}

// Error is one line.
func (b ErrorBody) Error() string {
	switch {
	case len(b.Fields) > 0:
		return b.Fields.Error()
	case b.Message == "":
		return b.Reason
	case b.Reason == "":
		return b.Message
	}
	return strings.TrimSuffix(b.Message, ".") + ": " + b.Reason
}
