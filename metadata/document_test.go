package metadata_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

const snapshotJSON = `{
 "signatures": [
  {"keyid": "a", "sig": "", "x-acme-sig": 1},
  {"sig": "00", "keyid": "b"}
 ],
 "x-acme-envelope": 1.5,
 "signed": {"_type": "snapshot", "version": 3, "spec_version": "1.0.31", "x-acme-n": 9007199254740993,
  "expires": "2036-01-02T03:04:05Z", "meta": {"targets.json": {"version": 1, "x-acme-f": [1, "ü"]}}}
}
`

func parse(t testing.TB, text string) *metadata.Document {
	t.Helper()
	d, err := metadata.Parse([]byte(text))
	require.NoError(t, err)
	return d
}

func TestDocument(t *testing.T) {
	t.Parallel()
	received := []byte(snapshotJSON)
	d, err := metadata.Parse(received)
	require.NoError(t, err)
	clear(received) // the document has a copy

	assert.Equal(t, "snapshot", d.Type())
	assert.EqualValues(t, 3, d.Version())
	assert.Equal(t, "1.0.31", d.SpecVersion())
	assert.Equal(t, expires, d.Expires())
	assert.Equal(t, snapshotJSON, string(d.Bytes()))
	assert.Equal(t, `{"_type":"snapshot","expires":"2036-01-02T03:04:05Z","meta":{"targets.json":{"version":1,"x-acme-f":[1,"ü"]}},"spec_version":"1.0.31","version":3,"x-acme-n":9007199254740993}`, string(d.Canonical()))
	assert.Equal(t, []rstuf.Signature{{KeyID: "b", Sig: "00"}}, d.Signatures(), "a placeholder is no signature")

	text, err := json.Marshal(map[string]any{"metadata": d})
	require.NoError(t, err)
	var nested struct{ Metadata *metadata.Document }
	require.NoError(t, json.Unmarshal(text, &nested))
	assert.Equal(t, string(d.Canonical()), string(nested.Metadata.Canonical()))

	assert.NoError(t, d.CheckExpiry(expires.Add(-time.Second)))
	assert.ErrorIs(t, d.CheckExpiry(expires), metadata.ErrExpired)
}

// Signing changes the list of signatures and not one byte besides.
func TestSignaturesAreSplicedIn(t *testing.T) {
	t.Parallel()
	signer := tuftest.Key(t, "alice")
	d := parse(t, snapshotJSON)
	require.NoError(t, d.Sign(t.Context(), signer))
	require.NoError(t, d.Sign(t.Context(), signer), "again by the same key")

	start := strings.Index(snapshotJSON, "[")
	end := strings.Index(snapshotJSON, "],\n \"x") + 1
	file := string(d.Bytes())
	assert.True(t, strings.HasPrefix(file, snapshotJSON[:start]+`[{"keyid": "a", "sig": "", "x-acme-sig": 1},{"sig": "00", "keyid": "b"},{"keyid":"`+signer.Public().ID()))
	assert.True(t, strings.HasSuffix(file, `"}]`+snapshotJSON[end:]))
	require.Len(t, d.Signatures(), 2)

	again := parse(t, file)
	assert.Equal(t, d.Signatures(), again.Signatures())
	assert.Equal(t, d.Canonical(), again.Canonical())
	sig := again.Signatures()[1]
	other := parse(t, snapshotJSON)
	require.NoError(t, other.AddSignature(sig, signer.Public()))
	assert.Equal(t, file, string(other.Bytes()))
}

