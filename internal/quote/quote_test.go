package quote_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf/internal/quote"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ word, line string }{
		"alice":         {"alice", "alice"},
		"Zoë-1":         {"Zoë-1", "Zoë-1"},
		"a@example.com": {"a@example.com", "a@example.com"},
		"dev/*":         {"dev/*", "dev/*"},
		"fn:online":     {"fn:online", "fn:online"},
		"":              {`""`, ""},
		"Alice Smith":   {`"Alice Smith"`, "Alice Smith"},
		"a,b":           {`"a,b"`, "a,b"},
		"a;b":           {`"a;b"`, "a;b"},
		"a->b":          {`"a->b"`, "a->b"},
		"a(1)":          {`"a(1)"`, "a(1)"},
		`a"b`:           {`"a\"b"`, `a"b`},
		`a\b`:           {`"a\\b"`, `a\b`},
		"a\nb":          {`"a\nb"`, `"a\nb"`},
		"\x1b[31m":      {`"\x1b[31m"`, `"\x1b[31m"`},
		"a\u202eb":      {`"a\u202eb"`, `"a\u202eb"`}, // right to left
		"a\u200bb":      {`"a\u200bb"`, `"a\u200bb"`}, // zero width
		"a\u00a0b":      {`"a\u00a0b"`, `"a\u00a0b"`}, // another space
		"a\xffb":        {`"a\xffb"`, `"a\xffb"`},
	} {
		assert.Equal(t, want.word, quote.Word(text))
		assert.Equal(t, want.line, quote.Line(text))
	}
}
