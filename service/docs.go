package service

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

//go:embed docs.html
var docsText string

var docsTemplate = template.Must(template.New("docs").Parse(docsText))

// docsPolicy lets a browser take nothing but the page and its style.
var docsPolicy = func() string {
	_, style, _ := strings.Cut(docsText, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// setDocsHeader lets a page of the service do nothing but be read.
func setDocsHeader(h http.Header) {
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// endpointDocs is one endpoint on the page.
type endpointDocs struct {
	ID, Method, Path, Summary string
	Query, Body               []fieldDocs
	Answers                   []answerDocs
}

type answerDocs struct {
	Status, Means string
	Fields        []fieldDocs
}

type fieldDocs struct {
	Name, Type string
	Required   bool
}

// docsPage is the description for people.
func docsPage(doc object) ([]byte, error) {
	var list []endpointDocs
	paths := doc["paths"].(object)
	named := doc["components"].(object)["schemas"].(object)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods := paths[path].(object)
		for _, method := range slices.SortedFunc(maps.Keys(methods), byMethod) {
			operation := methods[method].(object)
			e := endpointDocs{
				ID: fmt.Sprintf("e%d", len(list)), Method: strings.ToUpper(method), Path: path, Summary: operation["summary"].(string),
				Body: fieldsOf(named, operation["requestBody"]),
			}
			if parameters, ok := operation["parameters"].([]object); ok {
				for _, p := range parameters {
					e.Query = append(e.Query, fieldDocs{p["name"].(string), typeText(p["schema"].(object)), p["required"].(bool)})
				}
			}
			answers := operation["responses"].(object)
			for _, status := range slices.Sorted(maps.Keys(answers)) {
				answer := answers[status].(object)
				e.Answers = append(e.Answers, answerDocs{status, answer["description"].(string), fieldsOf(named, answer)})
			}
			list = append(list, e)
		}
	}
	_, tokens := doc["security"]
	var b bytes.Buffer
	err := docsTemplate.Execute(&b, map[string]any{"Info": doc["info"], "Endpoints": list, "Tokens": tokens})
	return b.Bytes(), err
}

// fieldsOf lists the fields of a body.
func fieldsOf(named object, body any) []fieldDocs {
	holder, _ := body.(object)
	if holder["content"] == nil {
		return nil
	}
	schema := holder["content"].(object)["application/json"].(object)["schema"].(object)
	if name, ok := schema["$ref"].(string); ok {
		schema = named[name[strings.LastIndex(name, "/")+1:]].(object)
	}
	return appendFields(nil, "", schema)
}

func appendFields(list []fieldDocs, at string, schema object) []fieldDocs {
	required, _ := schema["required"].([]string)
	for _, part := range []struct{ key, left, right string }{{"properties", "", ""}, {"patternProperties", "/", "/"}} {
		fields, _ := schema[part.key].(object)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			field, full := fields[name].(object), at+part.left+name+part.right
			list = append(list, fieldDocs{full, typeText(field), slices.Contains(required, name)})
			list = appendFields(list, full+".", field)
		}
	}
	if items, ok := schema["items"].(object); ok {
		list = appendFields(list, strings.TrimSuffix(at, ".")+"[].", items)
	}
	if values, ok := schema["additionalProperties"].(object); ok {
		list = appendFields(list, at+"*.", values)
	}
	return list
}

// typeText is a type in words.
func typeText(schema object) string {
	text := ""
	switch t := schema["type"].(type) {
	case string:
		text = t
	case []string:
		text = strings.Join(t, " or ")
	}
	if parts, ok := schema["anyOf"].([]object); ok {
		texts := make([]string, len(parts))
		for i, part := range parts {
			texts[i] = typeText(part)
		}
		return strings.Join(texts, " or ")
	}
	if items, ok := schema["items"].(object); ok {
		text += " of " + typeText(items)
	}
	for _, limit := range []struct{ key, words string }{{"exclusiveMinimum", "more than"}, {"exclusiveMaximum", "less than"}, {"minItems", "at least"}} {
		if value, ok := schema[limit.key]; ok {
			text += fmt.Sprintf(", %s %v", limit.words, value)
		}
	}
	if text == "" {
		return "anything"
	}
	return text
}
