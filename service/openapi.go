package service

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/shape"
	"example.org/rstuf/internal/shape/requests"
	"example.org/rstuf/internal/wire"
)

// The description of the API in the form of OpenAPI 3.1, of what this service
// serves: endpoints that are taken away are not in it. Requests are described by
// the shapes that check them, answers by the types that they are made of.

// operation is what a route's endpoint takes and answers.
type operation struct {
	summary string
	body    string       // the request's name in bodies; empty if it has none
	query   []object     // its parameters
	data    reflect.Type // of a successful answer; nil for one that a task was queued
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// operations has every endpoint of the routes, by method and path.
var operations = map[string]operation{
	"GET /bootstrap/":            {summary: "Tell whether there is a repository", data: typeOf[rstuf.BootstrapState]()},
	"POST /bootstrap/":           {summary: "Make the repository, by the payload of a ceremony; payloads of RSTUF's first releases are taken too", body: "BootstrapPayload"},
	"GET /config/":               {summary: "Tell the settings, the current root and targets", data: typeOf[rstuf.RepositorySettings]()},
	"PUT /config/":               {summary: "Change the lives of roles", body: "SettingsUpdate"},
	"POST /artifacts/":           {summary: "Add artifacts", body: "AddArtifacts"},
	"POST /artifacts/delete":     {summary: "Remove artifacts", body: "DeleteArtifacts"},
	"POST /artifacts/publish/":   {summary: "Publish what was added or removed with publish_artifacts off"},
	"POST /metadata/":            {summary: "Give the next root", body: "MetadataUpdate"},
	"POST /metadata/online":      {summary: "Sign online roles anew; no roles mean all, bins all hash bins", body: "OnlineBump"},
	"GET /metadata/sign":         {summary: "Give the documents that wait for signatures", data: typeOf[rstuf.PendingMetadata]()},
	"POST /metadata/sign":        {summary: "Add a signature to a document that waits", body: "MetadataSign"},
	"POST /metadata/sign/delete": {summary: "Stop the signing of a role", body: "MetadataSignDelete"},
	"PUT /delegations/":          {summary: "Change delegated roles", body: "DelegationsUpdate"},
	"POST /delegations/":         {summary: "Add delegated roles", body: "DelegationsUpdate"},
	"POST /delegations/delete":   {summary: "Remove delegated roles", body: "DelegationsDelete"},
	"GET /task/":                 {summary: "Tell how a task is", query: []object{parameter("task_id", true, object{"type": "string"})}, data: typeOf[rstuf.Task]()},
	"GET /tasks/": {
		summary: "List tasks, the newest first, without their details", data: typeOf[[]rstuf.Task](),
		query: []object{parameter("limit", false, object{"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": wire.MaxTasks + 1})},
	},
}

func parameter(name string, required bool, schema object) object {
	return object{"name": name, "in": "query", "required": required, "schema": schema}
}

// bodies are the shapes of the requests by name.
var bodies = map[string]*shape.Shape{
	"AddArtifacts": requests.AddArtifacts, "BootstrapPayload": requests.Bootstrap, "DelegationsDelete": requests.DelegationsDelete,
	"DelegationsUpdate": requests.DelegationsUpdate, "DeleteArtifacts": requests.DeleteArtifacts, "MetadataSign": requests.MetadataSign,
	"MetadataSignDelete": requests.MetadataSignDelete, "MetadataUpdate": requests.MetadataUpdate, "OnlineBump": requests.OnlineBump,
	"SettingsUpdate": requests.SettingsUpdate,
}

// operatorSummaries has what is beside the API.
var operatorSummaries = map[string]string{
	"/healthz":      "The process runs",
	"/readyz":       "Requests are published; 503 while publishing is paused",
	"/metrics":      "Figures for Prometheus",
	"/fsck":         "Compare the files with the database, and with complete=1 their signatures",
	"/openapi.json": "This description",
	"/docs":         "This description as a page",
}

type object = map[string]any

// openAPI describes what is served.
func openAPI(routes map[string]route, a access) object {
	paths := object{}
	for path, r := range routes {
		methods := object{}
		for method := range r.methods {
			if !a.disabled.has(method, path) {
				methods[lower(method)] = operations[method+" "+path].describe(len(a.tokens) > 0)
			}
		}
		if len(methods) > 0 {
			paths[prefix+path] = methods
		}
	}
	for _, path := range operatorPaths {
		if !a.disabled.has(http.MethodGet, path) {
			about := object{"summary": operatorSummaries[path], "responses": object{"default": object{"description": "see docs/service.md"}}}
			if path != "/metrics" && path != "/fsck" {
				about["security"] = []object{} // for everybody
			}
			paths[path] = object{"get": about}
		}
	}
	schemas := object{"Error": schemaOf(typeOf[wire.ErrorBody]()), "Accepted": schemaOf(typeOf[wire.Response[wire.Accepted]]())}
	for name, s := range bodies {
		schemas[name] = s.Schema()
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "RSTUF, embedded service", "version": "1",
			"description": "What this service serves. Numbers and booleans are also taken as texts, as a deployed RSTUF takes them, but for those inside of signed documents.",
		},
		"paths": paths, "components": object{"schemas": schemas},
	}
	if len(a.tokens) > 0 {
		doc["components"].(object)["securitySchemes"] = object{"bearer": object{"type": "http", "scheme": "bearer"}}
		doc["security"] = []object{{"bearer": []string{}}}
	}
	return doc
}

