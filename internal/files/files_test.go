package files

import (
	"encoding/json"
	"errors"
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
		`{"inner":{"N":1}}`:       `unknown field "N"`,
		`{"list":[{},{"N":1}]}`:   `unknown field "N"`,
		`{"map":{"x":{"m":1}}}`:   `unknown field "m"`,
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

// TestWithoutLinks is a file system that has no hard links.
func TestWithoutLinks(t *testing.T) {
	t.Parallel()
	noLinks := func(string, string) error { return errors.New("operation not permitted") }
	dir := t.TempDir()
	tmp, path := filepath.Join(dir, "tmp"), filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(tmp, []byte("new"), 0o644))
	require.NoError(t, placeNew(tmp, path, noLinks))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "new", string(data))

	require.NoError(t, os.WriteFile(tmp, []byte("other"), 0o644))
	assert.ErrorIs(t, placeNew(tmp, path, noLinks), fs.ErrExist)
	data, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "new", string(data))
}
