// Browser has a real browser open pages of strangers that send requests to the
// embedded service, from another site, from another port of the same host, and
// by a name that leads to the loopback address. None may do anything.
//
//	browser CHROMIUM [FOLDER]
//
// Then it has the browser open the page of rstuf health. With a FOLDER it leaves
// pictures of it there: those of docs/.
//
// What proves that the pages do send: the same requests arrive at a server that
// accepts everything.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/rstuftest"
)

// attack sends what it can to TARGET, without being asked, and says so when all
// has been answered or refused. The names of the attempts stand in the query.
const attack = `<!doctype html><title>A page of strangers</title>
<iframe name=away></iframe>
<form id=form method=post enctype=text/plain target=away><input name='{"artifacts":[{"path":"form","info":{"length":1,"hashes":{"sha256":"DIGEST"}}}],"x":"' value='"}'></form>
<script>
const target = "TARGET/api/v1", digest = "DIGEST"
const body = name => JSON.stringify({artifacts: [{path: name, info: {length: 1, hashes: {sha256: digest}}}]})
const send = (name, path, options) => fetch(target + path + "?attempt=" + name, {method: "POST", ...options}).catch(() => 0)
form.action = target + "/artifacts/?attempt=form"
form.submit()
navigator.sendBeacon(target + "/artifacts/?attempt=beacon", body("beacon"))
Promise.all([
	send("text", "/artifacts/", {body: body("text"), headers: {"Content-Type": "text/plain"}}),
	send("blob", "/artifacts/", {body: new Blob([body("blob")])}),
	send("nocors", "/artifacts/", {body: body("nocors"), mode: "no-cors", headers: {"Content-Type": "application/json"}}),
	send("json", "/artifacts/", {body: body("json"), headers: {"Content-Type": "application/json"}}),
	send("empty", "/artifacts/publish/", {}),
	send("read", "/config/", {method: "GET"}),
]).then(() => setTimeout(() => document.body.append("all sent"), 300))
</script>`

const rebound = "a name that leads here"

var digest = strings.Repeat("ab", 32)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 && len(args) != 2 {
		return errors.New("usage: browser CHROMIUM [FOLDER]")
	}
	if err := checkHealthPage(ctx, args[0], strings.Join(args[1:], "")); err != nil {
		return fmt.Errorf("the page of rstuf health: %w", err)
	}
	repo, end, err := start(ctx)
	if err != nil {
		return err
	}
	defer end()
	// Something waits for whoever publishes.
	parked, err := repo.Client.AddArtifacts(ctx, rstuf.AddArtifacts{SkipPublish: true, Artifacts: []rstuf.Artifact{
		{Path: "parked", Info: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": digest}}},
	}})
	if err != nil {
		return err
	}
	careless := newRecorder(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}))
	defer careless.server.Close()
	service := newRecorder(repo.Service.Handler())
	defer service.server.Close()

	for _, from := range []string{"another port of the same host", "another site", rebound} {
		for _, to := range []*recorder{careless, service} {
			to.reset()
			if err := open(ctx, args[0], from, to); err != nil {
				return fmt.Errorf("from %s: %w", from, err)
			}
		}
		// A page of another origin may cause a read: the browser keeps the answer
		// from it. By a name that leads here it would be the page's own origin.
		arrived, accepted := careless.seen(), service.accepted(from != rebound)
		for _, attempt := range []string{"form", "beacon", "text", "blob", "nocors", "empty"} {
			if !arrived[attempt] {
				return fmt.Errorf("from %s: the browser did not send the attempt %q: this proves nothing", from, attempt)
			}
		}
		if len(accepted) > 0 {
			return fmt.Errorf("from %s: the service did not refuse: %v", from, accepted)
		}
		fmt.Printf("%-30s %d requests arrive where nothing is refused, the service refuses all\n", from+":", len(arrived))
	}
	state, err := parked.State(ctx)
	if err != nil {
		return err
	}
	if state.State.Terminal() {
		return errors.New("a page has published what was parked")
	}
	return nil
}

// start starts a repository in a folder that is gone at its end.
func start(ctx context.Context, opts ...rstuftest.Option) (repo *rstuftest.Repository, end func(), err error) {
	dir, err := os.MkdirTemp("", "browser-")
	if err != nil {
		return nil, nil, err
	}
	if repo, err = rstuftest.Start(ctx, dir, opts...); err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return repo, func() { repo.Close(); os.RemoveAll(dir) }, nil
}

// open has the browser open the page, which sends to the server.
func open(ctx context.Context, browser, from string, to *recorder) error {
	target := to.server.URL
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, strings.NewReplacer("TARGET", target, "DIGEST", digest).Replace(attack))
	}))
	defer pages.Close()
	address := pages.URL
	switch from {
	case "another site":
		address = strings.Replace(address, "127.0.0.1", "evil.example", 1)
	case rebound:
		// The page and what it sends to have the same name, so that the browser
		// takes them for one site; to the port it is still another origin.
		address = strings.Replace(address, "127.0.0.1", "rebound.example", 1)
		target = strings.Replace(target, "127.0.0.1", "rebound.example", 1)
	}
	profile, err := os.MkdirTemp("", "profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+profile,
		"--host-resolver-rules=MAP *.example 127.0.0.1", "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
		"--timeout=15000", "--virtual-time-budget=10000", "--dump-dom", address)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", browser, err)
	}
	if !strings.Contains(string(out), "all sent") {
		return fmt.Errorf("the page did not come to its end: %s", out)
	}
	return nil
}

// recorder notes what arrives at a handler, and what it answers.
type recorder struct {
	server *httptest.Server

	mu      sync.Mutex
	answers map[string]int
}

func newRecorder(h http.Handler) *recorder {
	r := &recorder{answers: map[string]int{}}
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(s, req)
		if req.Method == http.MethodOptions {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.answers[req.URL.Query().Get("attempt")] = s.status
	}))
	return r
}

func (r *recorder) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.answers)
}

func (r *recorder) seen() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for attempt := range r.answers {
		seen[attempt] = true
	}
	return seen
}

// accepted are the attempts that were not refused.
func (r *recorder) accepted(mayRead bool) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for attempt, status := range r.answers {
		if status < 400 && !(mayRead && attempt == "read") {
			list = append(list, attempt)
		}
	}
	return list
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
