package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// table returns the rows of the table in the documentation whose first column
// has this title, the first cell without the signs around code.
func table(docs, title string) [][]string {
	_, rest, _ := strings.Cut(docs, "\n| "+title+" |")
	var rows [][]string
	for i, line := range strings.Split(rest, "\n") {
		if i < 2 { // the rest of the heading, and the line below
			continue
		}
		if !strings.HasPrefix(line, "| ") {
			break
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | ")
		cells[0] = strings.Trim(cells[0], "`")
		rows = append(rows, cells)
	}
	return rows
}

// documented is a case that the documentation has a row for, unless it is taken
// here and no client minds it.
type documented struct {
	name  string
	taken bool
	said  map[string]string // by each client: why not, or nothing
}

// row is the case as the documentation has it.
func (d documented) row() []string {
	cells := []string{d.name}
	for _, client := range clients {
		cells = append(cells, map[bool]string{true: "yes", false: "no"}[d.said[client] == ""])
	}
	return append(cells, map[bool]string{true: "taken", false: "refused"}[d.taken])
}

// compare compares cases with the table that has this title.
func compare(title, docs string, cases []documented) error {
	rows := map[string][]string{}
	for _, row := range table(docs, title) {
		rows[row[0]] = row
	}
	var errs []error
	if len(rows) == 0 {
		errs = append(errs, fmt.Errorf("docs/clients.md has no table of a %s", title))
	}
	for _, c := range cases {
		want, got := rows[c.name], c.row()
		delete(rows, c.name)
		if want == nil && !slices.Contains(got, "no") && c.taken {
			continue
		}
		if !slices.Equal(want, got) {
			errs = append(errs, fmt.Errorf("%s: docs/clients.md says %q, this is found: | %s | (%q)", title, want, strings.Join(got, " | "), c.said))
		}
	}
	for name := range rows {
		errs = append(errs, fmt.Errorf("%s %s: docs/clients.md has a row that nothing checks", title, name))
	}
	fmt.Printf("%s: %d cases, %d of them not as documented\n", title, len(cases), len(errs))
	return errors.Join(errs...)
}
