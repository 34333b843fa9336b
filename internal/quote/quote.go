// Package quote puts text of strangers into lines for people, so that it can't
// be taken for the words around it and does nothing to a terminal.
package quote

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Word returns a name, path or id as one word of a line: as it is, or quoted if
// it is empty, has white space or the marks that stand between words, or holds
// characters that a terminal would not just show.
func Word(text string) string {
	if text == "" || strings.ContainsAny(text, ` ,;()"\>`) {
		return strconv.Quote(text)
	}
	return Line(text)
}

// Line returns text as one line: as it is, or quoted if it holds characters
// that a terminal would not just show.
func Line(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !Shown(r) }) {
		return strconv.Quote(text)
	}
	return text
}

// OneLine returns text of any size and shape, such as a server's answer, as one
// line: white space, characters that a terminal would not just show and bytes
// that are not UTF-8 become single spaces, and it is cut as [Cut] does.
func OneLine(text string, most int) string {
	text = strings.ToValidUTF8(text, " ")
	hidden := func(r rune) bool { return r == ' ' || !Shown(r) }
	return Cut(strings.Join(strings.FieldsFunc(text, hidden), " "), most)
}

// Cut returns text, or its first bytes, most at the most, with "…" behind them.
// It cuts between characters and changes nothing else: print what it returns
// with %q, [Line] or [Word].
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > max(0, most-utf8.UTFMax) && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
