package rules

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Pattern says why a pattern of a delegated role is not taken, or nothing: what
// passes python-tuf, go-tuf and tuf-js read alike. Each of them compares the
// parts between slashes one by one, and has its own rules for a part: Python's
// fnmatch, Go's path/filepath.Match, minimatch.
func Pattern(pattern string) string {
	switch {
	case pattern == "":
		return "No empty strings are allowed as path patterns"
	case !utf8.ValidString(pattern):
		return NotUTF8
	case pattern[0] == '/':
		return "a pattern can't start with /: paths do not, so no client matches it"
	case strings.HasSuffix(pattern, "/"):
		return "a pattern can't end in /: paths do not, so no client matches it; write " + pattern + "* for what is in the folder"
	case strings.ContainsFunc(pattern, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "a pattern can't hold a control character: paths do not"
	}
	for part := range strings.SplitSeq(pattern, "/") {
		if msg := patternPart(part); msg != "" {
			return msg
		}
	}
	return ""
}

func patternPart(part string) string {
	switch {
	case part == "" || part == "." || part == "..":
		return fmt.Sprintf("a pattern can't hold %q between slashes: paths do not, so no client matches it", part)
	case part == "**":
		return "** stands for one part of a path in all clients, not for many: write * for each part"
	case part[0] == '!' || part[0] == '#':
		return fmt.Sprintf("tuf-js takes a %c at the start of a part for a sign of its own, python-tuf and go-tuf for itself", part[0])
	case strings.Contains(part, `\`):
		return `go-tuf and tuf-js take a \ for the sign before a character, python-tuf for itself`
	case strings.Contains(part, "{"):
		return "tuf-js takes {a,b} for one of both, python-tuf and go-tuf for itself"
	}
	for _, sign := range []string{"?(", "*(", "+(", "@(", "!("} {
		if strings.Contains(part, sign) {
			return fmt.Sprintf("tuf-js takes %s…) for a sign of its own, python-tuf and go-tuf do not", sign)
		}
	}
	for rest := part; ; {
		_, after, found := strings.Cut(rest, "[")
		if !found {
			return ""
		}
		set, after, closed := strings.Cut(after, "]")
		if !closed {
			return "go-tuf matches nothing with a [ that is not closed, python-tuf takes it for itself"
		}
		if msg := patternSet(set); msg != "" {
			return msg
		}
		rest = after
	}
}

// patternSet checks what stands in brackets.
func patternSet(set string) string {
	switch {
	case set == "":
		return "go-tuf matches nothing with [] or []…], python-tuf takes the first ] for itself"
	case set[0] == '!' || set[0] == '^':
		return fmt.Sprintf("[%c…] stands for other characters in python-tuf, go-tuf and tuf-js: list those that are meant", set[0])
	case set[0] == '-' || set[len(set)-1] == '-':
		return "go-tuf matches nothing with a - at the edge of brackets, python-tuf takes it for itself"
	case strings.Contains(set, "["):
		return "tuf-js takes [: in brackets for a sign of its own: leave [ out"
	}
	list := []rune(set)
	if slices.ContainsFunc(list, func(r rune) bool { return r > 0xffff }) {
		return "tuf-js takes a character beyond U+FFFF in brackets for two others: list it in a pattern of its own"
	}
	for i := 0; i < len(list); i++ {
		if i+2 >= len(list) || list[i+1] != '-' {
			continue
		}
		if list[i] > list[i+2] {
			return fmt.Sprintf("the range %c-%c is the wrong way round: clients take it for nothing, or for an error", list[i], list[i+2])
		}
		if i += 2; i+1 < len(list) && list[i+1] == '-' {
			return "two ranges can't share a character: clients read that otherwise"
		}
	}
	return ""
}

// HiddenFromTUFJS tells whether tuf-js misses a path, since in it a wildcard at
// the start of a part does not stand for a dot.
func HiddenFromTUFJS(patterns []string, path string) bool {
	if !strings.HasPrefix(path, ".") && !strings.Contains(path, "/.") {
		return false
	}
	hidden := false
	for _, pattern := range patterns {
		if !Match(pattern, path) {
			continue
		}
		signs, parts := strings.Split(pattern, "/"), strings.Split(path, "/")
		missed := false
		for i, part := range parts {
			missed = missed || strings.HasPrefix(part, ".") && !strings.HasPrefix(signs[i], ".")
		}
		if !missed {
			return false
		}
		hidden = true
	}
	return hidden
}
