package health_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/health"
	"example.org/rstuf/health/event"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/internal/wire"
	"example.org/rstuf/metadata"
)

// seen are the kinds of events, each with its role or code.
func seen(events []event.Event) []string {
	list := []string{}
	for _, e := range events {
		about := e.Role
		if e.Kind == event.ProblemFound || e.Kind == event.ProblemGone {
			about = strings.TrimSpace(e.Code + " " + e.Role)
		}
		list = append(list, strings.TrimSpace(string(e.Kind)+" "+about))
	}
	return list
}

// TestWatcher: what happens to a repository, one look after the other.
func TestWatcher(t *testing.T) {
	t.Parallel()
	w, now := newWorld(t), testNow
	w.cfg.Now = func() time.Time { return now }
	w.role("dev").KeyIDs = w.role("dev").KeyIDs[:2]
	var watcher health.Watcher
	look := func(want ...string) []event.Event {
		t.Helper()
		events := watcher.Next(w.examine())
		if want == nil {
			want = []string{}
		}
		assert.Equal(t, want, seen(events))
		for _, e := range events {
			assert.Equal(t, now, e.At)
			assert.NotEmpty(t, e.Text)
		}
		return events
	}
	look("problem.found role.no-slack dev")
	look()

	// The next root waits, is signed by one more, and is published.
	next := *w.root
	next.Version, next.Expires = 2, testNow.AddDate(2, 0, 0)
	wait := func(signers int) {
		doc := tuftest.Document(t, &next, w.people[:signers]...)
		w.api["/metadata/sign"] = answer(rstuf.PendingMetadata{Roles: map[string]json.RawMessage{"root": doc.Bytes()}, TrustedRoot: w.settings.TrustedRoot})
	}
	wait(1)
	events := look("signatures.wait root")
	assert.Len(t, events[0].Signed, 1)
	assert.Equal(t, int64(2), events[0].Version)
	look()
	next.Roles["root"] = metadata.RoleKeys{KeyIDs: next.Roles["root"].KeyIDs, Threshold: 3}
	wait(2)
	assert.Len(t, look("signatures.added root")[0].Signed, 2)
	wait(3)
	look("signatures.added root")

	// While the API does not answer nothing else has ended.
	pending := w.api["/metadata/sign"]
	w.api["/metadata/sign"] = 500
	look("problem.found api.unread")
	w.api["/metadata/sign"] = pending
	look("problem.gone api.unread")

	w.api["/metadata/sign"] = answer(rstuf.PendingMetadata{})
	w.put("root", 2, &next, w.people...)
	w.settings.TrustedRoot = w.files["2.root.json"]
	look("root.changed root", "signatures.complete root", "problem.found role.no-slack root")

	// A version whose signing is stopped: at the second look, for metadata files
	// may come later than the API's answer.
	next.Version = 3
	wait(1)
	look("signatures.wait root")
	w.api["/metadata/sign"] = answer(rstuf.PendingMetadata{})
	look()
	look("signatures.stopped root")

	// A role ends, and metadata that can't be read ends nothing.
	now = testNow.AddDate(0, 3, -20)
	events = look("role.expired timestamp", "role.expired snapshot", "role.ending dev")
	assert.Equal(t, "dev version 1: it ends soon and people must sign the next version", events[2].Text)
	assert.Equal(t, "role.soon", events[2].Code)
	file := w.files["timestamp.json"]
	delete(w.files, "timestamp.json")
	look("problem.found metadata.unread")
	w.files["timestamp.json"] = file
	look("problem.gone metadata.unread")
	w.timestamp.Expires, w.snapshot.Expires = now.AddDate(0, 0, 1), now.AddDate(0, 0, 1)
	w.timestamp.Version = 2
	w.put("timestamp", 2, w.timestamp, w.online)
	events = look("role.renewed timestamp")
	assert.Equal(t, int64(2), events[0].Version)
	now = now.AddDate(0, 0, 20) // dev ends, which is no renewal
	look("role.expired timestamp", "role.expired targets", "role.expired dev", "role.expired on")
}

// TestWatch: looks are apart, and end with the context.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin, looks := time.Now(), 0
		var got []string
		var at []time.Duration
		examine := func(ctx context.Context) *health.Report {
			looks++
			r := &health.Report{At: time.Now(), API: "http://api", Bootstrap: ""}
			if looks > 2 {
				r.Bootstrap = wire.BootstrapFinished
			}
			if looks == 4 {
				cancel()
				r.Findings = []health.Finding{{Code: "api.unread"}} // of the end
			}
			return r
		}
		for e := range health.Watch(ctx, time.Hour, examine) {
			got = append(got, string(e.Kind))
			at = append(at, time.Since(begin))
		}
		assert.Equal(t, []string{"repository.created"}, got)
		assert.Equal(t, []time.Duration{2 * time.Hour}, at)
		assert.Equal(t, 4, looks)
		for range health.Watch(ctx, time.Hour, examine) {
			require.Fail(t, "the context has ended")
		}
	})
}
