package ceremony_test

import (
	"context"
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

// withRole is a draft with one custom role of dan and erin, of whom both sign.
func withRole(t *testing.T) *ceremony.Draft {
	t.Helper()
	return newDraft(t, func(p *ceremony.Policy) {
		p.Delegations = []ceremony.Role{{Name: "dev", Paths: []string{"dev/*"}, Keys: []keys.Public{public("dan"), public("erin")}, Threshold: 2, Days: 1}}
	})
}

// TestKeysOfRolesBelongToTheirIDs: settings are not signed. Whoever carries a
// draft must not put another key under the id that people compare, nor make
// one key count as two.
func TestKeysOfRolesBelongToTheirIDs(t *testing.T) {
	t.Parallel()
	text := encode(t, withRole(t))
	value := func(name string) string { return public(name).Key().Value["public"] }
	dan := public("dan")
	for name, c := range map[string]struct{ text, want string }{
		"another key under an id": {strings.ReplaceAll(text, value("dan"), value("mallory")), "the id does not fit the key"},
		"one key under two ids":   {strings.NewReplacer(public("erin").ID(), dan.LegacyID(), value("erin"), value("dan")).Replace(text), "a threshold of 2 and 1 usable keys"},
		"the online key":          {strings.NewReplacer(dan.ID(), public("online").ID(), value("dan"), value("online")).Replace(text), "is the online key"},
	} {
		require.NotEqual(t, text, c.text, name)
		_, err := ceremony.ReadDraft(strings.NewReader(c.text))
		assert.ErrorContains(t, err, c.want, name)
	}
}

// TestOneKeyIsNotTwo: other ways to write one key do not make it several.
func TestOneKeyIsNotTwo(t *testing.T) {
	t.Parallel()
	upper := public("dan").Key()
	upper.Value["public"] = strings.ToUpper(upper.Value["public"])
	again, err := keys.FromKey(upper)
	require.NoError(t, err)
	again = again.WithName("danny")
	require.NotEqual(t, public("dan").ID(), again.ID())
	person := func(name string) keys.Public {
		return keys.Sigstore("dan@example.com", "https://accounts.example.com", name)
	}
	for name, change := range map[string]func(*ceremony.Policy){
		"root keys":  func(p *ceremony.Policy) { p.RootKeys = []keys.Public{public("dan"), again} },
		"one person": func(p *ceremony.Policy) { p.RootKeys = []keys.Public{person("dan"), person("danny")} },
		"online key": func(p *ceremony.Policy) { p.RootKeys[0], p.OnlineKey = public("dan"), again },
		"keys of a role": func(p *ceremony.Policy) {
			p.Delegations = []ceremony.Role{{Name: "dev", Paths: []string{"*"}, Keys: []keys.Public{public("dan"), again}, Threshold: 2, Days: 1}}
		},
		"role and online": func(p *ceremony.Policy) {
			p.OnlineKey = public("dan")
			p.Delegations = []ceremony.Role{{Name: "dev", Paths: []string{"*"}, Keys: []keys.Public{again}, Threshold: 1, Days: 1}}
		},
	} {
		policy := goodPolicy()
		change(&policy)
		assert.Len(t, problemsOf(t, policy.Validate()), 1, name)
	}
}

// TestReviewCannotBeForged: names, paths and identities are anybody's text, and
// must not look like the facts around them.
func TestReviewCannotBeForged(t *testing.T) {
	t.Parallel()
	fake := "alice, ed25519, key id " + public("alice").ID()
	draft := newDraft(t, func(p *ceremony.Policy) {
		p.RootKeys[0] = public("mallory").WithName(fake)
		p.RootKeys[1] = keys.Sigstore("a@example.com, issuer https://good.example.com", "https://bad.example.com", "bob")
		p.Delegations = []ceremony.Role{{Name: "dev", Days: 30, Paths: []string{"a/*; signed by the online key; life of 1 day", "b c"}}}
	}, "carol")
	text := draft.Review(testNow).String()
	assert.Contains(t, text, `root key: "`+fake+`", ed25519, key id `+public("mallory").ID())
	assert.Contains(t, text, `identity "a@example.com, issuer https://good.example.com", issuer https://bad.example.com`)
	assert.Contains(t, text, `paths "a/*; signed by the online key; life of 1 day" "b c"; signed by the online key; life of 30 days`)
	assert.Contains(t, text, `of "`+fake+`" (`+public("mallory").ID()[:16]+`)`)

	trusted := roots(t, 1)[0]
	next, err := ceremony.Next(t.Context(), trusted, ceremony.Change{RenameKeys: map[string]string{"bob": "bob -> robert"}, Now: testNow})
	require.NoError(t, err)
	assert.Contains(t, next.Review(testNow).String(), `-> "bob -> robert", ed25519`)
}

// TestReviewOfFirstRootShowsAll: nothing in a first root escapes its signers.
func TestReviewOfFirstRootShowsAll(t *testing.T) {
	t.Parallel()
	root, err := newDraft(t, nil).Document().Root()
	require.NoError(t, err)
	root.Extra = map[string]json.RawMessage{"x-acme-note": json.RawMessage(`"hello"`)}
	root.Keys[public("mallory").ID()] = public("mallory").Key()
	key := root.Keys[public("bob").ID()]
	key.Extra = map[string]json.RawMessage{"x-acme-key": json.RawMessage(`1`)}
	root.Keys[public("bob").ID()] = key
	role := root.Roles["targets"]
	role.Extra = map[string]json.RawMessage{"x-acme-role": json.RawMessage(`2`)}
	root.Roles["targets"] = role
	document, err := metadata.New(root)
	require.NoError(t, err)
	text := onlyPending(t, newDeployment(t, pendingRoot(document, nil))).Review(testNow).String()
	for _, want := range []string{
		`field x-acme-note: "hello"`,
		"unused key: mallory, ed25519, key id " + public("mallory").ID(),
		"key " + public("bob").ID() + " field x-acme-key: 1",
		"targets field x-acme-role: 2",
	} {
		assert.Contains(t, text, want)
	}
}

// TestReviewOfArtifactsShowsAll: custom data and fields of others are signed too.
func TestReviewOfArtifactsShowsAll(t *testing.T) {
	t.Parallel()
	pending := record(t, "custom-delegations").pending("sign.get.dev-artifact")
	document, err := metadata.Parse(pending.Roles["dev"])
	require.NoError(t, err)
	targets, err := document.Targets()
	require.NoError(t, err)
	targets.Extra = map[string]json.RawMessage{"x-acme-note": json.RawMessage(`1`)}
	targets.Targets["dev/x, 1 bytes"] = metadata.TargetFile{
		ArtifactInfo: rstuf.ArtifactInfo{Length: 2, Hashes: map[string]string{"sha256": "00"}, Custom: json.RawMessage(`{"run":"rm -rf"}`)},
		Extra:        map[string]json.RawMessage{"x-acme-file": json.RawMessage(`3`)},
	}
	changed, err := metadata.New(targets)
	require.NoError(t, err)
	pending.Roles["dev"] = changed.Bytes()
	text := onlyPending(t, newDeployment(t, pending)).Review(testNow).String()
	assert.Contains(t, text, `artifact: "dev/x, 1 bytes", 2 bytes, sha256 00, custom {"run":"rm -rf"}`)
	assert.Contains(t, text, `artifact "dev/x, 1 bytes" field x-acme-file: 3`)
	assert.Contains(t, text, "field x-acme-note: 1")
}

// TestReviewShowsOtherKeysUnderAnID: a key that was exchanged under its old id
// is a difference, not only a rule that is broken.
func TestReviewShowsOtherKeysUnderAnID(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	root, err := trusted.Root()
	require.NoError(t, err)
	next := root.Next()
	bob := public("bob").ID()
	other := next.Keys[bob]
	other.Value = public("mallory").Key().Value
	next.Keys[bob] = other
	document, err := metadata.New(next)
	require.NoError(t, err)
	draft := onlyPending(t, newDeployment(t, pendingRoot(document, trusted)))
	review := draft.Review(testNow)
	require.Len(t, review.Changes, 1)
	assert.Equal(t, "key "+bob+" value", review.Changes[0].Field)
	assert.Contains(t, strings.Join(review.Warnings, "; "), "the id does not fit the key")
}

// TestReviewTextIsBounded whatever a deployment sends.
func TestReviewTextIsBounded(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	root, err := trusted.Root()
	require.NoError(t, err)
	next := root.Next()
	next.Extra = map[string]json.RawMessage{}
	for i := range 1000 {
		next.Extra[fmt.Sprintf("x-acme-%d", i)] = json.RawMessage(`"` + strings.Repeat("a", 10_000) + `"`)
	}
	document, err := metadata.New(next)
	require.NoError(t, err)
	text := onlyPending(t, newDeployment(t, pendingRoot(document, trusted))).Review(testNow).String()
	assert.Less(t, len(text), 1_000_000)
	assert.Contains(t, text, "and 800 more: see the JSON form")
}

// TestMergeBesideSigstore: a Sigstore signature can't be checked here. One that
// both drafts have had from the start keeps nobody from merging the others; one
// that is new is not taken.
func TestMergeBesideSigstore(t *testing.T) {
	t.Parallel()
	carol := keys.Sigstore("carol@example.com", "https://accounts.example.com", "carol")
	draft := newDraft(t, func(p *ceremony.Policy) { p.RootKeys[2] = carol })
	bundle := func(text string) *ceremony.Draft {
		return tamper(t, draft, func([]rstuf.Signature) []rstuf.Signature {
			return []rstuf.Signature{{KeyID: carol.ID(), Bundle: json.RawMessage(text)}}
		})
	}
	signed := bundle(`{"a": [1, 2]}`)
	atAlice, atBob := carry(t, signed), bundle(`{"a":[1,2]}`)
	sign(t, atAlice, "alice")
	sign(t, atBob, "bob")
	require.NoError(t, atAlice.Merge(atBob))
	assert.True(t, atAlice.Status().Complete())
	assert.ErrorIs(t, atAlice.Merge(bundle(`{"a":[1,3]}`)), keys.ErrUnverifiable)
	assert.ErrorIs(t, draft.Merge(signed), keys.ErrUnverifiable)
}

// TestSendEnds even where a deployment takes a signature and never shows it.
func TestSendEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	draft := newDraft(t, nil)
	api := forgetful{newDeployment(t, pendingRoot(draft.Document(), nil)), new(int)}
	sign(t, draft, "alice")
	sent, err := draft.Send(ctx, api)
	assert.ErrorContains(t, err, "does not show it")
	assert.Len(t, sent.Signatures, 1)
	assert.Equal(t, 1, *api.taken)
}

