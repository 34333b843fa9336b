package service

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"example.org/rstuf/internal/quote"
)

// minToken is the shortest token that is taken, in bytes: shorter ones can be
// guessed.
const minToken = 16

// Token is a bearer token that callers of the API may use. The service keeps
// its hash alone.
type Token struct {
	// Name is what the log calls the token.
	Name string
	// SHA256 is the hash of the token; see [NewToken].
	SHA256 [sha256.Size]byte
	// Endpoints are what the token may call, each "/task/" or "GET /task/";
	// nil means all. See [ReadEndpoints] and [ArtifactEndpoints].
	Endpoints []string
	// Paths are what the paths of artifacts that the token adds and removes
	// must begin with, one of them; nil means nothing.
	Paths []string
}

// NewToken makes a token that may call everything. It refuses a secret that
// is too short, or that no header can carry.
func NewToken(name, secret string) (Token, error) {
	switch {
	case name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }):
		return Token{}, fmt.Errorf("the token's name %q is empty or holds a space, a # or a control character", name)
	case len(secret) < minToken:
		return Token{}, fmt.Errorf("token %s: it has %d characters; it needs %d or more, since others can guess short ones", name, len(secret), minToken)
	case strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return Token{}, fmt.Errorf("token %s: it holds a space or a character that is not ASCII, which no header can carry", name)
	}
	return Token{Name: name, SHA256: sha256.Sum256([]byte(secret))}, nil
}

// ReadEndpoints are the endpoints that change nothing.
func ReadEndpoints() []string {
	return []string{"GET /bootstrap/", "GET /config/", "GET /metadata/sign", "GET /task/", "GET /tasks/", "GET /metrics", "GET /readyz", "GET /fsck"}
}

// ArtifactEndpoints are what a publisher of artifacts needs.
func ArtifactEndpoints() []string {
	return []string{"/artifacts/", "/artifacts/delete", "/artifacts/publish/", "GET /task/", "GET /metadata/sign", "GET /bootstrap/"}
}

// SignEndpoints are what somebody needs who signs what waits for signatures.
func SignEndpoints() []string {
	return []string{"/metadata/sign", "GET /config/", "GET /task/", "GET /bootstrap/"}
}

// operatorPaths are beside the API.
var operatorPaths = []string{"/healthz", "/readyz", "/metrics", "/fsck", "/openapi.json", "/docs"}

// endpoints is a set of endpoints, each with or without a method.
type endpoints []string

func (e endpoints) has(method, path string) bool {
	return slices.Contains(e, path) || slices.Contains(e, method+" "+path)
}

// newEndpoints checks names of endpoints against those that there are.
func newEndpoints(list []string, routes map[string]route) (endpoints, error) {
	for _, name := range list {
		method, path, both := strings.Cut(name, " ")
		if !both {
			method, path = "", name
		}
		found, known := routes[path]
		_, has := found.methods[method]
		switch {
		case known && (!both || has):
		case slices.Contains(operatorPaths, path) && (!both || method == http.MethodGet):
		default:
			return nil, fmt.Errorf("there is no endpoint %q: write it as /task/ or GET /task/", name)
		}
	}
	return list, nil
}

// access decides who may call what.
type access struct {
	tokens   []Token
	disabled endpoints
}

func newAccess(cfg Config, routes map[string]route) (a access, err error) {
	if a.disabled, err = newEndpoints(cfg.DisabledEndpoints, routes); err != nil {
		return a, fmt.Errorf("Config.DisabledEndpoints: %w", err)
	}
	names := map[string]bool{}
	for i, token := range cfg.Tokens {
		switch {
		case token.Name == "":
			return a, fmt.Errorf("Config.Tokens[%d] has no name", i)
		case names[token.Name]:
			return a, fmt.Errorf("two tokens have the name %s", token.Name)
		case token.SHA256 == [sha256.Size]byte{} || token.SHA256 == sha256.Sum256(nil):
			return a, fmt.Errorf("token %s is empty", token.Name)
		case slices.Contains(token.Paths, ""):
			return a, fmt.Errorf("token %s: an empty path stands for all: leave Paths out", token.Name)
		}
		names[token.Name] = true
		if _, err := newEndpoints(token.Endpoints, routes); err != nil {
			return a, fmt.Errorf("token %s: %w", token.Name, err)
		}
	}
	a.tokens = cfg.Tokens
	return a, nil
}

// find is the token of a request; nil if it has none that is known. It takes
// the same time whatever token is sent.
func (a access) find(r *http.Request) *Token {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	digest := sha256.Sum256([]byte(strings.TrimSpace(secret)))
	var found *Token
	for i := range a.tokens {
		if subtle.ConstantTimeCompare(a.tokens[i].SHA256[:], digest[:]) == 1 && ok {
			found = &a.tokens[i]
		}
	}
	return found
}

// check answers a request that is not allowed; else it returns the request's
// token, which is nil where none are asked for.
func (a access) check(w http.ResponseWriter, r *http.Request, path string) (*Token, *answer) {
	if a.disabled.has(r.Method, path) {
		refused := message(http.StatusNotFound, "Not Found")
		return nil, &refused
	}
	if len(a.tokens) == 0 {
		return nil, nil
	}
	token := a.find(r)
	if token == nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refused := message(http.StatusUnauthorized, "a valid bearer token is needed")
		return nil, &refused
	}
	if !token.allows(r.Method, path) {
		refused := message(http.StatusForbidden, "the token "+token.Name+" may not call "+r.Method+" "+path)
		return nil, &refused
	}
	return token, nil
}

// allows tells whether the token may call an endpoint.
func (t *Token) allows(method, path string) bool {
	return t.Endpoints == nil || endpoints(t.Endpoints).has(method, path)
}

// allowsPath tells whether the token may add or remove an artifact.
func (t *Token) allowsPath(path string) bool {
	return t == nil || t.Paths == nil || slices.ContainsFunc(t.Paths, func(start string) bool { return strings.HasPrefix(path, start) })
}

// allowsPaths answers a request for artifacts that its token may not change;
// nil if it may.
func allowsPaths(r *http.Request, paths []string) *answer {
	token := callOf(r.Context()).token
	if i := slices.IndexFunc(paths, func(path string) bool { return !token.allowsPath(path) }); i >= 0 {
		a := message(http.StatusForbidden, fmt.Sprintf("the token %s may change artifacts below %s alone, not %q", token.Name, strings.Join(token.Paths, ", "), quote.Cut(paths[i], maxShown)))
		return &a
	}
	return nil
}

// maxShown bounds, in bytes, what an answer repeats of a request.
const maxShown = 200

// call is what an endpoint is called with.
type call struct {
	token *Token // nil if none was asked for
	body  []byte
}

type callKey struct{}

func withCall(ctx context.Context, c call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func callOf(ctx context.Context) call {
	c, _ := ctx.Value(callKey{}).(call)
	return c
}
