package cmd

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"example.org/rstuf/internal/files"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/rstuf/internal/terminal"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// result prints what a command found: as JSON if that was asked for, else by
// the function, for people.
func (a *app) result(v any, people func()) error {
	if !a.json {
		people()
		return nil
	}
	data, err := encodeJSON(v)
	if err == nil {
		err = a.writeJSON(data)
	}
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// encodeJSON is the form of all JSON that the command writes.
func encodeJSON(v any) ([]byte, error) { return files.Encode(v) }

// writeJSON writes JSON to standard output. What a terminal would not just
// show is written as the escapes of JSON, which mean the same.
func (a *app) writeJSON(data []byte) error {
	_, err := a.stdout.Write(escapeJSON(data))
	return err
}

// escapeJSON escapes the characters that a terminal would not just show. In JSON
// they can stand in strings alone.
func escapeJSON(data []byte) []byte {
	var b strings.Builder
	for _, r := range string(data) {
		if quote.Shown(r) || r == '\n' {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return []byte(b.String())
}

// printf writes the result for people: the lines of the format, wrapped to the
// terminal. Arguments can come from strangers and are quoted as [quote.Sprintf]
// does it.
func (a *app) printf(format string, args ...any) { printTo(a.stdout, format, args...) }

// note writes a remark that is no part of the result.
func (a *app) note(format string, args ...any) { printTo(a.stderr, format, args...) }

func printTo(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, terminal.Wrap(w, strings.TrimSuffix(quote.Sprintf(format, args...), "\n")))
}

// colour tells whether output may be coloured (see no-color.org).
func (a *app) colour() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal.IsTerminal(a.stdout)
}

// table prints rows under a header of our own, each cell quoted if it must be.
// Where a terminal is too narrow for that, each row is some lines of its own.
func (a *app) table(header []string, rows [][]string) {
	printTable(a.stdout, header, rows, terminal.Width(a.stdout))
}

// printTable prints a table of at most width columns; 0 is no bound.
func printTable(out io.Writer, header []string, rows [][]string, width int) {
	columns, fits := fit(header, rows, width)
	if !fits {
		printRecords(out, header, rows, width)
		return
	}
	w := table.NewWriter()
	w.SetOutputMirror(out)
	style := table.StyleDefault
	style.Options = table.Options{}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	w.SetStyle(style)
	w.AppendHeader(row(header))
	for _, r := range rows {
		w.AppendRow(row(r))
	}
	w.SetColumnConfigs(columns)
	w.SuppressTrailingSpaces()
	w.Render()
}

// printRecords prints a line for each cell that is not empty, wrapped as
// [terminal.Wrap] does it: a key id that does not fit stands in a line of its own.
func printRecords(out io.Writer, header []string, rows [][]string, width int) {
	names := 0
	for _, name := range header {
		names = max(names, len(name)+1)
	}
	for i, r := range rows {
		if i > 0 {
			fmt.Fprintln(out)
		}
		for n, cell := range row(r) {
			if text := cell.(string); text != "" {
				name := ""
				if header[n] != "" {
					name = header[n] + ":"
				}
				fmt.Fprintln(out, terminal.WrapTo(width, fmt.Sprintf("%-*s %s", names, name, text)))
			}
		}
	}
}

func row(cells []string) table.Row {
	r := make(table.Row, len(cells))
	for i, cell := range cells {
		r[i] = quote.Line(cell)
	}
	return r
}

// paint colours text of our own on a terminal.
func (a *app) paint(colour text.Color, s string) quote.Ours {
	if a.colour() {
		s = colour.EscapeSeq() + s + text.Reset.EscapeSeq()
	}
	return quote.Ours(s)
}

// fit narrows columns until a row fits the width: the last of those with several
// words, which go on in the next line of their cell. No word is broken: a key id
// that is cannot be copied. It returns false if that is not enough.
func fit(header []string, rows [][]string, width int) ([]table.ColumnConfig, bool) {
	const gap = 2
	widths, words := make([]int, len(header)), make([]int, len(header))
	for _, r := range append([][]string{header}, rows...) {
		for i, cell := range r {
			cell = quote.Line(cell)
			widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(cell))
			for word := range strings.FieldsSeq(cell) {
				words[i] = max(words[i], text.StringWidthWithoutEscSequences(word))
			}
		}
	}
	over := gap*(len(header)-1) - width
	for _, w := range widths {
		over += w
	}
	for i := len(widths) - 1; i >= 0 && over > 0 && width > 0; i-- {
		cut := min(over, widths[i]-words[i])
		widths[i] -= cut
		over -= cut
	}
	configs := make([]table.ColumnConfig, len(widths))
	for i, w := range widths {
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: w, WidthMaxEnforcer: text.WrapSoft}
	}
	return configs, over <= 0 || width <= 0
}

// writeFile puts a file in place whole or not at all, and over one that exists
// only with force.
func writeFile(path string, data []byte, force bool) error {
	if force {
		return files.Replace(path, data)
	}
	return files.WriteNew(path, data)
}

// checkNew finds out, before people begin to work, whether writeFile would
// refuse the file.
func checkNew(path string, force bool) error {
	if err := checkFolder(path); err != nil || path == "" || force {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return usagef("%s: %w: choose another name or give --force", path, fs.ErrExist)
	}
	return nil
}

// checkFolder finds out the same of the folder that a file is to be in.
func checkFolder(path string) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return usagef("%s: there is no folder %s: make it first", path, folder)
	}
	return nil
}
