package rstuftest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"example.org/rstuf"
)

// Upload is what the code under test is to publish.
type Upload struct {
	// APIURL is where the API is, without /api/v1.
	APIURL string
	// MetadataURL is where what is published can be seen, by those who trust Root.
	MetadataURL string
	Root        []byte
	// HTTPClient is the only way to both.
	HTTPClient *http.Client
	Artifact   rstuf.Artifact
}

// Publisher is the code under test: it publishes an artifact, and returns nil only
// if it is published then. It ends with its context. Like a [Downloader] it runs
// in a testing/synctest bubble.
type Publisher func(ctx context.Context, upload Upload) error

// TestPublisher tests code that publishes: without faults, and with all [Faults],
// a subtest each, in virtual time. Known is as in [TestDownloader].
func TestPublisher(t *testing.T, publish Publisher, known map[string]string) {
	all := append([]Fault{{Name: "no fault", Passes: true}}, Faults()...)
	subtests(t, all, faultName, func(t *testing.T, f Fault) error { return f.Try(t, publish) }, known)
}

// subtests tries all cases, each in a bubble of its own.
func subtests[C any](t *testing.T, all []C, nameOf func(C) string, try func(*testing.T, C) error, known map[string]string) {
	listed := 0
	for _, c := range all {
		name := nameOf(c)
		if _, isKnown := known[name]; isKnown {
			listed++
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { judge(t, name, try(t, c), known) })
		})
	}
	if listed < len(known) {
		t.Errorf("%d of the known failures are no subtests", len(known)-listed)
	}
}

// judge makes the outcome of a subtest of what came out.
func judge(t *testing.T, name string, err error, known map[string]string) {
	t.Helper()
	why, isKnown := known[name]
	switch {
	case err != nil && isKnown:
		t.Skipf("known to fail (%s): %v", why, err)
	case err != nil:
		t.Error(err)
	case isKnown:
		t.Errorf("it passes by now: take it from the list of known failures (%s)", why)
	}
}

const uploadPath = "pkg/upload.bin"

// uploadTime is how long a publisher has: enough for whatever passes.
const uploadTime = time.Hour

// Try applies the fault to a repository of its own, and returns nil if the code
// publishes whenever that is possible, and claims so only then. Call it in a
// testing/synctest bubble.
func (f Fault) Try(t testing.TB, publish Publisher) error {
	r := New(t)
	content := []byte("uploaded")
	r.web.put(uploadPath, content)
	var late time.Duration // by which it has outlasted its context
	upload := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), uploadTime)
		defer cancel()
		begun := time.Now()
		err := publish(ctx, Upload{
			APIURL: r.APIURL, MetadataURL: r.MetadataURL, Root: r.RootJSON, HTTPClient: r.HTTPClient(),
			Artifact: rstuf.Artifact{Path: uploadPath, Info: describe(content)},
		})
		late = max(late, time.Since(begun)-uploadTime)
		return err
	}
	published := func() error {
		state, err := r.state(t.Context())
		if _, there := state.Artifacts[uploadPath]; err == nil && !there {
			err = errors.New("it claims to have published what is not published")
		}
		return err
	}
	undo := func() {}
	if f.handle != nil {
		undo = f.Apply(t, r)
	}
	err := upload()
	undo()
	switch {
	case late > 0:
		return fmt.Errorf("it has not ended with its context, but %s later", late)
	case err != nil && f.Passes:
		return fmt.Errorf("the fault has passed and whoever tries again gets through, but: %w", err)
	case err == nil:
		if err := published(); err != nil {
			return err
		}
	}
	if err := upload(); err != nil {
		return fmt.Errorf("the fault is mended, but: %w", err)
	}
	return published()
}