func TestAddSignatureRefuses(t *testing.T) {
	t.Parallel()
	alice, bob := tuftest.Key(t, "alice"), tuftest.Key(t, "bob")
	d := parse(t, snapshotJSON)
	require.NoError(t, d.Sign(t.Context(), alice))
	good := d.Signatures()[1]
	d = parse(t, snapshotJSON)
	sigstore := keys.Sigstore("kim@example.com", "https://github.com/login/oauth", "kim")
	for name, c := range map[string]struct {
		sig  rstuf.Signature
		key  keys.Public
		want error
	}{
		"another key":    {good, bob.Public(), keys.ErrBadSignature},
		"not hex":        {rstuf.Signature{KeyID: good.KeyID, Sig: "xyz"}, alice.Public(), keys.ErrBadSignature},
		"empty":          {rstuf.Signature{KeyID: good.KeyID}, alice.Public(), keys.ErrBadSignature},
		"other key id":   {rstuf.Signature{KeyID: "feed", Sig: good.Sig}, alice.Public(), keys.ErrBadSignature},
		"a Sigstore key": {rstuf.Signature{KeyID: sigstore.ID(), Bundle: json.RawMessage(`{}`)}, sigstore, keys.ErrUnverifiable},
		"no key":         {good, keys.Public{}, keys.ErrUnverifiable},
	} {
		assert.ErrorIs(t, d.AddSignature(c.sig, c.key), c.want, name)
		assert.Equal(t, snapshotJSON, string(d.Bytes()), name)
	}
}

// signed puts fields in place of those of a snapshot; an empty value leaves a
// field out.
func signed(fields ...string) string {
	all := map[string]string{
		"_type": `"snapshot"`, "version": "1", "spec_version": `"1.0.31"`, "expires": `"2036-01-02T03:04:05Z"`, "meta": "{}",
	}
	for i := 0; i < len(fields); i += 2 {
		all[fields[i]] = fields[i+1]
	}
	var b strings.Builder
	b.WriteString(`{"signatures":[],"signed":{`)
	first := true
	for _, name := range []string{"_type", "expires", "keys", "meta", "roles", "spec_version", "targets", "delegations", "version", "consistent_snapshot", "x"} {
		if all[name] == "" {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteString(`"` + name + `":` + all[name])
	}
	return b.String() + "}}"
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                       `read document: line 1, column 1: the text ends where an object should be`,
		`[]`:                                     `read document: line 1, column 1: '[' where an object should be`,
		`{}`:                                     `read document: the field "signed" is missing: this is not signed metadata`,
		`{"signed":{}}`:                          `read document: signed._type: the field is missing`,
		`{"signed":[]}`:                          `read document: line 1, column 11: '[' where an object should be`,
		`{"signatures":[]}`:                      `read document: the field "signed" is missing: this is not signed metadata`,
		`{"signatures":{}}`:                      `read document: signatures: must be a list, not {}`,
		`{"signatures":[1]}`:                     `read document: signatures.0: must be an object, not 1`,
		`{"signatures":[{}]}`:                    `read document: signatures.0.keyid: the field is missing`,
		`{"signatures":[{"keyid":""}]}`:          `read document: signatures.0.sig: the field is missing`,
		`{"signatures":[{"keyid":"","sig":""}]}`: `read document: signatures.0.keyid: must not be empty`,
		`{"signatures":[{"keyid":"a","sig":1}]}`: `read document: signatures.0.sig: must be a string, not 1`,
		`{"signatures":[{"keyid":"a","sig":""},{"keyid":"a","sig":"00"}]}`: `read document: signatures.1.keyid: there are two signatures by the key "a"`,
		`{"signatures":[],"signatures":[]}`:                                `read document: the field "signatures" stands there twice`,
		`{"signatures":[{"keyid":"a","keyid":"b","sig":""}]}`:              `read document: line 1, column 16: the object names the field "keyid" twice`,
		signed() + "x":                                  `read document: line 1, column 127: text after the end of the JSON value`,
		signed()[:100]:                                  `read document: line 1, column 90: the text ends inside the string that starts here`,
		signed("_type", ""):                             `read document: signed._type: the field is missing`,
		signed("_type", "1"):                            `read document: signed._type: must be a string, not 1`,
		signed("_type", `"bins-0"`):                     `read document: signed._type: "bins-0" is not a type of TUF metadata`,
		signed("_type", `"Root"`):                       `read document: signed._type: "Root" is not a type of TUF metadata`,
		signed("version", "0"):                          `read document: signed.version: 0 is too low, the least is 1`,
		signed("version", "-1"):                         `read document: signed.version: -1 is too low, the least is 1`,
		signed("version", "1.0"):                        `read document: line 1, column 124: the number 1.0 is not an integer: canonical JSON has no floats`,
		signed("version", "9223372036854775808"):        `read document: signed.version: must be an integer, not 9223372036854775808`,
		signed("version", `"1"`):                        `read document: signed.version: must be an integer, not "1"`,
		signed("version", "null"):                       `read document: signed.version: must be an integer, not null`,
		signed("spec_version", `"2.0.0"`):               `read document: signed.spec_version: "2.0.0" is not supported, only 1.x is`,
		signed("spec_version", `"1"`):                   `read document: signed.spec_version: "1" is not supported, only 1.x is`,
		signed("spec_version", `"1.x"`):                 `read document: signed.spec_version: "1.x" is not supported, only 1.x is`,
		signed("expires", `"tomorrow"`):                 `read document: signed.expires: "tomorrow" is not a date of the form 2006-01-02T15:04:05Z`,
		signed("expires", `"2036-01-02T03:04:05+0000"`): `read document: signed.expires: "2036-01-02T03:04:05+0000" is not a date of the form 2006-01-02T15:04:05Z`,
		signed("expires", `"2036-02-30T03:04:05Z"`):     `read document: signed.expires: "2036-02-30T03:04:05Z" is not a date of the form 2006-01-02T15:04:05Z`,
		signed("x", "1e2"):                              `read document: line 1, column 130: the number 1e2 is not an integer: canonical JSON has no floats`,
		signed("x", `{"a":1,"a":2}`):                    `read document: line 1, column 130: the object names the field "a" twice`,
		signed("x", "\"\xff\""):                         `read document: line 1, column 130: a string is not valid UTF-8`,
		signed("x", strings.Repeat("[", 1000)):          `read document: line 1, column 228: nested more than 100 levels deep`,
	} {
		d, err := metadata.Parse([]byte(text))
		assert.Nil(t, d, text)
		assert.EqualError(t, err, want, text)
	}
}

