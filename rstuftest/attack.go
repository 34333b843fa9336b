package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Attack is one way to make clients of a repository take what they should not,
// or to keep them from what they should get. [Attacks] has them all.
type Attack struct {
	// Name is short: "rollback of the timestamp".
	Name string
	// Text says in a sentence what the attacker does.
	Text string
	// Must is what a client must do: "refuse it".
	Must string
	// Section of the TUF specification (1.0.31) that says so; empty if none does.
	Section string

	// begin readies the attacker's answers.
	begin func(ctx context.Context, a *attacker) error
	trial trial
}

// String is the name.
func (a Attack) String() string { return a.Name }

// Apply has an attacker answer in place of the repository's metadata and artifact
// servers. What a repository needs for the attack, such as an older state to go
// back to, must be there; else the test fails. Undo ends the attack; a rotation of
// keys that belongs to it stays. One attack at a time.
func (a Attack) Apply(t testing.TB, r *Repository) (undo func()) {
	t.Helper()
	_, undo, err := a.apply(t.Context(), r)
	if err != nil {
		t.Fatalf("rstuftest: %s: %v", a.Name, err)
	}
	return undo
}

func (a Attack) apply(ctx context.Context, r *Repository) (*attacker, func(), error) {
	m := &attacker{
		Repository: r, files: map[string][]byte{}, artifacts: map[string][]byte{}, answers: map[string]http.HandlerFunc{},
	}
	if r.web.attacked() {
		return nil, nil, errors.New("there is an attack already: undo it first")
	}
	if err := a.begin(ctx, m); err != nil {
		return nil, nil, err
	}
	r.web.attack(m)
	return m, func() { r.web.attack(nil) }, nil
}

// attacker answers in place of the files' server. What it does not replace is
// answered as ever.
type attacker struct {
	*Repository
	files     map[string][]byte           // metadata by file name; nil for one that is withheld
	artifacts map[string][]byte           // by path
	answers   map[string]http.HandlerFunc // by the path of the URL, or its first folder
	frozen    bool                        // other metadata is withheld

	mu       sync.Mutex
	requests int
	taken    int64  // bytes of endless files
	leaked   string // a credential that came to a stranger
}

func (a *attacker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.requests++
	tooMany := a.requests > patience
	a.mu.Unlock()
	if tooMany {
		http.NotFound(w, r)
		return
	}
	for _, path := range []string{r.URL.Path, metadataPath, artifactsPath} {
		if answer := a.answers[path]; answer != nil && strings.HasPrefix(r.URL.Path, path) {
			answer(w, r)
			return
		}
	}
	if name, ok := strings.CutPrefix(r.URL.EscapedPath(), metadataPath); ok {
		data, forged := a.files[name]
		switch {
		case !forged && !a.frozen:
			a.web.serve(w, r)
		case data == nil:
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Write(data) // an error means that the client is gone
		}
		return
	}
	path := strings.TrimPrefix(r.URL.Path, artifactsPath)
	if content, ok := a.artifacts[path]; ok {
		serveArtifact(w, content)
		return
	}
	a.web.serve(w, r)
}

// patience is how many requests are answered: a client without bounds comes to an
// end all the same.
const patience = 600

// count adds to what was taken.
func (a *attacker) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken += int64(n)
}

func (a *attacker) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests, a.taken, a.leaked = 0, 0, ""
}

// verdict is what a client has done wrong, as the attacker sees it; "" for nothing.
func (a *attacker) verdict() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.leaked != "":
		return fmt.Sprintf("it has sent %q to a stranger's server", a.leaked)
	case a.taken > mostBytes:
		return fmt.Sprintf("it has taken %d bytes of an endless file", a.taken)
	case a.requests > mostRequests:
		return fmt.Sprintf("it has made %d requests", a.requests)
	}
	return ""
}
