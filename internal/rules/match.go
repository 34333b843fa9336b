// Package rules holds the rules that several layers share: which paths a pattern
// takes.
package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Covers tells whether a delegated role with these patterns, or these prefixes
// of the hex SHA-256 of a path, may speak for a path (TUF specification, section
// 4.5).
func Covers(patterns, hashPrefixes []string, path string) bool {
	for _, pattern := range patterns {
		if Match(pattern, path) {
			return true
		}
	}
	if len(hashPrefixes) == 0 {
		return false
	}
	sum := sha256.Sum256([]byte(path))
	digest := hex.EncodeToString(sum[:])
	for _, prefix := range hashPrefixes {
		if strings.HasPrefix(digest, prefix) {
			return true
		}
	}
	return false
}

// Match tells whether a path fits a pattern of a delegated role, as a Unix
// shell and python-tuf see it: "*" stands for any characters, "?" for one,
// "[a-z]" for one of these and "[!a-z]" for one of all others, none of them
// for "/". There is no escape character. Upper and lower case differ.
func Match(pattern, path string) bool {
	for {
		patternPart, patternRest, patternMore := strings.Cut(pattern, "/")
		pathPart, pathRest, pathMore := strings.Cut(path, "/")
		if patternMore != pathMore || !matchPart(patternPart, pathPart) {
			return false
		}
		if !pathMore {
			return true
		}
		pattern, path = patternRest, pathRest
	}
}

// matchPart matches one part of a path. On a mismatch it goes back to the last
// "*" and lets that take one character more, so the time is at most the
// product of the lengths.
func matchPart(pattern, name string) bool {
	star, starName := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, starName = p, n
			p++
			continue
		}
		_, size := utf8.DecodeRuneInString(name[n:])
		if width := matchOne(pattern[p:], name[n:n+size]); width > 0 {
			p += width
			n += size
			continue
		}
		if star < 0 {
			return false
		}
		_, size = utf8.DecodeRuneInString(name[starName:])
		starName += size
		p, n = star+1, starName
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne returns how many bytes at the start of the pattern stand for a
// character, 0 if they do not match it.
func matchOne(pattern, char string) int {
	if pattern == "" {
		return 0
	}
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if set, width := cutSet(pattern); width > 0 {
			if r, _ := utf8.DecodeRuneInString(char); matchSet(set, r) {
				return width
			}
			return 0
		}
	}
	if !strings.HasPrefix(pattern, char) {
		return 0
	}
	return len(char)
}

// cutSet returns what stands in the brackets at the start of a pattern, and
// how long it is with them; width is 0 if they are never closed, and then "["
// is a character like others. A "]" in the first place does not close them.
func cutSet(pattern string) (set string, width int) {
	start := 1
	if strings.HasPrefix(pattern[start:], "!") {
		start++
	}
	if strings.HasPrefix(pattern[start:], "]") {
		start++
	}
	end := strings.IndexByte(pattern[start:], ']')
	if end < 0 {
		return "", 0
	}
	end += start
	return pattern[1:end], end + 1
}

func matchSet(set string, r rune) bool {
	set, negated := strings.CutPrefix(set, "!")
	list := []rune(set)
	found := false
	for i := 0; i < len(list); i++ {
		low, high := list[i], list[i]
		if i+2 < len(list) && list[i+1] == '-' {
			high = list[i+2]
			i += 2
		}
		found = found || low <= r && r <= high
	}
	return found != negated
}