// Expiry in the past is no reason not to read a document.
func TestParseExpired(t *testing.T) {
	t.Parallel()
	d := parse(t, signed("expires", `"1999-12-31T23:59:59Z"`))
	assert.ErrorIs(t, d.CheckExpiry(time.Now()), metadata.ErrExpired)
}

func TestViewsRefuse(t *testing.T) {
	t.Parallel()
	root := func(fields ...string) string {
		role := `{"keyids":["k"],"threshold":1}`
		return signed(append([]string{"_type", `"root"`, "meta", "", "keys", `{}`, "consistent_snapshot", "true",
			"roles", `{"root":` + role + `,"snapshot":` + role + `,"targets":` + role + `,"timestamp":` + role + `}`}, fields...)...)
	}
	targets := func(fields ...string) string {
		return signed(append([]string{"_type", `"targets"`, "meta", "", "targets", "{}"}, fields...)...)
	}
	roles := func(list string) string { return targets("delegations", `{"keys":{},"roles":[`+list+`]}`) }
	role := func(name, more string) string {
		return `{"name":"` + name + `","keyids":[],"threshold":1,"terminating":true` + more + `}`
	}
	paths := `,"paths":["*"]`
	for text, want := range map[string]string{
		root("roles", `{}`):       `read root version 1: roles.root: the role is missing`,
		root("roles", `[]`):       `read root version 1: roles: must be an object, not []`,
		root("roles", `{"a":{}}`): `read root version 1: roles.a: root delegates to the four top-level roles only`,
		root("roles", `{"root":{"keyids":["a","a"],"threshold":1}}`):         `read root version 1: roles.root.keyids: the key "a" is there twice`,
		root("roles", `{"root":{"keyids":[1],"threshold":1}}`):               `read root version 1: roles.root.keyids.0: must be a string, not 1`,
		root("roles", `{"root":{"keyids":[],"threshold":0}}`):                `read root version 1: roles.root.threshold: 0 is too low, the least is 1`,
		root("roles", `{"root":{"keyids":[],"threshold":-5}}`):               `read root version 1: roles.root.threshold: -5 is too low, the least is 1`,
		root("roles", `{"root":{"keyids":[],"threshold":4294967297}}`):       `read root version 1: roles.root.threshold: 4294967297 is too large`,
		root("keys", `{"k":1}`):                                              `read root version 1: keys.k: must be an object, not 1`,
		root("keys", `{"k":{"keytype":"ed25519"}}`):                          `read root version 1: keys.k.scheme: the field is missing`,
		root("keys", `{"":{}}`):                                              `read root version 1: keys.: a key id must not be empty`,
		root("consistent_snapshot", `"yes"`):                                 `read root version 1: consistent_snapshot: must be true or false, not "yes"`,
		signed("meta", ""):                                                   `read snapshot version 1: meta: the field is missing`,
		signed("meta", `{"targets":{"version":1}}`):                          `read snapshot version 1: meta.targets: the name of a metadata file ends in .json`,
		signed("meta", `{"a\u0007.json":{"version":1}}`):                     `read snapshot version 1: meta."a\a.json": the role name "a\a" has control characters`,
		signed("meta", `{".json":{"version":1}}`):                            `read snapshot version 1: meta..json: a role's name must not be empty`,
		signed("meta", `{"a.json":{"version":0}}`):                           `read snapshot version 1: meta.a.json.version: 0 is too low, the least is 1`,
		signed("meta", `{"a.json":{}}`):                                      `read snapshot version 1: meta.a.json.version: the field is missing`,
		signed("meta", `{"a.json":{"version":1,"length":-1}}`):               `read snapshot version 1: meta.a.json.length: -1 is too low, the least is 0`,
		signed("meta", `{"a.json":{"version":1,"hashes":[]}}`):               `read snapshot version 1: meta.a.json.hashes: must be an object, not []`,
		signed("meta", `{"a.json":{"version":1,"hashes":{}}}`):               `read snapshot version 1: meta.a.json.hashes: at least one hash is needed`,
		signed("_type", `"timestamp"`):                                       `read timestamp version 1: meta: must name snapshot.json and nothing else`,
		targets("targets", `[]`):                                             `read targets version 1: targets: must be an object, not []`,
		targets("targets", `{"a":{"length":1}}`):                             `read targets version 1: targets.a.hashes: the field is missing`,
		targets("targets", `{"a":{"length":1,"hashes":{}}}`):                 `read targets version 1: targets.a.hashes: at least one hash is needed`,
		targets("targets", `{"a":{"length":-1,"hashes":{"sha256":"00"}}}`):   `read targets version 1: targets.a.length: -1 is too low, the least is 0`,
		targets("delegations", `{}`):                                         `read targets version 1: delegations.keys: the field is missing`,
		targets("delegations", `{"keys":{}}`):                                `read targets version 1: delegations: there must be either roles or succinct_roles`,
		targets("delegations", `{"keys":{},"roles":[],"succinct_roles":{}}`): `read targets version 1: delegations: there must be either roles or succinct_roles`,
		targets("delegations", `{"keys":{},"succinct_roles":{"keyids":[],"threshold":1,"bit_length":0,"name_prefix":"bins"}}`):    `read targets version 1: delegations.succinct_roles.bit_length: 0 is too low, the least is 1`,
		targets("delegations", `{"keys":{},"succinct_roles":{"keyids":[],"threshold":1,"bit_length":33,"name_prefix":"bins"}}`):   `read targets version 1: delegations.succinct_roles.bit_length: 33 is not between 1 and 32`,
		targets("delegations", `{"keys":{},"succinct_roles":{"keyids":[],"threshold":1,"bit_length":1,"name_prefix":"b\u009b"}}`): `read targets version 1: delegations.succinct_roles.name_prefix: the role name "b\u009b" has control characters`,
		roles(role("", paths)):                                `read targets version 1: delegations.roles.0.name: a role's name must not be empty`,
		roles(role(`a\u0000`, paths)):                         `read targets version 1: delegations.roles.0.name: the role name "a\x00" has control characters`,
		roles(role("root", paths)):                            `read targets version 1: delegations.roles.0.name: "root" is a top-level role`,
		roles(role("a", paths) + "," + role("a", paths)):      `read targets version 1: delegations.roles.1: there are two roles with the name "a"`,
		roles(role("a", "")):                                  `read targets version 1: delegations.roles.0: there must be either paths or path_hash_prefixes`,
		roles(role("a", paths+`,"path_hash_prefixes":["0"]`)): `read targets version 1: delegations.roles.0: there must be either paths or path_hash_prefixes`,
	} {
		d := parse(t, text)
		_, err := view(d)
		assert.EqualError(t, err, want, text)
	}
	_, err := parse(t, signed()).Root()
	assert.EqualError(t, err, `the document is of type "snapshot", not "root"`)
}

