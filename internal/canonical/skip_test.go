package canonical_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/canonical"
)

func TestSkip(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":[1,{"b":"}"}],"c":"\"]"} ,1`: `{"a":[1,{"b":"}"}],"c":"\"]"}`,
		` [ 1 , [] , "," ] }`:              `[ 1 , [] , "," ]`,
		`"a\\" : 1`:                        `"a\\"`,
		`"\\\"" ]`:                         `"\\\""`,
		`-12,3`:                            `-12`,
		"true\n}":                          `true`,
		`null`:                             `null`,
		`""`:                               `""`,
		`{}x`:                              `{}`,
	} {
		got, err := canonical.NewParser([]byte(text)).Skip()
		require.NoError(t, err, text)
		assert.Equal(t, want, string(got), text)
	}
	for _, text := range []string{"", " ", `"a`, `"a\`, `"a\"`, `{"a":1`, `[[]`, `]`, `}`, `,`, `:`} {
		_, err := canonical.NewParser([]byte(text)).Skip()
		assert.Error(t, err, "%q", text)
	}
}

// FuzzSkip finds the ends that Raw finds, and never panics.
func FuzzSkip(f *testing.F) {
	for _, text := range []string{`{"a":[1,{"b":"}"}],"c":"\"]"} ,1`, `"\\\"" x`, `-1.5e3,`, "[\t]\n", `{"":{"":[true,false,null]}}`, `"a\`, `{]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		skipped, skipErr := canonical.NewParser(text).Skip()
		p := canonical.NewParser(text)
		p.AllowFloats(true)
		raw, err := p.Raw()
		if err != nil || len(text) > p.Pos() && !delimits(text[p.Pos()]) {
			return
		}
		require.NoError(t, skipErr)
		assert.Equal(t, string(raw), string(skipped))
	})
}

// delimits tells whether a value may end before c: "1x" is no value.
func delimits(c byte) bool {
	switch c {
	case ',', ':', '}', ']', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}
