package ceremony_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

func newDraft(t *testing.T, change func(*ceremony.Policy), signers ...string) *ceremony.Draft {
	t.Helper()
	policy := goodPolicy()
	if change != nil {
		change(&policy)
	}
	draft, err := ceremony.New(policy)
	require.NoError(t, err)
	sign(t, draft, signers...)
	return draft
}

func sign(t *testing.T, draft *ceremony.Draft, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, draft.Sign(t.Context(), exampleKey(name)))
	}
}

// carry is the draft as it arrives on another machine.
func carry(t *testing.T, draft *ceremony.Draft) *ceremony.Draft {
	t.Helper()
	path := filepath.Join(t.TempDir(), "draft.json")
	require.NoError(t, draft.Save(path))
	loaded, err := ceremony.LoadDraft(path)
	require.NoError(t, err)
	return loaded
}

// TestMainFlow is the flow of the architecture page, up to the network.
func TestMainFlow(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	alice, err := keys.Generate(keys.Ed25519, "alice")
	require.NoError(t, err)
	bob, err := keys.Generate(keys.ECDSAP256, "bob")
	require.NoError(t, err)
	online, err := keys.Generate(keys.Ed25519, "online")
	require.NoError(t, err)
	draft, err := ceremony.New(ceremony.Policy{
		RootKeys:  []keys.Public{alice.Public(), bob.Public()},
		Threshold: 2,
		OnlineKey: online.Public(),
		HashBins:  256,
	})
	require.NoError(t, err)
	require.NoError(t, draft.Sign(ctx, alice))
	assert.False(t, draft.Status().Complete())
	assert.Equal(t, []metadata.KeyRef{{KeyID: bob.Public().ID(), Name: "bob"}}, draft.Status().Missing())
	require.NoError(t, draft.Sign(ctx, bob))
	assert.True(t, draft.Status().Complete())
	assert.Empty(t, draft.Status().Missing())
	signed, err := bootstrap.Check(draft.Payload(), time.Now())
	require.NoError(t, err)
	assert.True(t, signed.OK())
	assert.Nil(t, draft.Update())
	assert.Nil(t, draft.FirstGenerationPayload())
}

func TestDraftTravels(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"alice", "bob"}, {"bob", "alice"}, {"carol", "alice"}} {
		draft := newDraft(t, func(p *ceremony.Policy) { p.TargetsBaseURL = "https://example.com/a" })
		for _, name := range order {
			assert.False(t, draft.Status().Complete())
			draft = carry(t, draft)
			sign(t, draft, name)
		}
		assert.True(t, draft.Status().Complete())
		assert.Equal(t, "https://example.com/a/", draft.TargetsBaseURL())
		again := carry(t, draft)
		assert.Equal(t, encode(t, draft), encode(t, again))
		assert.JSONEq(t, encode(t, draft.Payload()), encode(t, again.Payload()))
	}
}

// TestPayloadIsACopy: whoever changes a payload does not change the draft.
func TestPayloadIsACopy(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, func(p *ceremony.Policy) {
		p.Delegations = []ceremony.Role{{Name: "r", Paths: []string{"*"}, Days: 1}}
	}, "alice")
	before := encode(t, draft)
	payload := draft.Payload()
	payload.Settings.Roles.Delegations.Roles[0].Name = "changed"
	payload.Settings.Roles.Delegations.Keys["x"] = rstuf.Key{}
	payload.Metadata["root"][0] = 'x'
	draft.Document().Bytes()[0] = 'x'
	bins := newDraft(t, nil)
	bins.Payload().Settings.Roles.Bins.NumberOfDelegatedBins = 3
	assert.Equal(t, before, encode(t, draft))
	assert.Equal(t, 256, bins.Payload().Settings.Roles.Bins.NumberOfDelegatedBins)
}

func TestSaveKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, nil, "alice")
	path := filepath.Join(t.TempDir(), "draft.json")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	assert.ErrorIs(t, draft.Save(path), fs.ErrExist)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(kept))
	require.NoError(t, draft.SaveOver(path))
	loaded, err := ceremony.LoadDraft(path)
	require.NoError(t, err)
	assert.Equal(t, encode(t, draft), encode(t, loaded))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary files")
	assert.Error(t, draft.Save(filepath.Join(t.TempDir(), "no", "such", "folder")))
}

func TestMerge(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, nil)
	atAlice, atBob := carry(t, draft), carry(t, draft)
	sign(t, atAlice, "alice")
	sign(t, atBob, "bob")
	require.NoError(t, atAlice.Merge(atBob))
	assert.True(t, atAlice.Status().Complete())
	assert.False(t, atBob.Status().Complete(), "the other one stays as it is")
	before := encode(t, atAlice)
	require.NoError(t, atAlice.Merge(atBob), "merging again changes nothing")
	assert.Equal(t, before, encode(t, atAlice))
	require.NoError(t, atBob.Merge(atAlice))
	assert.True(t, atBob.Status().Complete())
}

func TestMergeRefusesOtherContent(t *testing.T) {
	t.Parallel()
	trusted := newDraft(t, nil, "alice", "bob").Document()
	next, err := ceremony.Next(t.Context(), trusted, ceremony.Change{Days: 400, Now: testNow})
	require.NoError(t, err)
	for name, other := range map[string]*ceremony.Draft{
		"other root":     newDraft(t, func(p *ceremony.Policy) { p.Threshold = 3 }, "bob"),
		"other expiry":   newDraft(t, func(p *ceremony.Policy) { p.Now = testNow.Add(time.Second) }, "bob"),
		"other bins":     newDraft(t, func(p *ceremony.Policy) { p.HashBins = 4 }, "bob"),
		"other base URL": newDraft(t, func(p *ceremony.Policy) { p.TargetsBaseURL = "https://example.com/" }, "bob"),
		"next root":      next,
	} {
		draft := newDraft(t, nil, "alice")
		before := encode(t, draft)
		assert.ErrorIs(t, draft.Merge(other), ceremony.ErrDifferentContent, name)
		assert.Equal(t, before, encode(t, draft), name)
	}
}

// TestMergeRefusesWrongSignatures: one wrong signature among several, and
// nothing is merged.
func TestMergeRefusesWrongSignatures(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, nil)
	other := tamper(t, newDraft(t, nil, "alice", "bob"), func(signatures []rstuf.Signature) []rstuf.Signature {
		signatures[1].Sig = strings.Repeat("0", 128)
		return signatures
	})
	before := encode(t, draft)
	assert.ErrorIs(t, draft.Merge(other), keys.ErrBadSignature)
	assert.Equal(t, before, encode(t, draft))

	stranger := tamper(t, newDraft(t, nil, "alice"), func(signatures []rstuf.Signature) []rstuf.Signature {
		signatures[0].KeyID = strings.Repeat("0", 64)
		return signatures
	})
	assert.ErrorIs(t, draft.Merge(stranger), ceremony.ErrNotSigner)
}

// tamper changes the signatures in a draft's file.
func tamper(t *testing.T, draft *ceremony.Draft, change func([]rstuf.Signature) []rstuf.Signature) *ceremony.Draft {
	t.Helper()
	var file map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(encode(t, draft)), &file))
	var document map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(file["document"], &document))
	document["signatures"] = json.RawMessage(encode(t, change(draft.Document().Signatures())))
	file["document"] = json.RawMessage(encode(t, document))
	tampered, err := ceremony.ReadDraft(strings.NewReader(encode(t, file)))
	require.NoError(t, err)
	return tampered
}