func view(d *metadata.Document) (metadata.Body, error) {
	switch d.Type() {
	case rstuf.RoleRoot:
		return d.Root()
	case rstuf.RoleTargets:
		return d.Targets()
	case rstuf.RoleSnapshot:
		return d.Snapshot()
	}
	return d.Timestamp()
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	meta := map[string]metadata.MetaFile{}
	for want, body := range map[string]metadata.Body{
		`new document: read document: signed.version: 0 is too low, the least is 1`: &metadata.Snapshot{Expires: expires, Meta: meta},
		`new document: x-a: line 1, column 2: the text ends where a digit should be`: &metadata.Snapshot{
			Version: 1, Expires: expires, Meta: meta, Extra: map[string]json.RawMessage{"x-a": json.RawMessage("-")}},
		`new document: meta: the field is also among the extra fields`: &metadata.Snapshot{
			Version: 1, Expires: expires, Meta: meta, Extra: map[string]json.RawMessage{"meta": json.RawMessage("{}")}},
		`new document: meta."a\xff.json": the name is not valid UTF-8`: &metadata.Snapshot{
			Version: 1, Expires: expires, Meta: map[string]metadata.MetaFile{"a\xff.json": {Version: 1}}},
		`new document: read timestamp version 1: meta: must name snapshot.json and nothing else`: &metadata.Timestamp{Version: 1, Expires: expires},
		`new document: targets.a.hashes: at least one hash is needed`: &metadata.Targets{
			Version: 1, Expires: expires, Targets: map[string]metadata.TargetFile{"a": {}}},
		`new document: read document: signed.expires: "10000-01-01T00:00:00Z" is not a date of the form 2006-01-02T15:04:05Z`: &metadata.Snapshot{
			Version: 1, Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Meta: meta},
	} {
		d, err := metadata.New(body)
		assert.Nil(t, d)
		assert.EqualError(t, err, want)
	}
}

