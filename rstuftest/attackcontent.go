package rstuftest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"example.org/rstuf"
	"example.org/rstuf/metadata"
)

// contentAttacks need nothing but a place between the client and the servers.
var contentAttacks = []Attack{
	{
		Name: "wrong software", Section: "5.7.3",
		Text:  "The server sends other files of the same length in place of the artifacts.",
		Must:  "refuse the artifact",
		begin: func(_ context.Context, a *attacker) error { a.spoil(); return nil },
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "endless timestamp", Section: "5.4.1",
		Text:  "The server sends a timestamp that does not end.",
		Must:  "stop reading, and refuse it",
		begin: endless(metadataPath + "timestamp.json"),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "endless root", Section: "5.3.3",
		Text:  "The server sends a next root that does not end.",
		Must:  "stop reading, and refuse it",
		begin: endlessRoot,
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "endless artifact", Section: "5.7.3",
		Text:  "The server sends an artifact that does not end.",
		Must:  "stop reading after the length that the metadata says, and refuse it",
		begin: endless(artifactsPath),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "compressed bomb for a timestamp", Section: "5.4.1",
		Text:  "The server sends a small compressed timestamp that becomes enormous when it is unpacked.",
		Must:  "count what it unpacks, stop, and refuse it",
		begin: bomb(metadataPath + "timestamp.json"),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name: "compressed bomb for an artifact", Section: "5.7.3",
		Text:  "The server sends a small compressed artifact that becomes enormous when it is unpacked.",
		Must:  "count what it unpacks, stop, and refuse it",
		begin: bomb(artifactsPath),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name:  "slow retrieval of the timestamp",
		Text:  "The server sends a byte of the timestamp a minute.",
		Must:  "give up in an hour",
		begin: slow(metadataPath + "timestamp.json"),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name:  "slow retrieval of an artifact",
		Text:  "The server sends a byte of the artifact a minute.",
		Must:  "give up in an hour",
		begin: slow(artifactsPath),
		trial: trial{refuse: true, cold: true},
	},
	{
		Name:  "redirect of metadata that carries credentials away",
		Text:  "The server redirects requests for metadata to a stranger's.",
		Must:  "send no credentials to another host than that of the URL it was given",
		begin: redirect(metadataPath),
		trial: trial{cold: true},
	},
	{
		Name:  "redirect of artifacts that carries credentials away",
		Text:  "The server redirects requests for artifacts to a stranger's.",
		Must:  "send no credentials to another host than that of the URL it was given",
		begin: redirect(artifactsPath),
		trial: trial{cold: true},
	},
}

// An endless file has an end, so that a client without bounds comes to one too.
const endOfEndless = 32 << 20

// endless answers with a file that goes on.
func endless(path string) func(context.Context, *attacker) error {
	return func(_ context.Context, a *attacker) error {
		a.answers[path] = func(w http.ResponseWriter, _ *http.Request) {
			block := bytes.Repeat([]byte{'{'}, 64<<10)
			for sent := 0; sent < endOfEndless; sent += len(block) {
				n, err := w.Write(block)
				a.count(n)
				if err != nil {
					return
				}
			}
		}
		return nil
	}
}

func endlessRoot(ctx context.Context, a *attacker) error {
	root, err := a.newestRoot(ctx)
	if err != nil {
		return err
	}
	return endless(metadataPath+metadata.Filename(rstuf.RoleRoot, root.Version+1))(ctx, a)
}

// bombFactor is about how much a bomb becomes larger.
const bombFactor = 1000

var packedSpaces = sync.OnceValues(func() ([]byte, error) {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err := zip.Write(bytes.Repeat([]byte{' '}, endOfEndless))
	err = errors.Join(err, zip.Close())
	return packed.Bytes(), err
})

// bomb answers with compressed spaces, and counts what they become.
func bomb(path string) func(context.Context, *attacker) error {
	return func(_ context.Context, a *attacker) error {
		packed, err := packedSpaces()
		if err != nil {
			return err
		}
		a.answers[path] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			control := http.NewResponseController(w)
			for rest := packed; len(rest) > 0; {
				part := rest[:min(256, len(rest))]
				rest = rest[len(part):]
				if _, err := w.Write(part); err != nil {
					return
				}
				if control.Flush() != nil {
					return
				}
				a.count(len(part) * bombFactor)
			}
		}
		return nil
	}
}

// slow answers rightly, a byte a minute.
func slow(path string) func(context.Context, *attacker) error {
	return func(_ context.Context, a *attacker) error {
		a.answers[path] = func(w http.ResponseWriter, r *http.Request) {
			full := &recorded{header: w.Header()}
			a.web.serve(full, r)
			w.WriteHeader(full.status)
			control := http.NewResponseController(w)
			for _, b := range full.body.Bytes() {
				if _, err := w.Write([]byte{b}); err != nil || control.Flush() != nil {
					return
				}
				select {
				case <-time.After(time.Minute):
				case <-r.Context().Done():
					return
				}
			}
		}
		return nil
	}
}

// recorded is an answer that is kept.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header { return r.header }
func (r *recorded) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}
func (r *recorded) Write(p []byte) (int, error) { r.WriteHeader(http.StatusOK); return r.body.Write(p) }

// redirect sends clients to a stranger's server, which has the right files and
// looks what else comes.
func redirect(folder string) func(context.Context, *attacker) error {
	return func(_ context.Context, a *attacker) error {
		elsewhere := a.network.serve("stranger.rstuf.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.mu.Lock()
			for name := range credentials() {
				if value := r.Header.Get(name); value != "" && a.leaked == "" {
					a.leaked = fmt.Sprintf("%s: %s", name, value)
				}
			}
			a.mu.Unlock()
			a.web.serve(w, r)
		}))
		a.answers[folder] = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere+r.URL.RequestURI(), http.StatusFound)
		}
		return nil
	}
}

// credentials are what clients send to the hosts of the repository.
func credentials() http.Header {
	return http.Header{"Authorization": {"Bearer of the test"}, "X-Api-Key": {"key of the test"}}
}
