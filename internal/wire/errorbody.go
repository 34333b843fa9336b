package wire

import (
	"encoding/json"
	"fmt"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

// ErrorBody is the body of an unsuccessful answer. RSTUF writes its "detail" in
// four forms; the zero values are those that an answer does not have.
type ErrorBody struct {
	// Message says what was not done.
	Message string
	// Reason says why.
	Reason string
	// Fields are the field errors of a 422 answer.
	Fields rstuf.ValidationError
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
