package service_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// openAPIDoc is a description of an API, for tests that hold things against it.
type openAPIDoc map[string]any

// fit says what of a value does not fit a JSON Schema; it knows the keywords that
// the service uses, and refuses others.
func (d openAPIDoc) fit(at string, schema map[string]any, value any) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, rule := range schema {
		switch keyword {
		case "$ref":
			name := rule.(string)[strings.LastIndex(rule.(string), "/")+1:]
			wrong = append(wrong, d.fit(at, dig(d, "components", "schemas", name), value)...)
		case "type":
			if !slices.Contains(textsOf(rule), typeName(value)) && (typeName(value) != "integer" || !slices.Contains(textsOf(rule), "number")) {
				bad("%s is no %v", typeName(value), rule)
			}
		case "anyOf":
			var all []string
			fits := false
			for _, one := range rule.([]any) {
				errs := d.fit(at, one.(map[string]any), value)
				fits, all = fits || len(errs) == 0, append(all, errs...)
			}
			if !fits {
				wrong = append(wrong, all...)
			}
		case "properties", "patternProperties", "additionalProperties":
			// below
		case "required":
			fields, isObject := value.(map[string]any)
			for _, name := range textsOf(rule) {
				if _, ok := fields[name]; isObject && !ok {
					bad("%s is missing", name)
				}
			}
		case "items":
			list, _ := value.([]any)
			for i, one := range list {
				wrong = append(wrong, d.fit(fmt.Sprintf("%s[%d]", at, i), rule.(map[string]any), one)...)
			}
		case "propertyNames":
			fields, _ := value.(map[string]any)
			for name := range fields {
				if !slices.Contains(textsOf(rule.(map[string]any)["enum"]), name) {
					bad("the name %s", name)
				}
			}
		case "minItems":
			if list, ok := value.([]any); ok && len(list) < int(rule.(float64)) {
				bad("too few")
			}
		case "exclusiveMinimum":
			if n, ok := value.(float64); ok && n <= rule.(float64) {
				bad("%v is too small", n)
			}
		case "exclusiveMaximum":
			if n, ok := value.(float64); ok && n >= rule.(float64) {
				bad("%v is too large", n)
			}
		case "format", "description":
		default:
			bad("the keyword %s is not known", keyword)
		}
	}
	return append(wrong, d.fitFields(at, schema, value)...)
}

// fitFields compares the fields of an object.
func (d openAPIDoc) fitFields(at string, schema map[string]any, value any) (wrong []string) {
	fields, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		known := false
		try := func(rule any) {
			known = true
			wrong = append(wrong, d.fit(at+"."+name, rule.(map[string]any), fields[name])...)
		}
		if rule, ok := dig(schema, "properties")[name]; ok {
			try(rule)
		}
		for pattern, rule := range dig(schema, "patternProperties") {
			if regexp.MustCompile(pattern).MatchString(name) {
				try(rule)
			}
		}
		if rule, ok := schema["additionalProperties"]; ok && !known {
			try(rule)
		}
	}
	return wrong
}

// dig goes down named fields; what is not there is nil.
func dig(m map[string]any, names ...string) map[string]any {
	for _, name := range names {
		m, _ = m[name].(map[string]any)
	}
	return m
}

func textsOf(rule any) []string {
	if text, ok := rule.(string); ok {
		return []string{text}
	}
	var list []string
	items, _ := rule.([]any)
	for _, item := range items {
		list = append(list, item.(string))
	}
	return list
}

func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return reflect.TypeOf(v).String()
}

// request says what of a request is not as the description has it.
func (d openAPIDoc) request(method, path string, body []byte) []string {
	operation := dig(d, "paths", path, strings.ToLower(method))
	if operation == nil {
		return []string{method + " " + path + " is not described"}
	}
	schema := dig(operation, "requestBody", "content", "application/json", "schema")
	if schema == nil {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return []string{"no JSON: " + err.Error()}
	}
	return d.fit("body", schema, value)
}

// answer says what of an answer is not as the description has it.
func (d openAPIDoc) answer(method, path string, status int, body any) []string {
	answers := dig(d, "paths", path, strings.ToLower(method), "responses")
	found, ok := answers[fmt.Sprint(status)]
	if !ok && status >= 400 {
		found, ok = answers["default"]
	}
	if !ok {
		return []string{fmt.Sprintf("%s %s: the status %d is not described", method, path, status)}
	}
	return d.fit("answer", dig(found.(map[string]any), "content", "application/json", "schema"), body)
}
