package service

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/wire"
)

// prefix is where the API is.
const prefix = "/api/v1"

// answer is what a handler of the API says.
type answer struct {
	status int
	body   any
}

// route is one path of the API.
type route struct {
	// allow is the Allow header that a deployed RSTUF sends, which names the
	// first method alone.
	allow   string
	methods map[string]endpoint
}

type endpoint func(r *http.Request) answer

func (s *Service) routes() map[string]route {
	get, post, put := http.MethodGet, http.MethodPost, http.MethodPut
	return map[string]route{
		"/bootstrap/":           {get, map[string]endpoint{get: s.getBootstrap, post: s.postBootstrap}},
		"/config/":              {get, map[string]endpoint{get: s.getConfig, put: s.putConfig}},
		"/artifacts/":           {post, map[string]endpoint{post: s.postArtifacts}},
		"/artifacts/delete":     {post, map[string]endpoint{post: s.deleteArtifacts}},
		"/artifacts/publish/":   {post, map[string]endpoint{post: s.publishArtifacts}},
		"/metadata/":            {post, map[string]endpoint{post: s.postMetadata}},
		"/metadata/online":      {post, map[string]endpoint{post: s.postOnline}},
		"/metadata/sign":        {get, map[string]endpoint{get: s.getSign, post: s.postSign}},
		"/metadata/sign/delete": {post, map[string]endpoint{post: s.postSignDelete}},
		"/delegations/":         {put, map[string]endpoint{put: s.putDelegations, post: s.postDelegations}},
		"/delegations/delete":   {post, map[string]endpoint{post: s.postDelegationsDelete}},
		"/task/":                {get, map[string]endpoint{get: s.getTask}},
		"/tasks/":               {get, map[string]endpoint{get: s.getTasks}},
	}
}

// newHandler is the API and what operators look at beside it.
func (s *Service) newHandler(routes map[string]route) http.Handler {
	return BoundWrites(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.serveOperators(w, r) {
			return
		}
		a := s.serve(w, r, routes)
		s.metrics.request(a.status)
		if a.body == nil {
			w.WriteHeader(a.status)
			return
		}
		writeJSON(w, a.status, a.body)
	}))
}

// serve finds the endpoint of a request and calls it.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, routes map[string]route) answer {
	if refused := s.origin.check(r); refused != nil {
		return *refused
	}
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		return message(http.StatusNotFound, "Not Found")
	}
	found, ok := routes[path]
	if !ok {
		other, ok := strings.CutSuffix(path, "/")
		if !ok {
			other = path + "/"
		}
		if _, ok := routes[other]; !ok || path == "" {
			return message(http.StatusNotFound, "Not Found")
		}
		w.Header().Set("Location", absoluteURL(r, prefix+other))
		return answer{http.StatusTemporaryRedirect, nil}
	}
	token, refused := s.allow(w, r, path)
	if refused != nil {
		return *refused
	}
	do, ok := found.methods[r.Method]
	if !ok {
		w.Header().Set("Allow", found.allow)
		return message(http.StatusMethodNotAllowed, "Method Not Allowed")
	}
	if refused := checkType(r); refused != nil {
		return *refused
	}
	limit := s.cfg.MaxBody
	if !strings.HasPrefix(path, "/artifacts/") {
		limit = min(limit, maxSmallBody)
	}
	if r.ContentLength > limit {
		return unreadable(&http.MaxBytesError{Limit: limit})
	}
	if r.ContentLength >= largeRequest {
		s.queue.receiving.Add(1) // until it is queued, or refused
		defer s.queue.receiving.Add(-1)
	}
	body, release, refused := s.limits.receive(w, r, limit)
	if refused != nil {
		return *refused
	}
	defer release()
	if err := s.catchUp(r.Context(), path); err != nil {
		return s.unavailable(err)
	}
	return do(r.WithContext(withCall(r.Context(), call{token, body})))
}

// allow answers a request that is one too many or not allowed; else it returns
// the request's token, if tokens are asked for.
func (s *Service) allow(w http.ResponseWriter, r *http.Request, path string) (*Token, *answer) {
	if refused := s.limits.check(w, r); refused != nil {
		return nil, refused
	}
	token, refused := s.access.check(w, r, path)
	if token != nil && s.metrics.token(token.Name) {
		e := event.Of(event.TokenUsed, s.cfg.Now(), token.Name)
		e.Token = token.Name
		s.events.send(e)
	}
	return token, refused
}

// absoluteURL is another path on the host that the client asked.
func absoluteURL(r *http.Request, path string) string {
	u := *r.URL
	u.Scheme, u.Host, u.Path, u.RawPath = "http", r.Host, path, ""
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// writeJSON writes an answer; JSON that is made already stays as it is.
func writeJSON(w http.ResponseWriter, status int, body any) {
	data, made := body.(json.RawMessage)
	if !made {
		var err error
		if data, err = json.Marshal(body); err != nil {
			status, data = http.StatusInternalServerError, []byte(`{"detail":"the answer could not be encoded"}`)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	w.Write(data) // an error means that the client is gone
}

// message is an answer with a text alone.
func message(status int, text string) answer {
	return answer{status, wire.ErrorBody{Message: text}}
}

// notFound is the answer to a request that the repository is not in the state
// for.
func notFound(text, reason string) answer {
	return answer{http.StatusNotFound, wire.ErrorBody{Message: text, Reason: reason}}
}

// invalid is the answer to a body that is not as it must be.
func invalid(err error) answer {
	var fields rstuf.ValidationError
	if errors.As(err, &fields) {
		return answer{http.StatusUnprocessableEntity, wire.ErrorBody{Fields: fields}}
	}
	return unreadable(err)
}

// unreadable is the answer to a body that could not be read to its end.
func unreadable(err error) answer {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return message(http.StatusRequestEntityTooLarge, "the body is larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes: send it in parts")
	}
	return message(http.StatusBadRequest, "the body could not be read to its end: "+err.Error())
}

// submit queues a request and answers 202 once it is durable.
func (s *Service) submit(ctx context.Context, r record, text string, paths []string) answer {
	id, err := s.queue.newID(ctx)
	if err != nil {
		return s.unavailable(err)
	}
	return s.submitAs(ctx, id, r, text, paths)
}

func (s *Service) submitAs(ctx context.Context, id taskID, r record, text string, paths []string) answer {
	if err := s.queue.accept(ctx, id, r); err != nil {
		return s.unavailable(err)
	}
	attrs := []any{"task", id.String(), "kind", string(r.kind().name())}
	if token := callOf(ctx).token; token != nil {
		attrs = append(attrs, "token", token.Name)
	}
	s.cfg.Logger.Info("request accepted", attrs...)
	return answer{http.StatusAccepted, wire.Response[wire.Accepted]{
		Data:    &wire.Accepted{Artifacts: paths, TaskID: id.String(), LastUpdate: rstuf.Time{Time: s.cfg.Now()}},
		Message: text,
	}}
}

func (s *Service) unavailable(err error) answer {
	if errors.Is(err, errTooMany) {
		return message(http.StatusRequestEntityTooLarge, err.Error())
	}
	said := errors.Is(err, ErrElsewhere) && !errors.Is(err, ErrLost) // by the replica, when it ended
	if !said && !errors.Is(err, errFull) && !errors.Is(err, errClosing) && !errors.Is(err, context.Canceled) {
		s.cfg.Logger.Warn("a request can't be answered", "error", err)
	}
	return message(http.StatusServiceUnavailable, toldClient(err))
}