// forgetful says that it has taken a signature, and has not.
type forgetful struct {
	*deployment
	taken *int
}

func (f forgetful) SubmitSignature(ctx context.Context, _ string, _ rstuf.Signature) (string, error) {
	*f.taken++
	return "task", ctx.Err()
}

func (f forgetful) WaitTask(context.Context, string, func(rstuf.Task)) (rstuf.Task, error) {
	return rstuf.Task{ID: "task", State: rstuf.TaskSuccess}, nil
}

// TestHugePendingDocument: a document as large as one can be has no room for
// another signature. That is an error and not the end of the program.
func TestHugePendingDocument(t *testing.T) {
	t.Parallel()
	trusted := roots(t, 1)[0]
	root, err := trusted.Root()
	require.NoError(t, err)
	next := root.Next()
	text := func(n int) []byte {
		next.Extra = map[string]json.RawMessage{"x-acme-a": json.RawMessage(`"` + strings.Repeat("a", n) + `"`)}
		document, err := metadata.New(next)
		require.NoError(t, err)
		return document.Bytes()
	}
	document, err := metadata.Parse(text(metadata.MaxSize - len(text(0))))
	require.NoError(t, err)
	require.Len(t, document.Bytes(), metadata.MaxSize)
	draft := onlyPending(t, newDeployment(t, pendingRoot(document, trusted)))
	require.NoError(t, draft.Pin(trusted))
	err = draft.Sign(t.Context(), exampleKey("alice"))
	assert.ErrorContains(t, err, "too large")
	assert.Len(t, draft.Document().Bytes(), metadata.MaxSize)
}

// TestExpiredPin: an online key that was replaced long ago could still have
// signed the targets, if the pinned root is as old.
func TestExpiredPin(t *testing.T) {
	t.Parallel()
	r := record(t, "custom-delegations")
	draft := onlyPending(t, newDeployment(t, r.pending("sign.get")))
	pinned := r.published("1.root.json")
	require.NoError(t, draft.Pin(pinned))
	warnings := strings.Join(draft.Review(pinned.Expires().Add(time.Second)).Warnings, "; ")
	assert.Contains(t, warnings, "the pinned root has expired")
	warnings = strings.Join(draft.Review(pinned.Expires().Add(-time.Second)).Warnings, "; ")
	assert.NotContains(t, warnings, "the pinned root has expired")
}

// TestBadPolicyFilesEnd: aliases that multiply, and numbers that are too large.
func TestBadPolicyFilesEnd(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, text := range map[string]string{
		"bomb":          bomb + "root_keys: *j\n",
		"large number":  "threshold: 99999999999999999999\n",
		"large timeout": "timeout: 9999999999999\n",
		"deep":          "root_keys: " + strings.Repeat("[", 100_000),
		"deep blocks":   strings.Repeat("- ", 10_000),
		"self":          "root_keys: &a [*a]\n",
		"field twice":   "threshold: 2\nthreshold: 3\n",
		"other case":    "Threshold: 2\n",
		"two policies":  "threshold: 2\n---\nthreshold: 3\n",
		"not UTF-8":     "targets_base_url: \xff\n",
	} {
		start := time.Now()
		_, err := ceremony.ParsePolicy([]byte(text), t.TempDir())
		require.Error(t, err, name)
		assert.Less(t, len(err.Error()), 2000, name)
		assert.NotContains(t, err.Error(), "\n", name)
		assert.Less(t, time.Since(start), time.Minute, name)
	}
}
