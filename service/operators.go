package service

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// serveOperators answers what those ask who run the service: /healthz, /readyz,
// /metrics and /fsck, and with what the API is, /openapi.json and /docs. It returns false for all other paths.
func (s *Service) serveOperators(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	switch r.URL.Path {
	case "/healthz":
		writeText(w, http.StatusOK, "ok\n")
	case "/readyz":
		s.serveReady(w, r)
	case "/metrics":
		refused := s.origin.check(r)
		if refused == nil {
			_, refused = s.allow(w, r, "/metrics")
		}
		if refused != nil {
			writeJSON(w, refused.status, refused.body)
		} else {
			_ = s.catchUp(r.Context(), r.URL.Path) // else they are a little old
			writeText(w, http.StatusOK, s.metricsText())
		}
	case "/openapi.json", "/docs":
		s.serveDescription(w, r)
	case "/fsck":
		s.serveCheck(w, r)
	default:
		w.Header().Del("Cache-Control")
		return false
	}
	return true
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text) // an error means that the client is gone
}

// serveReady tells whether requests are published at the moment. Why they are
// not names files and keys: that is for those with a token, and for the log.
func (s *Service) serveReady(w http.ResponseWriter, r *http.Request) {
	status := s.Status()
	paused := status.Paused
	if s.queue.closing() {
		writeText(w, http.StatusServiceUnavailable, errClosing.Error()+"\n")
		return
	}
	if paused == nil {
		text := "ready\n"
		if len(status.SetAside) > 0 {
			text += fmt.Sprintf("set aside: %s; see rstuf fsck\n", strings.Join(status.SetAside, ", "))
		}
		writeText(w, http.StatusOK, text)
		return
	}
	reason, detail := "publishing is paused", "the log says why"
	switch {
	case errors.Is(paused, ErrElsewhere):
		reason, detail = ErrElsewhere.Error(), "the log says where"
	case !status.Leads:
		reason = "this replica can't publish"
	}
	if token := s.access.find(r); token != nil && token.allows(http.MethodGet, "/readyz") {
		detail = strings.TrimPrefix(public(paused), reason+": ")
	}
	writeText(w, http.StatusServiceUnavailable, reason+": "+detail+"\n")
}
