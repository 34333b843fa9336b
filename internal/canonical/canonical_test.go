package canonical_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/canonical"
)

func TestTransform(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{` { "b" : 1 , "a" : [ true , false , null ] } `, `{"a":[true,false,null],"b":1}`},
		{`{"\"":1,"#":2,"\\":3,"]":4}`, `{"\"":1,"#":2,"\\":3,"]":4}`},
		{`{"z":{"b":{"d":1,"c":2},"a":3},"y":[{"k":1,"j":2}]}`, `{"y":[{"j":2,"k":1}],"z":{"a":3,"b":{"c":2,"d":1}}}`},
		{`{"a\"":1,"a":2,"a\\":3,"a\"b":4,"a#":5}`, `{"a":2,"a\"":1,"a\"b":4,"a#":5,"a\\":3}`},
		{`{"\ufb01":1,"\ud83d\ude00":2,"\u00e9":3}`, `{"é":3,"ﬁ":1,"😀":2}`},
		{`"\u0000\b\f\n\r\t\/\"\\\u00FC\u20ac"`, "\"\x00\b\f\n\r\t/\\\"\\\\ü€\""},
		{`123456789012345678901234567890`, `123456789012345678901234567890`},
		{`[-0,-1,0]`, `[0,-1,0]`},
		{"\"\\ufffd\ufffd\u007f\"", "\"\ufffd\ufffd\u007f\""},
		{"\t[]\r\n", `[]`},
	} {
		got, err := canonical.Transform([]byte(c.in))
		if assert.NoError(t, err, c.in) {
			assert.Equal(t, c.want, string(got), c.in)
		}
	}
}

