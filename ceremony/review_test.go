package ceremony_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// TestReviewNextRoot is what a signer sees of a change that touches all.
func TestReviewNextRoot(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	made, err := ceremony.Next(t.Context(), trusted, ceremony.Change{
		AddRootKeys: []keys.Public{public("dave"), public("erin")}, RemoveRootKeys: []string{"carol"},
		RenameKeys: map[string]string{"bob": "robert"}, Threshold: 3, Days: 400,
		OnlineKey: exampleKey("online2"), OnlineURI: "hv:online2/1", Now: testNow,
	})
	require.NoError(t, err)
	draft := carry(t, made)
	require.NoError(t, draft.Pin(trusted))
	sign(t, draft, "alice")
	review := draft.Review(testNow)
	line := func(name string) string { return name + ", ed25519, key id " + public(name).ID() }
	at := func(name, uri string) string {
		return strings.Replace(line(name), ", key id", ", at "+uri+", key id", 1)
	}
	online2 := at("online2", "hv:online2/1")
	online := at("online", "fn:"+public("online").ID())
	bob := public("bob").ID()
	assert.Equal(t, []ceremony.Difference{
		{Field: "expires", Old: "2027-11-22T12:00:00Z", New: "2027-12-27T12:00:00Z"},
		{Field: "root threshold", Old: "2", New: "3"},
		{Field: "root key", Old: line("carol")},
		{Field: "root key", New: line("dave")},
		{Field: "root key", New: line("erin")},
		{Field: "timestamp key", Old: online},
		{Field: "timestamp key", New: online2},
		{Field: "snapshot key", Old: online},
		{Field: "snapshot key", New: online2},
		{Field: "targets key", Old: online},
		{Field: "targets key", New: online2},
		{Field: "key " + bob, Old: line("bob"), New: "robert, ed25519, key id " + bob},
	}, review.Changes)
	assert.Equal(t, `root version 2, expires 2027-12-27T12:00:00Z
rests on root version 1, which you pinned
changes:
  ~ expires: 2027-11-22T12:00:00Z -> 2027-12-27T12:00:00Z
  ~ root threshold: 2 -> 3
  - root key: `+line("carol")+`
  + root key: `+line("dave")+`
  + root key: `+line("erin")+`
  - timestamp key: `+online+`
  + timestamp key: `+online2+`
  - snapshot key: `+online+`
  + snapshot key: `+online2+`
  - targets key: `+online+`
  + targets key: `+online2+`
  ~ key `+bob+`: `+line("bob")+` -> robert, ed25519, key id `+bob+`
contents:
  root threshold: 3 of 4 keys
  root key: `+line("alice")+`
  root key: robert, ed25519, key id `+bob+`
  root key: `+line("dave")+`
  root key: `+line("erin")+`
  online key: `+online2+`
fingerprint, the same for all who sign this:
  9577 d6b2 0c71 3a53 b84f 3020 0a97 cbbb
  e888 9c51 646f ee45 d919 2f5d a800 7efd
signatures: `+review.Status.String()+`
`, review.String())

	// The JSON form says the same.
	var again ceremony.Review
	require.NoError(t, json.Unmarshal([]byte(encode(t, review)), &again))
	assert.Equal(t, review, again)
}

// TestReviewAgainstThePinnedRoot: whoever pinned an older root sees all that
// has changed since.
func TestReviewAgainstThePinnedRoot(t *testing.T) {
	t.Parallel()
	first := roots(t, 1)[0]
	draft, err := ceremony.Next(t.Context(), first, ceremony.Change{AddRootKeys: []keys.Public{public("dave")}, Now: testNow})
	require.NoError(t, err)
	sign(t, draft, "alice", "bob")
	second := draft.Document()
	draft, err = ceremony.Next(t.Context(), second, ceremony.Change{Threshold: 3, Now: testNow})
	require.NoError(t, err)
	fields := func(r ceremony.Review) (names []string) {
		for _, change := range r.Changes {
			names = append(names, change.Field)
		}
		return names
	}
	draft = carry(t, draft)
	assert.Equal(t, []string{"root threshold"}, fields(draft.Review(testNow)))
	require.NoError(t, draft.Pin(first, second))
	review := draft.Review(testNow)
	assert.Equal(t, []string{"root threshold", "root key"}, fields(review))
	assert.Equal(t, "root version 2, which follows from version 1, which you pinned", review.RestsOn)
}

func TestReviewFirstRoot(t *testing.T) {
	t.Parallel()
	draft := carry(t, newDraft(t, func(p *ceremony.Policy) {
		p.TargetsBaseURL = "https://example.com/a/"
		p.RootKeys[2] = keys.Sigstore("carol@example.com", "https://accounts.example.com", "carol")
		p.Delegations = []ceremony.Role{
			{Name: "pub", Paths: []string{"pub/*", "more/*"}, Days: 30},
			{Name: "dev", Paths: []string{"dev/*"}, Keys: []keys.Public{public("dan")}, Threshold: 1, Days: 1, NotTerminating: true},
		}
	}, "alice"))
	text := draft.Review(testNow).String()
	for _, want := range []string{
		"rests on nothing: it is the first root",
		"root key: carol, sigstore-oidc, identity carol@example.com, issuer https://accounts.example.com, key id ",
		"delegation: pub: paths pub/* more/*; signed by the online key; life of 30 days",
		"delegation: dev: paths dev/*; signed by 1 of dan " + public("dan").ID() + "; life of 1 day; not terminating",
		"targets base URL: https://example.com/a/",
		"life of root: 365 days",
		"1 of 2 signatures are there (alice (faa2b7f9ab41d333)), 1 more needed of bob",
	} {
		assert.Contains(t, text, want)
	}
	assert.Equal(t, 2, strings.Count(text, "warning"))
	assert.Contains(t, text, "it has a Sigstore key: of TUF clients only python-tuf counts such signatures")
	assert.Contains(t, text, keys.ErrNoSigstore.Error())

	delegated := newDraft(t, func(p *ceremony.Policy) {
		dan := keys.Sigstore("dan@example.com", "https://accounts.example.com", "dan")
		p.Delegations = []ceremony.Role{{Name: "dev", Paths: []string{"dev/*"}, Keys: []keys.Public{dan}, Threshold: 1, Days: 1}}
	}).Review(testNow)
	require.Len(t, delegated.Warnings, 2)
	assert.Contains(t, delegated.Warnings[0], "it has a Sigstore key", "a role of the first payload")
}

func TestReviewWarnings(t *testing.T) {
	t.Parallel()
	allNeeded := newDraft(t, func(p *ceremony.Policy) { p.Threshold = 3 })
	assert.Equal(t, []string{"every root key is needed: the loss of one ends the repository"}, allNeeded.Review(testNow).Warnings)
	alone := newDraft(t, func(p *ceremony.Policy) { p.Threshold, p.AllowThresholdOneUnsafe = 1, true })
	assert.Equal(t, []string{"a single root key can replace all others: threshold 1"}, alone.Review(testNow).Warnings)
	old := newDraft(t, nil)
	assert.Equal(t, []string{"it expires within a day"}, old.Review(testNow.AddDate(1, 0, -1).Add(time.Hour)).Warnings)
	expired := old.Review(testNow.AddDate(2, 0, 0)).Warnings
	require.Len(t, expired, 1)
	assert.Contains(t, expired[0], "it has expired")
}

// TestReviewShowsAll: parts of a root that this package would never change are
// shown too if somebody else changed them.
func TestReviewShowsAll(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	root, err := trusted.Root()
	require.NoError(t, err)
	next := root.Next()
	next.ConsistentSnapshot = false
	next.SpecVersion = "1.0.20"
	next.Keys[public("mallory").ID()] = public("mallory").Key()
	delete(next.Keys, public("carol").ID())
	next.Extra = map[string]json.RawMessage{"x-acme-a": json.RawMessage(`1`), "strange": json.RawMessage(`2`)}
	changed := next.Keys[public("bob").ID()]
	changed.Extra = map[string]json.RawMessage{"x-acme-b": json.RawMessage(`3`)}
	next.Keys[public("bob").ID()] = changed
	role := next.Roles["targets"]
	role.KeyIDs, role.Threshold = []string{public("online").ID(), public("mallory").ID()}, 2
	role.Extra = map[string]json.RawMessage{"x-acme-c": json.RawMessage(`4`)}
	next.Roles["targets"] = role
	document, err := metadata.New(next)
	require.NoError(t, err)
	draft := onlyPending(t, newDeployment(t, pendingRoot(document, trusted)))
	require.NoError(t, draft.Pin(trusted))
	text := draft.Review(testNow).String()
	for _, want := range []string{
		"~ consistent snapshot: true -> false",
		"~ specification version: 1.0.31 -> 1.0.20",
		"+ targets key: mallory",
		"~ targets threshold: 1 -> 2",
		"+ field x-acme-a: 1",
		"+ field strange: 2",
		"+ key " + public("bob").ID() + " field x-acme-b: 3",
		"+ targets field x-acme-c: 4",
		"warning: it breaks rules of RSTUF",
	} {
		assert.Contains(t, text, want)
	}
}

// TestReviewDelegatedRole lists what a signer of artifacts vouches for, and
// what is odd about it.
func TestReviewDelegatedRole(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	pending := r.pending("sign.get.dev-artifact")
	api := newDeployment(t, pending)
	now := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)
	draft := onlyPending(t, api)
	require.NoError(t, draft.Pin(r.published("1.root.json")))
	text := draft.Review(now).String()
	for _, want := range []string{
		"dev version 2, expires 2026-12-22T12:50:08Z",
		"rests on targets version 1, signed as your pinned root says",
		"paths dev/*; signed by 2 of ",
		"artifact: dev/x.tgz, 1003 bytes, sha256 4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce",
		"signatures: incomplete: 0 of 2 signatures are there, 2 more needed of dev1 (a03009d1fbaf050f), dev2 (240c774c124f42df)",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "warning")

	document, err := metadata.Parse(pending.Roles["dev"])
	require.NoError(t, err)
	targets, err := document.Targets()
	require.NoError(t, err)
	targets.Targets["other/\x1b[31mred"] = metadata.TargetFile{ArtifactInfo: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": "00"}}}
	strange, err := metadata.New(targets)
	require.NoError(t, err)
	api.pending.Roles["dev"] = strange.Bytes()
	text = onlyPending(t, api).Review(now).String()
	assert.Contains(t, text, "nobody has compared the trusted root with a pinned one")
	assert.Contains(t, text, "1 artifact outside the paths of the role")
	assert.NotContains(t, text, "\x1b", "what a terminal would obey is quoted")
}

func TestReviewOfManyArtifacts(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	pending := r.pending("sign.get.dev-artifact")
	document, err := metadata.Parse(pending.Roles["dev"])
	require.NoError(t, err)
	targets, err := document.Targets()
	require.NoError(t, err)
	for i := range 1000 {
		targets.Targets[fmt.Sprintf("dev/%04d", i)] = metadata.TargetFile{ArtifactInfo: rstuf.ArtifactInfo{Length: 1, Hashes: map[string]string{"sha256": "00"}}}
	}
	many, err := metadata.New(targets)
	require.NoError(t, err)
	pending.Roles["dev"] = many.Bytes()
	review := onlyPending(t, newDeployment(t, pending)).Review(testNow)
	assert.Less(t, strings.Count(review.String(), "\n"), 220)
	assert.Contains(t, review.String(), "and 803 more: see the JSON form")
	assert.Contains(t, encode(t, review), "dev/0999")
}

// What the next root gives up is said before anybody signs.
func TestReviewWarnsOfLoss(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	warnings := func(change ceremony.Change) string {
		change.Now = testNow
		draft, err := ceremony.Next(t.Context(), trusted, change)
		require.NoError(t, err)
		return strings.Join(draft.Review(testNow).Warnings, "\n")
	}
	assert.Contains(t, warnings(ceremony.Change{Days: 100}), "it ends before the root before it, which ends on 2027-11-22")
	assert.Contains(t, warnings(ceremony.Change{RemoveRootKeys: []string{"carol"}}), "it removes the last spare key: the root before could lose 1 key")
	assert.Contains(t, warnings(ceremony.Change{Threshold: 1, AllowThresholdOneUnsafe: true}), "the threshold falls from 2 to 1")
	assert.Empty(t, warnings(ceremony.Change{Days: 400}))
}

// The Markdown form says all that the text says, and nothing in it comes out of
// its code span.
func TestReviewMarkdown(t *testing.T) {
	t.Parallel()
	policy := goodPolicy()
	evil := "` [x](https://example.com) ``` @everyone <img src=x> `"
	policy.RootKeys[1] = policy.RootKeys[1].WithName(evil)
	draft, err := ceremony.New(policy)
	require.NoError(t, err)
	sign(t, draft, "alice")
	review := draft.Review(testNow)
	text := review.Markdown()
	assert.Contains(t, text, "### `root` version 1, expires 2027-11-22\n\nSignatures are missing.")
	assert.Contains(t, text, "- [x] `alice (")
	assert.Contains(t, text, "- [ ] `carol (")
	assert.Contains(t, text, "- 1 more signature needed")
	assert.Contains(t, text, "`root threshold: 2 of 3 keys`")
	assert.NotContains(t, text, "**Changes**")
	for _, item := range review.Contents {
		assert.Contains(t, text, item.Field)
	}
	// What is left outside of code spans is ours.
	outside := withoutCode(text)
	assert.NotContains(t, outside, "example.com")
	assert.NotContains(t, outside, "@everyone")
	assert.NotContains(t, outside, "<img")

	sign(t, draft, "carol")
	assert.Contains(t, draft.Review(testNow).Markdown(), "All signatures are there.")
}

// withoutCode takes the code spans out of Markdown: one begins with some
// backticks and ends with as many.
func withoutCode(text string) string {
	var out strings.Builder
	ticks := func(s string) int { return len(s) - len(strings.TrimLeft(s, "`")) }
	for len(text) > 0 {
		n := ticks(text)
		if n == 0 {
			out.WriteByte(text[0])
			text = text[1:]
			continue
		}
		rest := text[n:]
		for len(rest) > 0 && ticks(rest) != n {
			rest = rest[max(ticks(rest), 1):]
		}
		if rest == "" { // it never ends, so it is none
			out.WriteString(text[:n])
			text = text[n:]
			continue
		}
		text = rest[n:]
	}
	return out.String()
}