func TestSignaturesAreChecked(t *testing.T) {
	t.Parallel()
	draft := newDraft(t, nil)
	before := encode(t, draft)
	assert.ErrorIs(t, draft.Sign(t.Context(), exampleKey("mallory")), ceremony.ErrNotSigner)
	assert.ErrorIs(t, draft.Sign(t.Context(), exampleKey("online")), ceremony.ErrNotSigner)
	assert.ErrorIs(t, draft.AddSignature(rstuf.Signature{KeyID: public("alice").ID(), Sig: strings.Repeat("0", 128)}), keys.ErrBadSignature)
	assert.ErrorIs(t, draft.AddSignature(rstuf.Signature{KeyID: public("alice").ID(), Sig: "no hex"}), keys.ErrBadSignature)
	assert.ErrorIs(t, draft.AddSignature(rstuf.Signature{KeyID: "short", Sig: ""}), ceremony.ErrNotSigner)
	// bob's signature under alice's key id
	bobs := newDraft(t, nil, "bob").Document().Signatures()[0]
	bobs.KeyID = public("alice").ID()
	assert.ErrorIs(t, draft.AddSignature(bobs), keys.ErrBadSignature)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, draft.Sign(cancelled, exampleKey("alice")), context.Canceled)
	assert.Equal(t, before, encode(t, draft))
	require.NoError(t, draft.AddSignature(newDraft(t, nil, "bob").Document().Signatures()[0]))
	sign(t, draft, "bob")
	assert.Len(t, draft.Document().Signatures(), 1, "a second signature by a key replaces the first")
}

// TestWrongSignaturesInAFile are shown and do not count, and the right one can
// take their place.
func TestWrongSignaturesInAFile(t *testing.T) {
	t.Parallel()
	draft := tamper(t, newDraft(t, nil, "alice", "bob"), func(signatures []rstuf.Signature) []rstuf.Signature {
		signatures[0].Sig, signatures[1].Sig = signatures[1].Sig, signatures[0].Sig
		return signatures
	})
	status := draft.Status()
	assert.False(t, status.Complete())
	assert.Len(t, status.Document.Invalid, 2)
	assert.Contains(t, draft.Review(testNow).String(), "warning: the signature by alice (faa2b7f9ab41d333) does not count")
	sign(t, draft, "alice", "bob")
	assert.True(t, draft.Status().Complete())
}

