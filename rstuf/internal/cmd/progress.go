package cmd

import (
	"fmt"
	"io"
	"strings"
	"time"

	"example.org/rstuf/client"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/rstuf/internal/terminal"
)

// A progressBar is one line at the bottom of a terminal that says how far an
// upload or download is. Without a terminal it says nothing.
type progressBar struct {
	out   io.Writer // nil without a terminal
	width int
}

func (a *app) bar() *progressBar {
	if a.json || !terminal.IsTerminal(a.stderr) {
		return &progressBar{}
	}
	return &progressBar{out: a.stderr, width: terminal.Width(a.stderr)}
}

const barWidth = 30

// update shows an upload.
func (b *progressBar) update(p client.PublishProgress) {
	text := fmt.Sprintf("%s, %.0f a second", quote.Count(p.Done, "artifact"), p.Rate)
	if p.Total > 0 {
		text = fmt.Sprintf("%s %d of %d artifacts, %.0f a second, %s left", gauge(p.Done, p.Total), p.Done, p.Total, p.Rate, p.Left.Round(time.Second))
	}
	b.show(text)
}

func gauge(done, total int64) string {
	full := int(min(done, total) * barWidth / max(total, 1))
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}

func (b *progressBar) show(text string) {
	if b.out == nil {
		return
	}
	text = quote.Line(text)
	if b.width > 2 && len(text) >= b.width {
		text = quote.Cut(text, b.width-2)
	}
	fmt.Fprintf(b.out, "\r\x1b[K%s", text)
}

// clear takes the line away.
func (b *progressBar) clear() {
	if b.out != nil {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
