package rules_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tuf "github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf/internal/rules"
)

func TestPath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"a", "a/b", ".a", "a/.b", "..a", "a..b/c", "ünï/😀", "a b", "a?b", "100%", "a:b", "-", "a\"b", "__proto__", strings.Repeat("x", 4096)} {
		assert.Empty(t, rules.Path(path), path)
	}
	for path, says := range map[string]string{
		"": "empty", "/a": "start with /", "./sub/f.txt": ". between", "a/./b": ". between", ".": ". between", "../c": ".. between",
		"a/..": ".. between", "a//b": "//", "a/": "end in /", `a\b`: "tuf-js", "a\x00": "NUL", "a\nb": "control", "a\x7f": "control",
		"\ufeffa": "byte order mark", "a\xff": "UTF-8", strings.Repeat("x", 4097): "longer",
	} {
		assert.Contains(t, rules.Path(path), says, "%q", path)
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	sha := strings.Repeat("ab", 32)
	assert.Empty(t, rules.Digest("sha256", sha))
	assert.Empty(t, rules.Digest("blake2b-256", sha))
	for algorithm, digest := range map[string]string{"foo": sha, "SHA256": sha, "sha256": "zz", "sha512": sha, "md5": "", "sha1": strings.Repeat("AB", 20)} {
		assert.NotEmpty(t, rules.Digest(algorithm, digest), algorithm)
	}
	assert.Empty(t, rules.Hashes(map[string]string{"sha512": "x", "md5": "y"}))
	assert.NotEmpty(t, rules.Hashes(nil))
	assert.NotEmpty(t, rules.Hashes(map[string]string{"md5": "y", "sha1": "z"}))
	assert.Empty(t, rules.Length(1<<53-1))
	assert.Contains(t, rules.Length(1<<53), "tuf-js")
	assert.Contains(t, rules.Length(-1), "negative")
}

// Values that one canonical JSON takes and another does not are refused.
func TestCustom(t *testing.T) {
	t.Parallel()
	for _, form := range []string{
		`{}`, `{"a":9007199254740991}`, `{"a":-9007199254740991}`, `{"a":"18446744073709551615"}`, `{"a":[1,{"b":"\"9007199254740993"}]}`,
		"{\"\ue000\":1}", "{\"😀\":1}", "{\"a\":\"\uffee😀\"}", "{\"a\":{\"\ue000\":1},\"b\":{\"😀\":2}}", `{"a":{"__proto__":1}}`,
	} {
		assert.Empty(t, rules.Custom(form), form)
	}
	for form, says := range map[string]string{
		`{"build":18446744073709551615}`: "2^53", `{"a":9007199254740992}`: "2^53", `{"a":[{"b":-9007199254740993}]}`: "2^53",
		"{\"\ue000\":1,\"😀\":2}": "UTF-16", "{\"x\":[{\"\uff5e\":{},\"😀\":[]}]}": "UTF-16",
	} {
		require.True(t, json.Valid([]byte(form)), form)
		assert.Contains(t, rules.Custom(form), says, form)
	}
}

