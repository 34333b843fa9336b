package terminal

import (
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// MaxWidth is how wide text for people gets, however wide their terminal is.
const MaxWidth = 99

// Wrap breaks the lines of text between words, for the terminal that w writes to;
// where that is none they stay as they are. A line goes on further to the right than
// it began, so that a stranger's words in it can't be taken for a line of their own.
// No word is broken: a key id that is longer than a line stands alone, and can be
// copied whole.
func Wrap(w io.Writer, text string) string { return WrapTo(Width(w), text) }

// WrapTo is Wrap for a terminal of a width; 0 is none.
func WrapTo(width int, text string) string {
	return wrap(text, width, func(line string) int { return max(indent(line)+2, 4) })
}

// WrapProse is Wrap for text of our own: paragraphs and lists go on where they began.
func WrapProse(w io.Writer, text string) string {
	return wrap(text, Width(w), func(line string) int {
		in := indent(line)
		if strings.HasPrefix(line[in:], "- ") {
			in += 2
		}
		return in
	})
}

// wrap breaks lines that are longer than width, or MaxWidth, unless width is 0; hang
// tells how far to the right one goes on.
func wrap(text string, width int, hang func(line string) int) string {
	if width <= 0 {
		return text
	}
	width = min(width, MaxWidth)
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, ended := strings.CutSuffix(line, "\n")
		if columns(body) > width {
			body = breakLine(body, width, hang(body))
		}
		b.WriteString(body)
		if ended {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func breakLine(line string, width, hang int) string {
	var b strings.Builder
	b.WriteString(line[:indent(line)])
	at, first := indent(line), true
	for word := range strings.FieldsSeq(line) {
		switch {
		case first:
			first = false
		case at+1+columns(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", hang))
			at = hang
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += columns(word)
	}
	return b.String()
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// columns is how much of a line text takes, without the codes of its colours.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }
