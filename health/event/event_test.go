package event_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/health/event"
	"example.org/rstuf/metadata"
)

func Example() {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	e := event.OfRole(event.RootChanged, at, "root", 2, at.AddDate(1, 0, 0))
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	fmt.Println(e)
	fmt.Println(string(line))
	// Output:
	// 2026-11-23T12:00:00Z root.changed: root version 2: another root is in effect
	// {"event":"root.changed","at":"2026-11-23T12:00:00Z","role":"root","version":2,"expires":"2027-11-23T12:00:00Z","text":"root version 2: another root is in effect"}
}

// TestHostileNames: names of strangers stay in one line, and in their place.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0)
	for _, e := range []event.Event{
		event.OfRole(event.SignaturesWait, at, "a\n\u202eb", 1, at),
		event.Of(event.PublishingPaused, at, "a\n\u202eb"),
	} {
		assert.NotContains(t, e.String(), "\n")
		assert.NotContains(t, e.String(), "\u202e")
	}
}

// TestEnding: what lives 30 days is not about to end on its first one.
func TestEnding(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, test := range []struct {
		left, life time.Duration
		want       bool
	}{
		{31 * day, 0, false}, {29 * day, 0, true}, {29 * day, 365 * day, true}, {29 * day, 30 * day, false},
		{7 * day, 30 * day, true}, {-day, 30 * day, true},
	} {
		assert.Equal(t, test.want, event.Ending(test.left, test.life, event.Soon, event.SoonShare), "%v", test)
	}
}

// TestSigners: a key that signs for two roots is one.
func TestSigners(t *testing.T) {
	t.Parallel()
	a, b := metadata.KeyRef{KeyID: "a"}, metadata.KeyRef{KeyID: "b"}
	got := event.Signers(metadata.Verification{Signed: []metadata.KeyRef{a, b}}, metadata.Verification{Signed: []metadata.KeyRef{b}})
	assert.Equal(t, []metadata.KeyRef{a, b}, got)
}

// TestDocumentation: docs/health.md has every kind, who tells it and what it means.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/health.md")
	require.NoError(t, err)
	lines := 0
	for _, kind := range event.Kinds() {
		assert.Contains(t, string(page), fmt.Sprintf("| `%s` | %s | %s |\n", kind.Kind, kind.From, kind.Means))
		lines++
	}
	assert.Equal(t, lines, strings.Count(string(page), "| both |")+strings.Count(string(page), "| service |")+strings.Count(string(page), "| watch |"))
}
