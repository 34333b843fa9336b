package service

import (
	"mime"
	"net/http"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/origin"
	"example.org/rstuf/internal/quote"
)

// What web pages can make a browser send to a service on its user's machine or
// network must not do anything: a page sends requests without being asked, and
// with a name of its own that leads to a loopback address it also reads the
// answers.

// origins refuses requests that a browser sends for somebody else's page.
type origins struct {
	hosts []string // names of the service beside loopback's
	cross *http.CrossOriginProtection
}

func newOrigins(hosts []string) origins {
	return origins{hosts: hosts, cross: http.NewCrossOriginProtection()}
}

// check answers a request that no client of the API would send; nil for all
// others.
func (o origins) check(r *http.Request) *answer {
	if !origin.Knows(r, o.hosts) {
		a := message(http.StatusMisdirectedRequest, "this service is not "+quote.Line(quote.Cut(r.Host, maxShown))+": start it with --host NAME (Config.Hosts) if a proxy calls it by that name")
		return &a
	}
	if err := o.cross.Check(r); err != nil {
		a := message(http.StatusForbidden, "a request from another web page is refused: "+err.Error())
		return &a
	}
	return nil
}

// checkType answers a body that does not say that it is JSON. The real API
// does the same, and no web page can send such a request to another host
// without asking first.
func checkType(r *http.Request) *answer {
	if r.ContentLength == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && (kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")) {
		return nil
	}
	a := invalid(rstuf.ValidationError{{
		Type: "model_attributes_type", Loc: []any{"body"}, Input: []byte("{}"),
		Msg: "Input should be JSON: send it with Content-Type: application/json",
	}})
	return &a
}
