package service

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
)

// What web pages can make a browser send to a service on its user's machine or
// network must not do anything: a page sends requests without being asked, and
// with a name of its own that leads to a loopback address it also reads the
// answers.

// origin refuses requests that a browser sends for somebody else's page.
type origin struct {
	hosts []string // names of the service beside loopback's
	cross *http.CrossOriginProtection
}

func newOrigin(hosts []string) origin {
	return origin{hosts: hosts, cross: http.NewCrossOriginProtection()}
}

// check answers a request that no client of the API would send; nil for all
// others.
func (o origin) check(r *http.Request) *answer {
	if !o.knows(r) {
		a := message(http.StatusMisdirectedRequest, "this service is not "+quote.Line(quote.Cut(r.Host, maxShown))+": start it with --host NAME (Config.Hosts) if a proxy calls it by that name")
		return &a
	}
	if err := o.cross.Check(r); err != nil {
		a := message(http.StatusForbidden, "a request from another web page is refused: "+err.Error())
		return &a
	}
	return nil
}

// knows tells whether the host that was asked for is the service. Whoever
// reaches it by a loopback address calls it by that, by a name of loopback, or
// by a name that the configuration has; a browser that was led here by another
// name (DNS rebinding) does not.
func (o origin) knows(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || !isLoopback(hostOf(local.String())) {
		return true
	}
	host := hostOf(r.Host)
	named := func(name string) bool { return strings.EqualFold(name, host) || strings.EqualFold(name, r.Host) }
	return isLoopback(host) || slices.ContainsFunc(o.hosts, named)
}

// hostOf cuts the port off.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

// isLoopback tells whether a host is this machine for sure, without asking
// anybody for its address.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().WithZone("").IsLoopback()
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
