package files

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"
)

// The one rule for text that people hand in: UTF-8, with or without a byte order
// mark, and lines that end as on Unix or on Windows.

// mark is the byte order mark, which some editors put in front.
var mark = []byte("\ufeff")

// ReadText is [ReadAll] for text. The error of what is not UTF-8 names the line.
func ReadText(r io.Reader, max int64) ([]byte, error) {
	data, err := ReadAll(r, max)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, mark)
	if utf8.Valid(data) {
		return data, nil
	}
	for number := 1; ; number++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if !utf8.Valid(line) {
			return nil, fmt.Errorf("line %d: %w", number, errNotUTF8)
		}
		data = rest
	}
}

var errNotUTF8 = errors.New("it is not UTF-8: save the file as UTF-8")

// Lines yields the lines of a text of any length with their numbers, from 1 on,
// without their ends. A line may have so many bytes. The error names the line
// and ends it.
func Lines(r io.Reader, max int) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, max)
		number := 0
		for lines.Scan() {
			number++
			text := lines.Bytes()
			if number == 1 {
				text = bytes.TrimPrefix(text, mark)
			}
			if !utf8.Valid(text) {
				yield(Line{}, fmt.Errorf("line %d: %w", number, errNotUTF8))
				return
			}
			if !yield(Line{number, string(text)}, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Line{}, fmt.Errorf("line %d: %w", number+1, err))
		}
	}
}

// Line is a line of text.
type Line struct {
	Number int
	Text   string
}
