package quote_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf/internal/quote"
)

// named is a type of which fmt asks the text.
type named string

func (n named) String() string { return "name " + string(n) }

func TestSprintf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format string
		arg    any
		want   string
	}{
		{"a %s\nb", "plain", "a plain\nb"},
		{"%s", "", ""},
		{"%s", "a\nb", `"a\nb"`},
		{"%s", "a\x1b[2J", `"a\x1b[2J"`},
		{"%v", "a\u202eb", `"a\u202eb"`},
		{"%s", "a\xffb", `"a\xffb"`},
		{"%q", "a\nb", `"a\nb"`}, // once, not twice
		{"%s", named("a\nb"), `"name a\nb"`},
		{"%v", errors.New("a\nb"), `"a\nb"`},
		{"%v", []string{"a", "b\rc"}, `"[a b\rc]"`},
		{"%s", []byte("a\nb"), `"a\nb"`},
		{"%v", map[string]int{"a\n": 1}, `"map[a\n:1]"`},
		{"%-4s|", "ab", "ab  |"},
		{"%04d", 7, "0007"},
		{"%.1f", 0.25, "0.2"},
		{"%v", nil, "<nil>"},
		{"%s", quote.Ours("a\n\x1b[31mb"), "a\n\x1b[31mb"},
	} {
		assert.Equal(t, c.want, quote.Sprintf(c.format, c.arg), "%q of %q", c.format, c.arg)
	}
	args := []any{"a\n"}
	_ = quote.Sprintf("%s", args...)
	assert.Equal(t, "a\n", args[0], "the caller's arguments stay")
}
