package exec

import (
	"bytes"
	"strings"
	"sync"

	"example.org/rstuf/internal/quote"
)

// maxLines bounds how many lines of standard error are shown of one run.
const maxLines = 50

// lines takes what a program writes to standard error apart into lines.
type lines struct {
	show func(string)

	mu      sync.Mutex
	line    []byte
	count   int
	last    string
	secrets []string
}

// Write never fails: what is too much is dropped.
func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := data; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte("\n"))
		rest = after
		// Twice the bound, so that what is cut away is seen to be.
		l.line = append(l.line, part[:min(len(part), 2*maxText-len(l.line))]...)
		if ended {
			l.emit()
		}
	}
	return len(data), nil
}

// flush shows a line that has no end.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emit()
}

func (l *lines) emit() {
	text := quote.OneLine(l.without(string(l.line)), maxText)
	l.line = l.line[:0]
	if strings.TrimSpace(text) == "" {
		return
	}
	l.last = text
	switch l.count++; {
	case l.count <= maxLines:
		l.show(text)
	case l.count == maxLines+1:
		l.show("… (more is not shown)")
	}
}

// hide keeps a secret that the program was told out of what is shown of it. An
// answer as short as "yes" is none.
func (l *lines) hide(secret []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(secret) >= 4 {
		l.secrets = append(l.secrets, string(secret))
	}
}

func (l *lines) redact(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.without(text)
}

func (l *lines) without(text string) string {
	for _, secret := range l.secrets {
		text = strings.ReplaceAll(text, secret, "(redacted)")
	}
	return text
}
