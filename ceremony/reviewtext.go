package ceremony

import (
	"fmt"
	"strings"
	"time"

	"example.org/rstuf/internal/quote"
)

// What the text shows of a long list and of a long line; the JSON has all of
// it.
const (
	maxLines = 200
	maxLine  = 2000 // bytes
)

// String is the review as text, one fact a line. What is too long for people
// to read is cut, and says so.
func (r Review) String() string {
	var b strings.Builder
	line := func(text string) {
		if len(text) > maxLine {
			text = fmt.Sprintf("%s and %d more bytes: see the JSON form", quote.Cut(text, maxLine), len(text)-maxLine)
		}
		b.WriteString(text + "\n")
	}
	list := func(n int, text func(i int) string) {
		for i := range min(n, maxLines) {
			line(text(i))
		}
		if n > maxLines {
			line(fmt.Sprintf("  and %d more: see the JSON form", n-maxLines))
		}
	}
	line(fmt.Sprintf("%s version %d, expires %s", quote.Word(r.Role), r.Version, r.Expires.Format(time.RFC3339)))
	line("rests on " + quote.Line(r.RestsOn))
	if len(r.Changes) > 0 {
		line("changes:")
		list(len(r.Changes), func(i int) string { return "  " + r.Changes[i].String() })
	}
	line("contents:")
	list(len(r.Contents), func(i int) string {
		return "  " + quote.Line(r.Contents[i].Field) + ": " + quote.Line(r.Contents[i].Value)
	})
	if len(r.Consequences) > 0 {
		line("what that means:")
		list(len(r.Consequences), func(i int) string { return "  - " + quote.Line(r.Consequences[i]) })
	}
	list(len(r.Warnings), func(i int) string { return "warning: " + quote.Line(r.Warnings[i]) })
	if r.Fingerprint != "" {
		words := spoken(r.Fingerprint)
		line("fingerprint, the same for all who sign this:")
		line("  " + words[:len(words)/2])
		line("  " + strings.TrimSpace(words[len(words)/2:]))
	}
	line("signatures: " + quote.Line(r.Status.String()))
	return b.String()
}
