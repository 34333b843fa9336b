package terminal_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.org/rstuf/rstuf/internal/terminal"
	"example.org/rstuf/rstuf/internal/terminal/terminaltest"
)

// Lines end with the terminal, words and their colours stay whole, and where there
// is no terminal nothing is wrapped.
func TestWrap(t *testing.T) {
	id := strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"short\n":                            "short\n",
		"one two three four five six":        "one two three four\n    five six",
		"  one two three four five six\nend": "  one two three four\n    five six\nend",
		"name:      " + id + " more":         "name:\n    " + id + "\n    more",
		"\x1b[31mone\x1b[0m two three four":  "\x1b[31mone\x1b[0m two three four",
		"eins zwei drei üüüü fünf":           "eins zwei drei üüüü\n    fünf",
		strings.Repeat("x", 25):              strings.Repeat("x", 25),
	} {
		assert.Equal(t, want, terminal.WrapTo(20, text))
	}
	line := strings.Repeat("word ", 40)
	assert.Equal(t, line, terminal.WrapTo(0, line))
	assert.Equal(t, line, terminal.Wrap(new(bytes.Buffer), line))
	longest := 0
	for part := range strings.Lines(terminal.WrapTo(500, line)) {
		longest = max(longest, len(strings.TrimRight(part, "\n")))
	}
	assert.LessOrEqual(t, longest, terminal.MaxWidth, "nobody reads longer lines")

	_, tty := terminaltest.Open(t)
	terminaltest.Resize(t, tty, 20)
	assert.Equal(t, "one two three four\n    five\n", terminal.Wrap(tty, "one two three four five\n"))
	assert.Equal(t, "one two three four\nfive\n  - six seven eight\n    nine\n",
		terminal.WrapProse(tty, "one two three four five\n  - six seven eight nine\n"))
}
