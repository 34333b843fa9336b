package files

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type inner struct {
	N int `json:"n,omitempty"`
}

type outer struct {
	A     string           `json:"a"`
	Inner *inner           `json:"inner"`
	List  []inner          `json:"list"`
	Map   map[string]inner `json:"map"`
	Raw   json.RawMessage  `json:"raw"`
	Plain int
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var v outer
	require.NoError(t, Decode([]byte(`{"a":"x","inner":{"n":1},"list":[{"n":2}],"map":{"any":{"n":3}},"raw":{"N":1.5},"Plain":4}`), &v))
	assert.Equal(t, outer{"x", &inner{1}, []inner{{2}}, map[string]inner{"any": {3}}, json.RawMessage(`{"N":1.5}`), 4}, v)
	require.NoError(t, Decode([]byte(`{"inner":null,"list":null}`), &v))
	for text, want := range map[string]string{
		`{"b":1}`:                 `unknown field "b"`,
		`{"A":"x"}`:               `unknown field "A"`,
		`{"a":"x","A":"y"}`:       `unknown field "A"`,
		`{"inner":{"N":1}}`:       `inner: unknown field "N"`,
		`{"list":[{},{"N":1}]}`:   `list: 1: unknown field "N"`,
		`{"map":{"x":{"m":1}}}`:   `map: x: unknown field "m"`,
		`{"z":1,"y":1,"x":1}`:     `unknown field "x"`,
		`{"a":"x","a":"y"}`:       `names the field "a" twice`,
		`{"a":1}`:                 "a: it must be a text, not number",
		`[]`:                      "the value: it must be an object, not array",
		`{"inner":{"n":"x"}}`:     "inner.n: it must be a whole number, not string",
		`{"list":{}}`:             "list: it must be a list, not object",
		`{"a":"x"`:                "the text ends",
		`{} {}`:                   "text after the end",
		"{\"a\":\"\xff\"}":        "not valid UTF-8",
		strings.Repeat("[", 1000): "nested more than",
	} {
		assert.ErrorContains(t, Decode([]byte(text), &v), want, text)
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	data, err := Encode(map[string]any{"b": json.RawMessage("{ \"x\" :\n1}"), "a": "<&>"})
	require.NoError(t, err)
	assert.Equal(t, "{\n  \"a\": \"<&>\",\n  \"b\": {\n    \"x\": 1\n  }\n}\n", string(data))
}

func TestReadAll(t *testing.T) {
	t.Parallel()
	data, err := ReadAll(strings.NewReader("12345"), 5)
	require.NoError(t, err)
	assert.Equal(t, "12345", string(data))
	_, err = ReadAll(strings.NewReader("123456"), 5)
	assert.ErrorContains(t, err, "larger than 5 bytes")
}

func TestWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	content := func() string {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(data)
	}
	require.NoError(t, WriteNew(path, []byte("one")))
	assert.ErrorIs(t, WriteNew(path, []byte("two")), fs.ErrExist)
	assert.Equal(t, "one", content())
	require.NoError(t, Replace(path, []byte("three")))
	assert.Equal(t, "three", content())
	assert.ErrorIs(t, Replace(filepath.Join(path, "x"), nil), syscall.ENOTDIR, "a file is no folder")
}

// TestSymbolicLinks lead nowhere: what they point at is not written.
func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link, dangling := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "dangling")
	require.NoError(t, os.WriteFile(target, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(target, link))
	require.NoError(t, os.Symlink(filepath.Join(dir, "nothing"), dangling))
	assert.ErrorIs(t, WriteNew(link, []byte("x")), fs.ErrExist)
	assert.ErrorIs(t, WriteNew(dangling, []byte("x")), fs.ErrExist)
	assert.NoFileExists(t, filepath.Join(dir, "nothing"))
	require.NoError(t, Replace(link, []byte("new")))
	for path, want := range map[string]string{target: "precious", link: "new"} {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(data), path)
	}
	assert.Error(t, Replace(dir, []byte("x")), "a folder is not replaced")
	left, err := filepath.Glob(filepath.Join(dir, "*new-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "nothing is left behind")
}

// TestConcurrentWrites: of all who write a new file at once one does, and the
// file is whole.
func TestConcurrentWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	results := make(chan error)
	for i := range 8 {
		go func() { results <- WriteNew(path, []byte(strings.Repeat(string(rune('a'+i)), 10_000))) }()
	}
	written := 0
	for range 8 {
		if err := <-results; err == nil {
			written++
		} else {
			assert.ErrorIs(t, err, fs.ErrExist)
		}
	}
	assert.Equal(t, 1, written)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat(string(data[0]), 10_000), string(data))
}
