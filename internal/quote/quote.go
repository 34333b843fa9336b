// Package quote puts text of strangers into lines for people, so that it can't
// be taken for the words around it and does nothing to a terminal.
package quote

import (
	"strconv"
	"strings"
	"unicode"
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
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
