package service

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
)

// groups are the names that a file of tokens has for many endpoints.
var groups = map[string]func() []string{"read": ReadEndpoints, "artifacts": ArtifactEndpoints, "sign": SignEndpoints}

const (
	everything = "all"
	hashPrefix = "sha256:"
)

// ParseTokens reads a file of tokens, one a line: its name, its hash, what it
// may do, and the paths that its artifacts begin with, if not all.
//
//	# name   hash            may                  paths
//	admin    sha256:5e88…    all
//	ci       sha256:2bb8…    artifacts            project-a/ project-b/
//	monitor  sha256:fcde…    read,GET:/healthz
//
// What it may do is "all", or a list of endpoints and of the groups "read",
// "artifacts" and "sign". Errors name the line.
func ParseTokens(r io.Reader) ([]Token, error) {
	var tokens []Token
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		token, err := parseToken(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		tokens = append(tokens, token)
	}
	return tokens, lines.Err()
}

func parseToken(fields []string) (t Token, err error) {
	if len(fields) < 3 || !strings.HasPrefix(fields[1], hashPrefix) {
		return t, fmt.Errorf("a token is its name, %s and its hash, and what it may do: rstuf serve token makes such lines", hashPrefix)
	}
	t.Name = fields[0]
	if n, err := hex.Decode(t.SHA256[:], []byte(strings.TrimPrefix(fields[1], hashPrefix))); err != nil || n != len(t.SHA256) {
		return t, fmt.Errorf("token %s: its hash is not %d hex digits", t.Name, 2*len(t.SHA256))
	}
	if t.Endpoints, err = ParseEndpoints(fields[2]); err != nil {
		return t, fmt.Errorf("token %s: %w", t.Name, err)
	}
	t.Paths = slices.Clone(fields[3:])
	if len(t.Paths) == 0 {
		t.Paths = nil
	}
	return t, nil
}

// ParseEndpoints reads what a token may do as files and flags have it: "all"
// (nil), or a list of "read", "artifacts", "sign", "/task/" and "GET:/task/".
func ParseEndpoints(text string) ([]string, error) {
	if text == everything {
		return nil, nil
	}
	list := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if group, ok := groups[part]; ok {
			list = append(list, group()...)
			continue
		}
		method, path, both := strings.Cut(part, ":")
		if both {
			part = method + " " + path
		} else {
			path = part
		}
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("it may do %q, which is none of all, read, artifacts, sign, /PATH and METHOD:/PATH", part)
		}
		list = append(list, part)
	}
	return list, nil
}

// AppendLine appends the token as a line of a file that [ParseTokens] reads.
// May is what [ParseEndpoints] made the token's endpoints of.
func (t Token) AppendLine(dst []byte, may string) []byte {
	return fmt.Appendf(dst, "%s %s%x %s\n", t.Name, hashPrefix, t.SHA256, strings.Join(append([]string{may}, t.Paths...), " "))
}
