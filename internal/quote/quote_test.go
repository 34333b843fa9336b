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

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"abcd", 0, "…"},
		{"aëb", 2, "a…"}, // not through a character
		{"aëb", 3, "aë…"},
		{"\U0001f600", 3, "…"},
		{"a\nb\x1bc", 4, "a\nb\x1b…"},      // nothing but cut
		{"ab\xff\xfecd", 4, "ab\xff\xfe…"}, // not UTF-8
		{"\x80\x80\x80\x80\x80\x80\x80\x80", 6, "\x80\x80…"}, // no edge to be found
	} {
		assert.Equal(t, c.want, quote.Cut(c.text, c.most), "%q to %d bytes", c.text, c.most)
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "",
		"as it is":                "as it is",
		" a \r\n\t b\n":           "a b",
		"a\x1b[31mb\x00c\x7f":     "a [31mb c",
		"a\u202eb\u2066c\u200bd":  "a b c d", // bidirectional, zero width
		"a\u00a0b\u2028c":         "a b c",   // other white space
		"a\xffb":                  "a b",
		"Zoë 0123456789 and more": "Zoë 0123456789…",
	} {
		assert.Equal(t, want, quote.OneLine(text, 15))
	}
}