// New cuts an expiry to seconds of UTC.
func TestNewExpiry(t *testing.T) {
	t.Parallel()
	there := time.FixedZone("there", 3600)
	d, err := metadata.New(&metadata.Snapshot{Version: 1, Expires: time.Date(2036, 1, 2, 4, 4, 5, 999, there)})
	require.NoError(t, err)
	assert.Equal(t, expires, d.Expires())
	assert.Contains(t, string(d.Bytes()), `"2036-01-02T03:04:05Z"`)
}

// Text that is large or hostile costs memory in proportion to its size, and
// none at all beyond MaxSize.
func TestParseBoundedMemory(t *testing.T) {
	fill := func(start, piece, end string, size int) []byte {
		return []byte(start + strings.Repeat(piece, (size-len(start)-len(end))/len(piece)) + end)
	}
	const size = 1 << 20
	var members bytes.Buffer
	for i := range size / 12 {
		members.WriteString(`"` + string(rune('a'+i%26)) + strings.ToLower(time.Duration(i).String()) + `":1,`)
	}
	for name, text := range map[string][]byte{
		"over the limit":     make([]byte, 100_000_000),
		"brackets":           fill(`{"x":`, "[", "", size),
		"numbers":            fill(`{"signatures":[`, "1,", "1]}", size),
		"empty signatures":   fill(`{"signatures":[`, "{},", "{}]}", size),
		"one string":         fill(`{"x":"`, "x", `"}`, size),
		"escapes":            fill(`{"x":"`, `\u0000`, `"}`, size),
		"digits":             fill(signed("version", "1"), "1", "", size),
		"arrays":             fill(`{"signed":{"a":[`, "[],", "[]]}}", size),
		"members":            append([]byte(`{"signed":{`+members.String()), `"z":1}}`...),
		"members, backwards": append([]byte(`{"signed":{"z":1,`+members.String()), `"":1}}`...),
		"envelope":           append([]byte(`{`+members.String()), `"z":1}`...),
		"spaces":             fill("", " ", "", size),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := metadata.Parse(text)
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		assert.Less(t, len(err.Error()), 300, name)
		allocated := after.TotalAlloc - before.TotalAlloc
		assert.Less(t, allocated, uint64(12*size), name)
		if len(text) > metadata.MaxSize {
			assert.Less(t, allocated, uint64(1<<20), name)
		}
	}
}