func TestTransformRefuses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a\u0022":1,"b":2,"a\"":3}`: `line 1, column 1: the object names the field "a\\\"" twice`,
		``:                            `line 1, column 1: the text ends where a value should be`,
		"{\n \"a\": 1,\n \"a\": 2}":   `line 1, column 1: the object names the field "a" twice`,
		`{"b":1,"a":2,"\u0062":3}`:    `line 1, column 1: the object names the field "b" twice`,
		"[1,\n  2.5]":                 `line 2, column 3: the number 2.5 is not an integer: canonical JSON has no floats`,
		`1e3`:                         `line 1, column 1: the number 1e3 is not an integer: canonical JSON has no floats`,
		`1.`:                          `line 1, column 3: the text ends where a digit should be`,
		`1.e3`:                        `line 1, column 3: 'e' where a digit should be`,
		`1e+`:                         `line 1, column 4: the text ends where a digit should be`,
		`-`:                           `line 1, column 2: the text ends where a digit should be`,
		`01`:                          `line 1, column 1: a number starts with a superfluous 0`,
		`-01`:                         `line 1, column 1: a number starts with a superfluous 0`,
		`+1`:                          `line 1, column 1: '+' where a value should be`,
		`NaN`:                         `line 1, column 1: 'N' where a value should be`,
		`tru`:                         `line 1, column 1: 't' where a value should be`,
		`{"a":1} x`:                   `line 1, column 9: text after the end of the JSON value`,
		`{"a":1`:                      `line 1, column 7: the text ends where a comma or '}' should be`,
		`{"a" 1}`:                     `line 1, column 6: '1' where a colon should be`,
		`{"a":1,}`:                    `line 1, column 8: '}' where a string as the name of a field should be`,
		`{1:2}`:                       `line 1, column 2: '1' where a string as the name of a field should be`,
		`[1,]`:                        `line 1, column 4: ']' where a value should be`,
		`[1 2]`:                       `line 1, column 4: '2' where a comma or ']' should be`,
		`[1}`:                         `line 1, column 3: '}' where a comma or ']' should be`,
		`"abc`:                        `line 1, column 1: the text ends inside the string that starts here`,
		`"ab\`:                        `line 1, column 4: a wrong escape in a string`,
		`"\x"`:                        `line 1, column 2: a wrong escape in a string`,
		`"\u12g4"`:                    `line 1, column 2: a wrong escape in a string`,
		`"\ud800"`:                    `line 1, column 2: a wrong escape in a string`,
		`"\ud800\u0041"`:              `line 1, column 2: a wrong escape in a string`,
		`"\udc00\ud800"`:              `line 1, column 2: a wrong escape in a string`,
		"\"a\nb\"":                    `line 1, column 3: a control character in a string must be escaped`,
		"\"a\xff\"":                   `line 1, column 1: a string is not valid UTF-8`,
		"\"\\n\xc3\"":                 `line 1, column 1: a string is not valid UTF-8`,
		"\"\xed\xa0\x80\"":            `line 1, column 1: a string is not valid UTF-8`,
		"\ufeff{}":                    `line 1, column 1: 'ï' where a value should be`,
		"\x00":                        `line 1, column 1: '\x00' where a value should be`,
		strings.Repeat("[", 101):      `line 1, column 101: nested more than 100 levels deep`,
		strings.Repeat(`{"a":`, 101):  `line 1, column 501: nested more than 100 levels deep`,
	} {
		got, err := canonical.Transform([]byte(in))
		assert.EqualError(t, err, want, "%q", in)
		assert.Nil(t, got)
	}
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	got, err := canonical.Transform([]byte(deep))
	require.NoError(t, err)
	assert.Equal(t, deep, string(got))
}

func TestParserPieces(t *testing.T) {
	t.Parallel()
	text := []byte(` {"\u0062": [1.5, {"d": 1, "c": 2}] , "a": "x" } `)
	p := canonical.NewParser(text)
	p.AllowFloats(true)
	pieces := map[string]string{}
	require.NoError(t, p.Object(func(key []byte) error {
		raw, err := p.Raw()
		pieces[string(key)] = string(raw)
		return err
	}))
	require.NoError(t, p.End())
	assert.Equal(t, map[string]string{"b": `[1.5, {"d": 1, "c": 2}]`, "a": `"x"`}, pieces)

	p = canonical.NewParser([]byte(`{"b" : [ 1 ], "\u0061":{"d":1, "c":2}} `))
	pieces = map[string]string{}
	form, err := p.Members([]byte("before "), func(key, form []byte) { pieces[string(key)] = string(form) })
	require.NoError(t, err)
	assert.Equal(t, `before {"a":{"c":2,"d":1},"b":[1]}`, string(form))
	assert.Equal(t, map[string]string{"b": `[1]`, "a": `{"c":2,"d":1}`}, pieces)
	assert.Equal(t, 38, p.Pos())
	_, err = canonical.NewParser([]byte(`[]`)).Members(nil, nil)
	assert.EqualError(t, err, `line 1, column 1: '[' where an object should be`)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{
		``:                               ``,
		`{"a":"ü\u007f"}`:                `{"a":"ü\u007f"}`,
		"\"\x00\"":                       `"\u0000"`,
		"\"1234567\x1f\x20ü\n12345678\"": `"1234567\u001f ü\u000a12345678"`,
		"[\"\\\\\x01\"]":                 `["\\\u0001"]`,
	} {
		assert.Equal(t, want, string(canonical.JSON([]byte(form))), "%q", form)
		assert.Equal(t, len(want)-len(form), canonical.Growth(form), "%q", form)
		assert.Equal(t, len(want)-len(form), canonical.Growth([]byte(form)), "%q", form)
	}
	// Wherever among the eight bytes it stands, and beside whatever.
	for _, other := range []byte{0x20, 0x21, 0x7f, 0x80, 0xa0, 0xff} {
		for i := range 9 {
			text := strings.Repeat(string([]byte{other}), 9)
			assert.Zero(t, canonical.Growth(text))
			for _, c := range []byte{0, 1, 0x1f} {
				with := text[:i] + string([]byte{c}) + text[i+1:]
				assert.Equal(t, 5, canonical.Growth(with), "%x", with)
			}
		}
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"": `""`, "ü\x00": "\"ü\x00\"", `a"b\`: `"a\"b\\"`,
	} {
		assert.Equal(t, "x"+want, string(canonical.AppendString([]byte("x"), s)))
	}
}

func TestParserArray(t *testing.T) {
	t.Parallel()
	p := canonical.NewParser([]byte(` [ 1 , {"b":2} ] `))
	var list []string
	require.NoError(t, p.Array(func() error {
		raw, err := p.Raw()
		list = append(list, string(raw))
		return err
	}))
	assert.Equal(t, []string{"1", `{"b":2}`}, list)
	for text, want := range map[string]string{
		`{}`:    `line 1, column 1: '{' where an array should be`,
		`[1 2]`: `line 1, column 4: '2' where a comma or ']' should be`,
		`[1,x]`: `line 1, column 4: 'x' where a value should be`,
	} {
		p := canonical.NewParser([]byte(text))
		assert.EqualError(t, p.Array(func() error { _, err := p.Raw(); return err }), want)
	}
}

// FuzzTransform holds the transformation against encoding/json: what we
// accept it accepts, and the canonical form means the same and is stable.
func FuzzTransform(f *testing.F) {
	for _, file := range []string{"canonical-json.json", "root-mixed-keys.json"} {
		seed, err := os.ReadFile("../../metadata/testdata/metadata/" + file)
		require.NoError(f, err)
		f.Add(seed)
	}
	f.Add([]byte(`{"b":[1,-0,12345678901234567890],"a":"\ud83d\ude00\u0000"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		form, err := canonical.Transform(in)
		if err != nil {
			return
		}
		require.True(t, json.Valid(in), "accepted what is not JSON")
		again, err := canonical.Transform(canonical.JSON(form))
		require.NoError(t, err)
		require.Equal(t, string(form), string(again))
	})
}