func TestBadDrafts(t *testing.T) {
	t.Parallel()
	good := encode(t, newDraft(t, nil, "alice"))
	trusted := newDraft(t, nil, "alice", "bob").Document()
	next, err := ceremony.Next(t.Context(), trusted, ceremony.Change{Days: 400, Now: testNow})
	require.NoError(t, err)
	nextText := encode(t, next)
	r := record(t, "custom-delegations")
	drafts, err := ceremony.Pending(t.Context(), newDeployment(t, r.pending("sign.get")))
	require.NoError(t, err)
	delegated := encode(t, drafts[0])
	with := func(text, old, new string) string {
		require.Contains(t, text, old)
		return strings.Replace(text, old, new, 1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":                {"", "the text ends"},
		"truncated":            {good[:len(good)/2], "line 1"},
		"not an object":        {"[]", "it must be an object, not array"},
		"no draft":             {"{}", "this is not the draft of a ceremony"},
		"later format":         {with(good, `"rstuf_draft":1`, `"rstuf_draft":2`), "rstuf_draft: the format is 2, and only 1 is known here"},
		"unknown field":        {with(good, `"rstuf_draft":1`, `"rstuf_draft":1,"pinned":true`), `unknown field "pinned"`},
		"other case":           {with(good, `"rstuf_draft":1`, `"rstuf_draft":1,"Role":"dev"`), `unknown field "Role"`},
		"settings, other case": {with(good, `"timeout":300`, `"timeout":300,"Settings":{}`), `unknown field "Settings"`},
		"field twice":          {with(good, `"rstuf_draft":1`, `"rstuf_draft":1,"rstuf_draft":1`), `the field "rstuf_draft" twice`},
		"field twice, inside":  {with(good, `"consistent_snapshot":true`, `"consistent_snapshot":true,"consistent_snapshot":true`), "twice"},
		"trailing":             {good + "{}", "text after the end"},
		"not UTF-8":            {with(good, "alice", "al\xffce"), "not valid UTF-8"},
		"deep":                 {with(good, `"rstuf_draft":1`, `"a":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)), "nested more than"},
		"no document":          {`{"rstuf_draft":1,"role":"root"}`, "no document"},
		"null document":        {`{"rstuf_draft":1,"role":"root","document":null}`, "document"},
		"role of targets":      {with(good, `"role":"root"`, `"role":"targets"`), "role: targets is signed by the online key"},
		"role of other type":   {with(good, `"role":"root"`, `"role":"dev"`), "of type root"},
		"no role":              {with(good, `"role":"root"`, `"role":""`), "of type root"},
		"path in role":         {with(delegated, `"role":"dev"`, `"role":"../dev"`), "does not delegate"},
		"no trusted targets":   {delegated[:strings.Index(delegated, `"trusted"`)] + delegated[strings.Index(delegated, `"document"`):], "needs the targets"},
		"spec version":         {with(good, `"spec_version":"1.0.31"`, `"spec_version":"2.0"`), "spec_version"},
		"threshold of 0":       {with(good, `"threshold":2`, `"threshold":0`), "threshold"},
		"negative version":     {with(good, `"version":1`, `"version":-1`), "version"},
		"version 2 alone":      {with(good, `"version":1`, `"version":2`), "needs the root before it"},
		"version skipped":      {strings.Replace(nextText, `"version":2`, `"version":3`, 1), "can't follow"},
		"settings and trusted": {with(nextText, `"role":"root"`, `"role":"root","bootstrap":{"settings":{"roles":{}},"timeout":1}`), "settings belong to a first root"},
		"bad settings":         {with(good, `"number_of_delegated_bins":256`, `"number_of_delegated_bins":3`), "power of two"},
		"online key of root":   {with(good, `"x-rstuf-key-name":"online"`, `"x-rstuf-key-name":"online","x-rstuf-online-key-uri":1`), "x-rstuf-online-key-uri"},
		"no consistency":       {with(good, `"consistent_snapshot":true`, `"consistent_snapshot":false`), "consistent_snapshot: must be true"},
		"base URL":             {with(good, `"timeout":300`, `"timeout":300,"targets_base_url":"javascript:alert(1)"`), "targets base URL"},
		"unknown settings":     {with(good, `"timeout":300`, `"timeout":300,"x":1`), `unknown field "x"`},
		"duplicate key ids": {with(good, `"signatures":[`, `"signatures":[{"keyid":"`+public("alice").ID()+`","sig":""},`),
			"two signatures"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ceremony.ReadDraft(strings.NewReader(c.text))
			require.Error(t, err)
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

// endless never stops giving white space.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestHugeDraft(t *testing.T) {
	t.Parallel()
	_, err := ceremony.ReadDraft(io.MultiReader(bytes.NewReader([]byte("{")), endless{}))
	assert.ErrorContains(t, err, "larger than")
	_, err = ceremony.LoadDraft(filepath.Join(t.TempDir(), "none.json"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func FuzzReadDraft(f *testing.F) {
	policy := goodPolicy()
	draft, err := ceremony.New(policy)
	require.NoError(f, err)
	first, err := json.Marshal(draft)
	require.NoError(f, err)
	for _, name := range []string{"alice", "bob"} {
		require.NoError(f, draft.Sign(f.Context(), exampleKey(name)))
	}
	next, err := ceremony.Next(f.Context(), draft.Document(), ceremony.Change{Days: 10, Now: testNow})
	require.NoError(f, err)
	second, err := json.Marshal(next)
	require.NoError(f, err)
	f.Add(first)
	f.Add(second)
	f.Add(first[:len(first)/2])
	f.Add([]byte(`{"rstuf_draft":1,"role":"root","document":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		draft, err := ceremony.ReadDraft(bytes.NewReader(data))
		if err != nil {
			return
		}
		_ = draft.Review(testNow).String()
		_ = draft.Status().Complete()
		again, err := ceremony.ReadDraft(strings.NewReader(encode(t, draft)))
		require.NoError(t, err)
		assert.Equal(t, encode(t, draft), encode(t, again))
	})
}