// describe is the operation object.
func (o operation) describe(tokens bool) object {
	out := object{"summary": o.summary}
	answers := object{
		"404":     content("there is no repository, or it is not in a state for this", ref("Error")),
		"default": content("it was not done", ref("Error")),
	}
	if o.data == nil {
		answers["202"] = content("a task was queued, and is on disk", ref("Accepted"))
	} else {
		answers["200"] = content("the answer", envelope(o.data))
	}
	if o.body != "" {
		out["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": ref(o.body)}}}
	}
	if len(o.query) > 0 {
		out["parameters"] = o.query
	}
	if o.body != "" || len(o.query) > 0 {
		answers["422"] = content("the request is not as it must be", ref("Error"))
	}
	if tokens {
		answers["401"], answers["403"] = content("no token that is known", ref("Error")), content("the token may not do this", ref("Error"))
	}
	out["responses"] = answers
	return out
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

func content(description string, schema object) object {
	return object{"description": description, "content": object{"application/json": object{"schema": schema}}}
}

// description is what a service says of itself, for programs and for people.
type description struct{ openAPI, page []byte }

// describeAPI makes the description, which does not change while the service
// runs.
func describeAPI(routes map[string]route, a access) (d description, err error) {
	doc := openAPI(routes, a)
	if d.openAPI, err = json.MarshalIndent(doc, "", "  "); err == nil {
		d.page, err = docsPage(doc)
	}
	return d, err
}

// serveDescription serves /openapi.json and /docs.
func (s *Service) serveDescription(w http.ResponseWriter, r *http.Request) {
	refused := s.origin.check(r)
	if refused == nil && s.access.disabled.has(http.MethodGet, r.URL.Path) {
		a := message(http.StatusNotFound, "Not Found")
		refused = &a
	}
	if refused != nil {
		writeJSON(w, refused.status, refused.body)
		return
	}
	d, err := s.describe()
	if err != nil {
		a := message(http.StatusInternalServerError, err.Error())
		writeJSON(w, a.status, a.body)
		return
	}
	setDocsHeader(w.Header())
	contentType, body := "application/json", d.openAPI
	if r.URL.Path == "/docs" {
		contentType, body = "text/html; charset=utf-8", d.page
	}
	w.Header().Set("Content-Type", contentType)
	w.Write(body) // an error means that the client is gone
}

// methodOrder is how methods are shown.
var methodOrder = []string{"get", "post", "put"}

func byMethod(a, b string) int {
	return slices.Index(methodOrder, a) - slices.Index(methodOrder, b)
}
