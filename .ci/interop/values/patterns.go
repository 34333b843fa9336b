package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"example.org/rstuf/internal/rules"
)

// probes are the paths that every pattern is matched against; the rules take
// them all.
var probes = []string{
	"a", "b", "c", "x", "z", "7", "!", "^", "-", "[", "]", "{", "}", "(", ")", "+", "@", "#", "|", ",", "_", "~", "$", "ü", "😀", "B", "&",
	"aa", "ab", "ba", "a-", "!a", "#a", "a]", "a[", "[a]", "[]", "a.b", "a,b", "{a,b}", "+(a)", "a+", "ab.txt", `a\\b.txt`, "a.txt", "a[.txt", "ax", "bx", "-x", "x!", "aü", "a😀", "üa",
	"7.txt", "abc", "aab", "a b", "x/y", "y/z", "a/b", "a/b/c", "x/y/z", "a/b.txt", "x/aa", "a/!", "a/#a", "-a", "a^b", "a|b", "(a)", "(a|b)", "a?",
	".", ".a", ".b", "a/.b", ".x/a", "..a", ".ab", "...",
}

// patterns are those of the table in the documentation, and many that are put
// together at random, the same each time.
func patterns(docs string) []string {
	var list []string
	for _, row := range table(docs, "pattern") {
		list = append(list, row[0])
	}
	signs := strings.Split("a b c x . / * * ? ? [ [ ] ] ! ^ - , { } ( ) | + @ # $ ~ & = : ü 😀 7 [a-c] [abc] [b] [0-9] .txt ** /", " ")
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var b strings.Builder
		for range 1 + random.IntN(6) {
			b.WriteString(signs[random.IntN(len(signs))])
		}
		list = append(list, b.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// alike are patterns that all clients read alike and that are refused since
// people mean something else by them.
func alike(pattern string) bool { return slices.Contains(strings.Split(pattern, "/"), "**") }

// checkPatterns compares the clients.
func checkPatterns(j job, answers map[string]answer, docs string) error {
	var errs []error
	documented := map[string]bool{}
	for _, row := range table(docs, "pattern") {
		documented[row[0]] = true
		if len(row) != len(clients)+1 {
			return fmt.Errorf("docs/clients.md: the row of pattern %s has %d cells", row[0], len(row))
		}
		i := slices.Index(j.Patterns, row[0])
		for column, client := range clients[:3] {
			errs = append(errs, checkCell(client, row[0], row[column+1], j.Paths, answers[client].Matches[i]))
		}
		if refused := rules.Pattern(row[0]) != ""; refused != (row[4] == "refused") {
			errs = append(errs, fmt.Errorf("docs/clients.md says that pattern %s is %s", row[0], row[4]))
		}
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	taken, refused := 0, 0
	for i, pattern := range j.Patterns {
		differs, found := "", false
		for k, path := range j.Paths {
			if rules.Path(path) != "" {
				continue
			}
			python := answers["python-tuf"].Matches[i][k]
			found = found || python
			for _, client := range clients[1:] {
				got := answers[client].Matches[i][k]
				found = found || got
				if client == "tuf-js" && strings.Contains(pattern, "?") && strings.Contains(path, "😀") {
					continue // for tuf-js these are two characters, which the documentation says
				}
				hidden := client == "tuf-js" && rules.HiddenFromTUFJS([]string{pattern}, path)
				if got != (python && !hidden) && differs == "" {
					differs = fmt.Sprintf("%s for %s: python-tuf says %t, %s %t", pattern, path, python, client, got)
				}
			}
		}
		switch msg := rules.Pattern(pattern); {
		case msg == "":
			taken++
			if differs != "" {
				errs = append(errs, fmt.Errorf("taken, and read otherwise: %s", differs))
			}
		case documented[pattern]:
			refused++
			if differs == "" && found && !alike(pattern) {
				errs = append(errs, fmt.Errorf("pattern %s is refused (%s), and all clients read it alike", pattern, msg))
			}
		}
	}
	if len(errs) > 25 {
		errs = append(errs[:25], fmt.Errorf("and %d more patterns", len(errs)-25))
	}
	fmt.Printf("patterns: %d that are taken are read alike, %d of the documentation are not\n", taken-len(errs), refused)
	return errors.Join(errs...)
}

// checkCell checks what the documentation says of a pattern and a client, as
// far as it names the paths.
func checkCell(client, pattern, cell string, paths []string, matches []bool) error {
	var only string
	switch {
	case cell == "nothing":
	case cell == "the characters":
		only = pattern
	case strings.Count(cell, "`") == 2 && strings.HasPrefix(cell, "`") && strings.HasSuffix(cell, "`"):
		only = strings.Trim(cell, "`")
	default:
		if !slices.Contains(matches, true) {
			return fmt.Errorf("docs/clients.md says %q of pattern %s, %s matches nothing", cell, pattern, client)
		}
		return nil
	}
	for i, path := range paths {
		if matches[i] != (path == only && only != "") {
			return fmt.Errorf("docs/clients.md says %q of pattern %s: %s says %t for %s", cell, pattern, client, matches[i], path)
		}
	}
	return nil
}
