package service

import (
	"bytes"
	"html/template"
	"net/http"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// listing is the page that lists the metadata files, with a plain link to each, as
// the web server of RSTUF's compose files gives it.
var listing = template.Must(template.New("listing").Parse(`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Metadata files</title></head>
<body><h1>Metadata files</h1><pre>
{{range .}}<a href="{{.}}">{{.}}</a>
{{end}}</pre></body>
</html>
`))

// list serves the names of the files that can be fetched.
func (m *metadataServer) list(w http.ResponseWriter, r *http.Request, repo *repository) {
	names, err := m.s.storage.List(r.Context())
	if err != nil {
		m.s.cfg.Logger.Error("the metadata files could not be listed", "error", err)
		http.Error(w, "the files could not be listed", http.StatusInternalServerError)
		return
	}
	timestamp := metadata.Filename(rstuf.RoleTimestamp, 0)
	names = slices.DeleteFunc(names, func(name string) bool {
		return (name != timestamp || repo.timestamp == nil) && (!repo.committed(name) || m.s.files.has(name))
	})
	slices.Sort(names)
	var b bytes.Buffer
	if err := listing.Execute(&b, names); err != nil {
		http.Error(w, "the files could not be listed", http.StatusInternalServerError)
		return
	}
	setDocsHeader(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(b.Bytes()) // an error means that the client is gone
}
