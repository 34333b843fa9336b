package shape_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/shape"
)

func decode(t require.TestingT, text string) any {
	var v any
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&v))
	return v
}

// What pydantic's lax mode takes for an integer and a boolean, and what it says
// of the rest.
func TestConversions(t *testing.T) {
	t.Parallel()
	zero := int64(0)
	for kind, cases := range map[*shape.Shape]map[string]string{
		{Kind: shape.Int}: {
			`630`: `630`, `"630"`: `630`, `"6.0"`: `6`, `630.0`: `630`, `6.3e2`: `630`, `true`: `1`, `false`: `0`, `-1`: `-1`, `"-1"`: `-1`,
			`" 7 "`: `7`, `"+7"`: `7`, `"007"`: `7`, `"0"`: `0`, `"1_000"`: `1000`, `"6."`: `6`, `-0.0`: `-0`,
			`6.5`: "int_from_float", `"6.5"`: "int_parsing", `""`: "int_parsing", `" "`: "int_parsing", `"x"`: "int_parsing", `"1__0"`: "int_parsing",
			`"0x10"`: "int_parsing", `"1e3"`: "int_parsing", `"inf"`: "int_parsing", `null`: "int_type", `[1]`: "int_type", `{}`: "int_type",
			`1e999`: "finite_number", `99999999999999999999`: "int_parsing_size", `"99999999999999999999"`: "int_parsing_size", `1e30`: "int_parsing_size",
		},
		{Kind: shape.Int, Gt: &zero}: {`"0"`: "greater_than", `0.0`: "greater_than", `false`: "greater_than", `"1"`: `1`, `-99999999999999999999`: "greater_than"},
		{Kind: shape.Int, Exact: true}: {
			`630`: `630`, `"630"`: "int_type", `630.0`: "int_type", `true`: "int_type", `6.5`: "int_from_float",
		},
		{Kind: shape.Bool}: {
			`true`: `true`, `false`: `false`, `1`: `true`, `0`: `false`, `1.0`: `true`, `"true"`: `true`, `"TRUE"`: `true`, `"no"`: `false`,
			`"on"`: `true`, `"off"`: `false`, `"y"`: `true`, `"F"`: `false`, `"1"`: `true`, `"0"`: `false`,
			`2`: "bool_parsing", `0.5`: "bool_parsing", `"maybe"`: "bool_parsing", `""`: "bool_parsing", `null`: "bool_type", `[]`: "bool_type",
		},
		{Kind: shape.Bool, Nullable: true}: {`null`: `null`, `"yes"`: `true`},
		{Kind: shape.Bool, Exact: true}:    {`true`: `true`, `1`: "bool_parsing", `"true"`: "bool_parsing"},
		{Kind: shape.String}:               {`"a"`: `"a"`, `1`: "string_type", `true`: "string_type", `null`: "string_type"},
	} {
		for input, want := range cases {
			value := decode(t, input)
			got, changed, errs := shape.Walk(kind, value, false, "body")
			if !json.Valid([]byte(want)) {
				if assert.Len(t, errs, 1, "%s", input) {
					assert.Equal(t, want, errs[0].Type, "%s", input)
					assert.NotEmpty(t, errs[0].Msg)
					assert.Equal(t, input, string(errs[0].Input))
				}
				continue
			}
			require.Empty(t, errs, "%s", input)
			out, err := json.Marshal(got)
			require.NoError(t, err)
			assert.Equal(t, want, string(out), "%s", input)
			assert.Equal(t, changed, input != want, "%s", input)
		}
	}
}

// What is converted in an object stands in the tree afterwards; what signatures
// cover is left as it is, and anything wrong in it is said.
func TestWalkObjects(t *testing.T) {
	t.Parallel()
	number := &shape.Shape{Kind: shape.Int}
	inner := []shape.Field{shape.Required("n", number), shape.Optional("o", number)}
	s := &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("list", &shape.Shape{Kind: shape.List, Elem: &shape.Shape{Kind: shape.Object, Fields: inner}}),
		shape.Optional("map", &shape.Shape{Kind: shape.OpenObject, Elem: number}),
		shape.Optional("signed", &shape.Shape{Kind: shape.OpenFields, Fields: inner, Exact: true}),
		shape.Optional("after", number),
	}}
	got, changed, errs := shape.Walk(s, decode(t, `{"list":[{"n":"1"},{"n":2.0}],"map":{"x":true},"signed":{"n":3,"free":"4"},"after":"5","unknown":"6"}`), false, "body")
	require.Empty(t, errs)
	assert.True(t, changed)
	out, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"list":[{"n":1},{"n":2}],"map":{"x":1},"signed":{"n":3,"free":"4"},"after":5,"unknown":"6"}`, string(out))

	_, _, errs = shape.Walk(s, decode(t, `{"list":[{"n":"1"}],"signed":{"n":"3"},"UNKNOWN":1,"After":2}`), true, "body")
	var found []string
	for _, e := range errs {
		found = append(found, e.Type)
	}
	assert.Equal(t, []string{"int_type", "extra_forbidden", "extra_forbidden"}, found)
}

func FuzzWalk(f *testing.F) {
	for _, seed := range []string{`{"n":"1"}`, `{"n":[]}`, `{"n":1e999}`, `{"n":"+_1"}`, `{"n":{"n":true}}`, `[]`, `{"b":"ON"}`} {
		f.Add(seed)
	}
	s := &shape.Shape{Kind: shape.Object, Fields: []shape.Field{
		shape.Required("n", &shape.Shape{Kind: shape.Int}), shape.Optional("b", &shape.Shape{Kind: shape.Bool}),
	}}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		got, _, errs := shape.Walk(s, decode(t, text), false, "body")
		if len(errs) > 0 {
			return
		}
		out, err := json.Marshal(got) // what is converted is what the struct takes
		require.NoError(t, err)
		var into struct {
			N int64
			B bool
		}
		require.NoError(t, json.Unmarshal(out, &into), "%s", out)
		_, changed, errs := shape.Walk(s, decode(t, string(out)), false, "body")
		assert.Empty(t, errs)
		assert.False(t, changed, "once is enough: %s", out)
	})
}
