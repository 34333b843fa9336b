package shape

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// What pydantic's lax mode takes for an integer and for a boolean in JSON.

var integerProblems = map[string]string{
	"int_type":         "Input should be a valid integer",
	"int_parsing":      "Input should be a valid integer, unable to parse string as an integer",
	"int_from_float":   "Input should be a valid integer, got a number with a fractional part",
	"int_parsing_size": "Unable to parse input string as an integer, exceeded maximum size",
	"finite_number":    "Input should be a finite number",
}

// integerText is a text that stands for an integer: digits with single
// underscores between them, and a fraction of zero.
var integerText = regexp.MustCompile(`^([+-]?)(\d+(?:_\d+)*)(?:\.0*)?$`)

// integer is the decimal form of a value that stands for an integer, or the
// type of the problem.
func integer(v any) (text, problem string) {
	switch v := v.(type) {
	case bool:
		if v {
			return "1", ""
		}
		return "0", ""
	case string:
		parts := integerText.FindStringSubmatch(strings.TrimSpace(v))
		if parts == nil {
			return "", "int_parsing"
		}
		return normal(parts[1], strings.ReplaceAll(parts[2], "_", "")), ""
	case json.Number:
		text := v.String()
		if !strings.ContainsAny(text, ".eE") {
			return text, ""
		}
		f, err := strconv.ParseFloat(text, 64)
		switch {
		case err != nil || math.IsInf(f, 0):
			return "", "finite_number"
		case f != math.Trunc(f):
			return "", "int_from_float"
		}
		return strconv.FormatFloat(f, 'f', -1, 64), ""
	}
	return "", "int_type"
}

// normal takes off what a JSON number can't have: a plus and leading zeros.
func normal(sign, digits string) string {
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return "0"
	}
	return strings.TrimPrefix(sign, "+") + digits
}

var booleans = map[string]bool{
	"1": true, "true": true, "t": true, "yes": true, "y": true, "on": true,
	"0": false, "false": false, "f": false, "no": false, "n": false, "off": false,
}

// boolean is what a value stands for.
func boolean(v any) (value, ok bool) {
	switch v := v.(type) {
	case string:
		value, ok = booleans[strings.ToLower(v)]
	case json.Number:
		text, problem := integer(v)
		if problem == "" {
			value, ok = booleans[text]
		}
	}
	return value, ok
}