// What RSTUF does not write but the specification has.
func TestMetaFiles(t *testing.T) {
	t.Parallel()
	text := signed("meta", `{"targets.json":{"version":2,"length":0,"hashes":{"sha256":"ab","sha512":"cd"},"x":15}, "bins-0.json" : { "version" : 7 }}`)
	d := parse(t, text)
	snapshot, err := d.Snapshot()
	require.NoError(t, err)
	targets := snapshot.Meta["targets.json"]
	assert.EqualValues(t, 2, targets.Version)
	require.NotNil(t, targets.Length)
	assert.Zero(t, *targets.Length)
	assert.Equal(t, map[string]string{"sha256": "ab", "sha512": "cd"}, targets.Hashes)
	assert.EqualValues(t, 7, snapshot.Meta["bins-0.json"].Version)
	assert.Equal(t, string(d.Canonical()), string(tuftest.Document(t, snapshot).Canonical()))
}

func TestUnmarshalJSONRefuses(t *testing.T) {
	t.Parallel()
	d := parse(t, snapshotJSON)
	assert.Error(t, json.Unmarshal([]byte(`{"signed":{}}`), d))
	assert.Equal(t, snapshotJSON, string(d.Bytes()), "a document that cannot be read leaves the other as it was")
}

// A signer that fails leaves the document as it was.
func TestSignFails(t *testing.T) {
	t.Parallel()
	key := tuftest.Key(t, "alice")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := parse(t, snapshotJSON)
	require.ErrorIs(t, d.Sign(ctx, key), context.Canceled)
	assert.Equal(t, snapshotJSON, string(d.Bytes()))
}

// Errors do not repeat long text of strangers.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 10000)
	for _, text := range []string{
		signed("_type", `"`+long+`"`), signed("spec_version", `"`+long+`"`), signed("expires", `"`+long+`"`),
		signed("version", `"`+long+`"`), signed("version", strings.Repeat("9", 10000)), signed("x", "1."+strings.Repeat("9", 10000)),
		signed("x", `{"`+long+`":1,"`+long+`":1}`), `{"` + long + `":1,"` + long + `":1}`,
		`{"signatures":[{"keyid":"` + long + `","sig":""},{"keyid":"` + long + `","sig":""}]}`,
	} {
		_, err := metadata.Parse([]byte(text))
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 400)
	}
	for _, text := range []string{
		signed("meta", `{"`+long+`":{}}`), signed("meta", `{"../`+long+`.json":{}}`), signed("meta", `{"`+long+`.json":{"version":"`+long+`"}}`),
	} {
		_, err := parse(t, text).Snapshot()
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 400)
	}
}

func TestRoundTripKeepsUnknownFields(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/metadata/root-mixed-keys.json")
	require.NoError(t, err)
	d, err := metadata.Parse(data)
	require.NoError(t, err)
	root, err := d.Root()
	require.NoError(t, err)
	next := root.Next()
	next.Expires = expires.AddDate(1, 0, 0)
	edited, err := metadata.New(next)
	require.NoError(t, err)
	want := strings.NewReplacer("2036-01-02", "2037-01-02", `"version":1`, `"version":2`).Replace(string(d.Canonical()))
	assert.Equal(t, want, string(edited.Canonical()))
}