// What passes, go-tuf matches as we do; what does not is refused with the name
// of a client or because none matches it.
func TestPattern(t *testing.T) {
	t.Parallel()
	paths := []string{"a", "b", "x", "z", "a.txt", "b.txt", "a/b", "x/y", "a-b", "]", "-", "^", "!", "ab", "y/z", "7", "dir/7.txt", "a/b/c", "+", "(", "_"}
	for _, pattern := range []string{"*", "a/*", "*/*", "*.txt", "a?", "[a-c]", "[abc]*", "[0-9a-f]*", "dir/[0-9].txt", "a]b", "a**b", "a-b", "a!b", "a#", ".x/*", "x}", "a+b", "(a)"} {
		require.Empty(t, rules.Pattern(pattern), pattern)
		role := tuf.DelegatedRole{Paths: []string{pattern}}
		for _, path := range paths {
			theirs, err := role.IsDelegatedPath(path)
			require.NoError(t, err, pattern)
			assert.Equal(t, theirs, rules.Match(pattern, path), "%s for %s", pattern, path)
		}
	}
	for pattern, says := range map[string]string{
		"[!a]*": "[!…]", "[^a]*": "[^…]", "a[.txt": "not closed", `a\b.txt`: `\`, "[a-]x": "edge", "[-a]": "edge", "{a,b}": "tuf-js", "/x/*": "start with /",
		"y/": "end in /", "**/z": "one part", "**": "one part", "a/**": "one part", "!a": "tuf-js", "#a": "tuf-js", "x/#a": "tuf-js", "": "empty",
		"a//b": "between slashes", "../a": "between slashes", "./a": "between slashes", "+(a)": "tuf-js", "*(a|b)": "tuf-js", "[]": "[]", "[]a]": "[]",
		"[c-a]": "wrong way", "[a-c-e]": "share", "[[:alpha:]]": "tuf-js", "[a😀]": "tuf-js", "a\nb": "control", "a\xff": "UTF-8",
	} {
		assert.Contains(t, rules.Pattern(pattern), says, "%q", pattern)
	}
}

func TestHiddenFromTUFJS(t *testing.T) {
	t.Parallel()
	for path, hidden := range map[string]bool{"a/.b": true, "a/b": false, ".c/x": true, "a/b.c": false} {
		assert.Equal(t, hidden, rules.HiddenFromTUFJS([]string{"a/*", "*/x"}, path), path)
	}
	assert.False(t, rules.HiddenFromTUFJS([]string{"a/*", "a/.b"}, "a/.b"), "another pattern takes it")
	assert.False(t, rules.HiddenFromTUFJS([]string{"a/.*"}, "a/.b"))
	assert.False(t, rules.HiddenFromTUFJS([]string{"a/*"}, "x/.b"), "it does not match at all")
}

// The tables in docs/clients.md are what the functions say, and go-tuf; what the
// other clients say .ci/interop-values checks.
func TestTablesOfTheDocs(t *testing.T) {
	t.Parallel()
	for _, row := range docsTable(t, "pattern", 5) {
		pattern := row[0]
		assert.Equal(t, row[4] == "refused", rules.Pattern(pattern) != "", pattern)
		theirs, err := (&tuf.DelegatedRole{Paths: []string{pattern}}).IsDelegatedPath(pattern)
		require.NoError(t, err)
		switch row[2] {
		case "the characters":
			assert.True(t, theirs, pattern)
		case "nothing":
			assert.Equal(t, rules.Path(pattern) != "", theirs, "%s matches itself, which is no path", pattern)
		}
	}
	for _, row := range docsTable(t, "path", 6) {
		path, err := strconv.Unquote(row[0])
		require.NoError(t, err, row[0])
		assert.Equal(t, row[5] == "refused", rules.Path(path) != "", row[0])
	}
	for _, row := range docsTable(t, "hashes", 6) {
		hashes, refused := map[string]string{}, false
		for name := range strings.SplitSeq(row[0], ", ") {
			size := map[string]int{"sha512": 128, "sha384": 96, "sha1": 40, "md5": 32}[name]
			if size == 0 {
				size = 64
			}
			hashes[name] = strings.Repeat("a", size)
			refused = refused || rules.Digest(name, hashes[name]) != ""
		}
		assert.Equal(t, row[5] == "refused", refused || rules.Hashes(hashes) != "", row[0])
	}
}

// docsTable returns the rows of the table whose first column has this title.
func docsTable(t *testing.T, title string, columns int) [][]string {
	docs, err := os.ReadFile("../../docs/clients.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(docs), "\n| "+title+" | python-tuf |")
	require.True(t, found, title)
	table, _, _ = strings.Cut(table, "\n\n")
	var rows [][]string
	for _, line := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | ")
		require.Len(t, cells, columns, line)
		cells[0] = strings.Trim(cells[0], "`")
		rows = append(rows, cells)
	}
	require.Greater(t, len(rows), 10, title)
	return rows
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"*", "a/[b-d]?", "[a-c-e]", "a[", "[]", "\\", "{", "**", "?(a)"} {
		f.Add(seed, "a/b")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if rules.Pattern(pattern) != "" || rules.Path(path) != "" {
			return
		}
		theirs, err := (&tuf.DelegatedRole{Paths: []string{pattern}}).IsDelegatedPath(path)
		require.NoError(t, err)
		assert.Equal(t, theirs, rules.Match(pattern, path), "%q for %q", pattern, path)
	})
}
