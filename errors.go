package rstuf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
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
