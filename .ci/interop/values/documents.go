package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"example.org/rstuf"
)

// value is a targets role with one artifact, all as JSON; what is empty is as
// in most artifacts.
type value struct {
	name   string
	custom string
	hashes string
	length string
	file   string
}

func (v value) path() string {
	if v.file != "" {
		return v.file
	}
	return `"a"`
}

func (v value) description() string {
	custom, hashes, length := "", v.hashes, v.length
	if v.custom != "" {
		custom = `"custom":` + v.custom + ","
	}
	if hashes == "" {
		hashes = `{"sha256":"` + digits(64) + `"}`
	}
	if length == "" {
		length = "1"
	}
	return fmt.Sprintf(`{%s"hashes":%s,"length":%s}`, custom, hashes, length)
}

// artifact is the value as a request has it, or why the rules do not take it.
func (v value) artifact() (artifact rstuf.Artifact, err error) {
	if err = json.Unmarshal(fmt.Appendf(nil, `{"path":%s,"info":%s}`, v.path(), v.description()), &artifact); err == nil {
		err = artifact.Validate()
	}
	return artifact, err
}

func digits(n int) string { return strings.Repeat("ab", n/2) }

func nested(depth int) string {
	return `{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + "}"
}

// values are written in canonical form as far as there is one.
var values = []value{
	{name: "no custom data"},
	{name: "empty custom data", custom: `{}`},
	{name: "texts, lists, true and null", custom: `{"a":["ü😀",true,false,null,{}],"b":{"c":[]}}`},
	{name: "an empty name", custom: `{"":1}`},
	{name: "2^53-1", custom: `{"n":9007199254740991}`},
	{name: "-(2^53-1)", custom: `{"n":-9007199254740991}`},
	{name: "2^53", custom: `{"n":9007199254740992}`},
	{name: "2^53+1", custom: `{"n":9007199254740993}`},
	{name: "2^63-1", custom: `{"n":9223372036854775807}`},
	{name: "2^64-1", custom: `{"n":18446744073709551615}`},
	{name: "2^64", custom: `{"n":18446744073709551616}`},
	{name: "2^70", custom: `{"n":1180591620717411303424}`},
	{name: "1.5", custom: `{"n":1.5}`},
	{name: "1.0", custom: `{"n":1.0}`},
	{name: "1e3", custom: `{"n":1e3}`},
	{name: "1e400", custom: `{"n":1e400}`},
	{name: "-0", custom: `{"n":-0}`},
	{name: "names that UTF-16 sorts otherwise", custom: "{\"\ue000\":1,\"😀\":2}"},
	{name: "names that both sort alike", custom: "{\"\ud7ff\":1,\"😀\":2}"},
	{name: "a name twice", custom: `{"a":1,"a":2}`},
	{name: "half a surrogate pair", custom: `{"a":"\ud800"}`},
	{name: "NUL in a text", custom: "{\"a\":\"\\u0000\"}"},
	{name: "__proto__ in custom data", custom: `{"__proto__":{"a":1}}`},
	{name: "constructor, toString, hasOwnProperty", custom: `{"constructor":1,"hasOwnProperty":2,"toString":3}`},
	{name: "names that are numbers", custom: `{"1":1,"10":2,"9":3}`},
	{name: "lists 90 deep", custom: nested(90)},
	{name: "lists 500 deep", custom: nested(500)},
	{name: "lists 5,000 deep", custom: nested(5000)},
	{name: "lists 20,000 deep", custom: nested(20000)},
	{name: "custom data that is a list", custom: `[1]`},
	{name: "custom data that is null", custom: `null`},
	{name: "sha512", hashes: `{"sha512":"` + digits(128) + `"}`},
	{name: "blake2b-256", hashes: `{"blake2b-256":"` + digits(64) + `"}`},
	{name: "blake2b-256 beside sha256", hashes: `{"blake2b-256":"` + digits(64) + `","sha256":"` + digits(64) + `"}`},
	{name: "a hash named foo", hashes: `{"foo":"` + digits(64) + `","sha256":"` + digits(64) + `"}`},
	{name: "a hash named SHA256", hashes: `{"SHA256":"` + digits(64) + `"}`},
	{name: "a digest zz", hashes: `{"sha256":"zz"}`},
	{name: "a digest in upper case", hashes: `{"sha256":"` + strings.ToUpper(digits(64)) + `"}`},
	{name: "no hashes", hashes: `{}`},
	{name: "a length of 0", length: "0"},
	{name: "a length of -1", length: "-1"},
	{name: "a length of 2^53-1", length: "9007199254740991"},
	{name: "a length of 2^53+1", length: "9007199254740993"},
	{name: "a length of 2^64", length: "18446744073709551616"},
	{name: "the path __proto__", file: `"__proto__"`},
	{name: "the path constructor", file: `"constructor"`},
	{name: "an empty path", file: `""`},
}

// checkDocuments compares what the clients read with the documentation.
func checkDocuments(docs string, answers map[string]answer) error {
	var cases []documented
	for _, v := range values {
		_, err := v.artifact()
		c := documented{name: v.name, taken: err == nil, said: map[string]string{}}
		for _, client := range clients {
			c.said[client] = answers[client].Documents[v.name]
		}
		cases = append(cases, c)
	}
	return compare("value", docs, cases)
}
