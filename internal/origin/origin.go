// Package origin tells whether a request was meant for the server that it came
// to. A web page can have a browser call a server on its user's machine by a name
// of its own (DNS rebinding), and then read what is answered.
package origin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Knows tells whether the host that was asked for is the server. Whoever reaches
// it by a loopback address calls it by that, by a name of loopback, or by one of
// the hosts; a browser that was led here by another name does not.
func Knows(r *http.Request, hosts []string) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || !IsLoopback(HostOf(local.String())) {
		return true
	}
	host := HostOf(r.Host)
	named := func(name string) bool { return strings.EqualFold(name, host) || strings.EqualFold(name, r.Host) }
	return IsLoopback(host) || slices.ContainsFunc(hosts, named)
}

// HostOf cuts the port off.
func HostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

// IsLoopback tells whether a host is this machine for sure, without asking
// anybody for its address.
func IsLoopback(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().WithZone("").IsLoopback()
}
