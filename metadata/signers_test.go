package metadata_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tuf "github.com/theupdateframework/go-tuf/v2/metadata"

	"example.org/rstuf"
	"example.org/rstuf/internal/tuftest"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// otherwise is the same key written otherwise, so that it has another id.
func otherwise(t testing.TB, key keys.Public) keys.Public {
	t.Helper()
	object := key.Key()
	object.Value["public"] = strings.ToUpper(object.Value["public"])
	other, err := keys.FromKey(object)
	require.NoError(t, err)
	require.NotEqual(t, key.ID(), other.ID())
	require.Equal(t, key.Identity(), other.Identity())
	return other
}

// counting is a signer that counts its signatures.
type counting struct {
	keys.Signer
	n int
}

func (c *counting) Sign(ctx context.Context, message []byte) ([]byte, error) {
	c.n++
	return c.Signer.Sign(ctx, message)
}

// A key that the old and the new root name by different ids signs once, for
// both.
func TestSignForEveryID(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	again := otherwise(t, p.bob.Public())
	trusted := tuftest.Document(t, p.root(t), p.alice, p.bob)
	next := p.root(t).Next()
	require.NoError(t, next.RemoveKey(p.bob.Public().ID()))
	require.NoError(t, next.AddKey(again))
	doc := tuftest.Document(t, next)
	by, err := metadata.RootSigners(trusted, doc)
	require.NoError(t, err)
	require.Len(t, by, 2)

	stranger := &counting{Signer: p.carol}
	assert.ErrorIs(t, doc.SignFor(t.Context(), stranger, by...), metadata.ErrNotSigner)
	assert.Zero(t, stranger.n, "nobody is asked in vain")
	assert.Empty(t, doc.Signatures())

	bob := &counting{Signer: p.bob}
	require.NoError(t, doc.SignFor(t.Context(), p.alice, by...))
	require.NoError(t, doc.SignFor(t.Context(), bob, by...))
	assert.Equal(t, 1, bob.n)
	assert.Len(t, doc.Signatures(), 3)
	_, _, err = metadata.VerifyNextRoot(trusted, doc)
	assert.NoError(t, err)
	assert.NoError(t, doc.CheckSignatures(by...))

	// The same from a signature that was made elsewhere, under either id.
	for _, id := range []string{p.bob.Public().ID(), again.ID()} {
		doc := tuftest.Document(t, next)
		sig, err := p.bob.Sign(t.Context(), doc.Canonical())
		require.NoError(t, err)
		require.NoError(t, doc.AddSignatureFor(rstuf.Signature{KeyID: id, Sig: hex.EncodeToString(sig)}, by...))
		assert.Len(t, doc.Signatures(), 2)
		wrong := rstuf.Signature{KeyID: id, Sig: strings.Repeat("0", 128)}
		before := string(doc.Bytes())
		assert.ErrorIs(t, doc.AddSignatureFor(wrong, by...), keys.ErrBadSignature)
		wrong.KeyID = p.carol.Public().ID()
		assert.ErrorIs(t, doc.AddSignatureFor(wrong, by...), metadata.ErrNotSigner)
		assert.Equal(t, before, string(doc.Bytes()))
	}
}

// A key whose owner cannot sign any more is lost under all of its ids.
func TestLostUnderAnyID(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	trusted := p.root(t)
	next := trusted.Next()
	require.NoError(t, next.RemoveKey(p.bob.Public().ID()))
	again := otherwise(t, p.bob.Public())
	require.NoError(t, next.AddKey(again))
	require.NoError(t, metadata.CheckNextRoot(trusted, next))
	for _, lost := range []string{p.bob.Public().ID(), again.ID()} {
		err := metadata.CheckNextRoot(trusted, next, lost)
		assert.ErrorContains(t, err, "the old root's threshold is 2, keys that can still sign: 1")
		assert.ErrorContains(t, err, "the new root's threshold is 2, keys that can still sign: 1")
	}
}

// A key with two ids in one role counts once, and is not missing once it has
// signed.
func TestOneKeyIsMissingOnce(t *testing.T) {
	t.Parallel()
	key := tuftest.Key(t, "alice")
	again := otherwise(t, key.Public())
	by := delegation(1, again, key.Public())
	doc := parse(t, signed())
	assert.Len(t, by.Verify(doc).Missing, 1)
	require.NoError(t, doc.Sign(t.Context(), key))
	v := by.Verify(doc)
	assert.Empty(t, v.Missing)
	assert.Equal(t, []metadata.KeyRef{{KeyID: key.Public().ID(), Name: "alice"}}, v.Signed)
	assert.Equal(t, 1, by.DistinctKeys())
	assert.Equal(t, []string{again.ID(), key.Public().ID()}, by.IDs(key.Public()))
	assert.Empty(t, by.IDs(tuftest.Key(t, "bob").Public()))
	assert.Empty(t, by.IDs(keys.Public{}))
}

// Moving the online key leaves it the id that a document gave it.
func TestMoveOnlineKey(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	root := p.root(t)
	other := otherwise(t, p.online.Public())
	require.NoError(t, root.SetOnlineKey(other))
	require.NoError(t, root.MoveOnlineKey("fn:elsewhere"))
	assert.Equal(t, []string{other.ID()}, root.Roles["timestamp"].KeyIDs)
	assert.Equal(t, "fn:elsewhere", root.Keys[other.ID()].OnlineURI)
	assert.Error(t, (&metadata.Root{}).MoveOnlineKey("fn:x"))
}

func TestCheckSignatures(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	sigstore := keys.Sigstore("me@example.com", "https://issuer", "me")
	by := delegation(1, p.alice.Public(), p.bob.Public(), sigstore)
	sign := func(entries string) *metadata.Document {
		return parse(t, strings.Replace(signed(), "[]", "["+entries+"]", 1))
	}
	bundle := `{"keyid":"` + sigstore.ID() + `","sig":"","bundle":{"x":1}}`
	assert.NoError(t, sign("").CheckSignatures(by))
	assert.NoError(t, sign(bundle).CheckSignatures(by), "only a worker can check it")
	assert.NoError(t, sign(`{"keyid":"stranger","sig":""}`).CheckSignatures(by), "that is no signature")
	assert.ErrorIs(t, sign(`{"keyid":"stranger","sig":"00"}`).CheckSignatures(by), metadata.ErrNotSigner)
	assert.ErrorIs(t, sign(`{"keyid":"`+p.bob.Public().ID()+`","sig":"00"}`).CheckSignatures(by), keys.ErrBadSignature)
	assert.ErrorIs(t, sign(bundle).CheckSignatures(), metadata.ErrNotSigner)
}

// Placeholders are missing signatures: some tools write them into what they
// publish.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	alice, bob := tuftest.Key(t, "alice"), tuftest.Key(t, "bob")
	by := delegation(2, alice.Public(), bob.Public())
	for _, entry := range []string{`"sig":""`, `"sig":"","bundle":null`} {
		doc := parse(t, strings.Replace(signed(), "[]", `[{"keyid":"`+bob.Public().ID()+`",`+entry+`}]`, 1))
		bytes := string(doc.Bytes())
		assert.Empty(t, doc.Signatures())
		v := by.Verify(doc)
		assert.Empty(t, v.Invalid)
		assert.Len(t, v.Missing, 2)
		assert.Equal(t, bytes, string(doc.Bytes()))
		require.NoError(t, doc.Sign(t.Context(), bob), "in its place")
		assert.Equal(t, 1, strings.Count(string(doc.Bytes()), bob.Public().ID()))
		assert.Len(t, by.Verify(doc).Signed, 1)
	}
}

// Dates in another form than the specification's are read as go-tuf and tuf-js
// read them. RSTUF's rules of a root refuse them, since python-tuf does.
func TestExpiresInOtherForms(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		want   string // empty: it is refused
		strict bool   // it is the form of the specification
	}{
		"2036-01-02T03:04:05Z":         {"2036-01-02T03:04:05Z", true},
		"2036-01-02T03:04:05.5Z":       {"2036-01-02T03:04:05.5Z", false},
		"2036-01-02T03:04:05.000Z":     {"2036-01-02T03:04:05Z", false},
		"2036-01-02T03:04:05+00:00":    {"2036-01-02T03:04:05Z", false},
		"2036-01-02T05:04:05.25+02:00": {"2036-01-02T03:04:05.25Z", false},
		"2036-01-01T22:04:05-05:00":    {"2036-01-02T03:04:05Z", false},
		"9999-12-31T23:59:59-00:01":    {},
		"0000-01-01T00:00:00+00:01":    {},
		"2036-01-02T03:04:05":          {},
		"2036-01-02 03:04:05Z":         {},
		"2036-01-02T03:04:05,5Z":       {},
		"2036-01-02T3:04:05Z":          {},
		"2036-02-30T03:04:05Z":         {},
		"2036-01-02T24:00:00Z":         {},
		"2036-01-02T03:04:05+24:00":    {},
		"2036-01-02":                   {},
		"":                             {},
	} {
		file := signed("expires", `"`+text+`"`)
		doc, err := metadata.Parse([]byte(file))
		if c.want == "" {
			assert.ErrorContains(t, err, "is not a date of the form", text)
			continue
		}
		require.NoError(t, err, text)
		assert.Equal(t, c.want, doc.Expires().Format(time.RFC3339Nano), text)
		assert.Equal(t, file, string(doc.Bytes()), "it keeps its bytes")
		assert.ErrorIs(t, doc.CheckExpiry(doc.Expires()), metadata.ErrExpired)
		assert.NoError(t, doc.CheckExpiry(doc.Expires().Add(-time.Nanosecond)))

		p := newPeople(t)
		root := strings.Replace(string(tuftest.Document(t, p.root(t)).Bytes()), expires.Format(time.RFC3339), text, 1)
		err = metadata.CheckRoot(parse(t, root), expires.AddDate(-1, 0, 0))
		assert.Equal(t, c.strict, err == nil, "%s: %v", text, err)
	}
}

// Keys as other tools write them: hex points, any salt length, ids that are not
// those of the key. Kinds that are not known count as no signature.
func TestVerifyForeignKeys(t *testing.T) {
	t.Parallel()
	doc := parse(t, signed())
	digest := sha256.Sum256(doc.Canonical())
	add := func(id string, sig []byte) {
		file := strings.Replace(string(doc.Bytes()), "[", fmt.Sprintf(`[{"keyid":%q,"sig":%q},`, id, hex.EncodeToString(sig)), 1)
		doc = parse(t, strings.Replace(file, ",]", "]", 1))
	}
	by := metadata.Delegation{Role: "snapshot", Threshold: 1, Keys: map[string]rstuf.Key{}}
	key := func(id, typ, scheme, public string) {
		by.KeyIDs = append(by.KeyIDs, id)
		by.Keys[id] = rstuf.Key{KeyType: typ, Scheme: scheme, Value: map[string]string{"public": public}}
	}

	point, err := keys.Generate(keys.ECDSAP256, "")
	require.NoError(t, err)
	ecdsaKey := point.Public().Crypto().(*ecdsa.PublicKey)
	raw, err := ecdsaKey.Bytes()
	require.NoError(t, err)
	sig, err := point.Sign(t.Context(), doc.Canonical())
	require.NoError(t, err)
	key("hex", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", hex.EncodeToString(raw))
	add("hex", sig)

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	require.NoError(t, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	sig, err = rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
	require.NoError(t, err)
	key("salt", "rsa", "rsassa-pss-sha256", text)
	add("salt", sig)

	key("unknown", "post-quantum", "ml-dsa", "00")
	add("unknown", []byte{1})
	key("damaged", "ecdsa", "ecdsa-sha2-nistp256", "04"+strings.Repeat("11", 64))
	add("damaged", []byte{1})

	v := by.Verify(doc)
	require.NoError(t, v.Err())
	assert.Equal(t, []metadata.KeyRef{{KeyID: "hex"}, {KeyID: "salt"}}, v.Signed)
	assert.Len(t, v.Invalid, 2)
	assert.Equal(t, []string{"hex"}, by.IDs(point.Public()), "a point and a PEM are one key")
}

// A key that is changed in place is read anew, not taken from memory.
func TestChangedKeysAreReadAnew(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	root, err := tuftest.Document(t, p.root(t), p.alice, p.bob).Root()
	require.NoError(t, err)
	doc := tuftest.Document(t, root, p.alice, p.bob)
	by, err := root.Delegation("root")
	require.NoError(t, err)
	require.NoError(t, by.Verify(doc).Err())
	root.Keys[p.bob.Public().ID()] = p.carol.Public().Key()
	by, err = root.Delegation("root")
	require.NoError(t, err)
	assert.ErrorIs(t, by.Verify(doc).Err(), metadata.ErrThreshold)
}

// What is nothing is an error, and nothing panics but an index out of range.
func TestNothing(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	doc, root := tuftest.Document(t, p.root(t), p.alice, p.bob), p.root(t)
	by := delegation(1, p.alice.Public())
	for _, none := range []*metadata.Document{nil, {}} {
		for name, do := range map[string]func() error{
			"Sign":            func() error { return none.Sign(ctx, p.alice) },
			"SignAs":          func() error { return none.SignAs(ctx, p.alice, "x") },
			"SignFor":         func() error { return none.SignFor(ctx, p.alice, by) },
			"AddSignature":    func() error { return none.AddSignature(rstuf.Signature{}, p.alice.Public()) },
			"AddSignatureFor": func() error { return none.AddSignatureFor(rstuf.Signature{}, by) },
			"CheckSignatures": func() error { return none.CheckSignatures(by) },
			"CheckExpiry":     func() error { return none.CheckExpiry(time.Now()) },
			"Root":            func() error { _, err := none.Root(); return err },
			"Targets":         func() error { _, err := none.Targets(); return err },
			"TargetFiles":     func() error { _, err := none.TargetFiles(); return err },
			"Snapshot":        func() error { _, err := none.Snapshot(); return err },
			"Timestamp":       func() error { _, err := none.Timestamp(); return err },
			"MarshalJSON":     func() error { _, err := json.Marshal(new(metadata.Document)); return err },
			"Verify":          func() error { return by.Verify(none).Err() },
			"CheckRoot":       func() error { return metadata.CheckRoot(none, time.Now()) },
			"RootSigners":     func() error { _, err := metadata.RootSigners(doc, none); return err },
			"next":            func() error { _, _, err := metadata.VerifyNextRoot(doc, none); return err },
			"trusted":         func() error { _, _, err := metadata.VerifyNextRoot(none, doc); return err },
			"chain":           func() error { return metadata.VerifyRootChain([]*metadata.Document{none}) },
			"chain of two":    func() error { return metadata.VerifyRootChain([]*metadata.Document{doc, none}) },
		} {
			assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
		}
	}
	role := rstuf.DelegatedRole{Name: "dev", Threshold: 1, Paths: []string{"*"}}
	for name, do := range map[string]func() error{
		"New":                func() error { _, err := metadata.New(nil); return err },
		"New root":           func() error { _, err := metadata.New((*metadata.Root)(nil)); return err },
		"New targets":        func() error { _, err := metadata.New((*metadata.Targets)(nil)); return err },
		"New snapshot":       func() error { _, err := metadata.New((*metadata.Snapshot)(nil)); return err },
		"New timestamp":      func() error { _, err := metadata.New((*metadata.Timestamp)(nil)); return err },
		"NewTargetsWriter":   func() error { _, err := metadata.NewTargetsWriter(nil); return err },
		"no signer":          func() error { return doc.Sign(ctx, nil) },
		"no signer as":       func() error { return doc.SignAs(ctx, nil, "x") },
		"no signer for":      func() error { return doc.SignFor(ctx, nil, by) },
		"no id":              func() error { return doc.SignAs(ctx, p.alice) },
		"an empty id":        func() error { return doc.SignAs(ctx, p.alice, "") },
		"no delegation":      func() error { return doc.SignFor(ctx, p.alice) },
		"CheckNextRoot":      func() error { return metadata.CheckNextRoot(nil, root) },
		"CheckNextRoot next": func() error { return metadata.CheckNextRoot(root, nil) },
		"zero root":          func() error { return metadata.CheckNextRoot(&metadata.Root{}, &metadata.Root{}) },
		"OnlineKey":          func() error { _, err := metadata.OnlineKey(nil); return err },
		"zero OnlineKey":     func() error { _, err := metadata.OnlineKey(&metadata.Root{}); return err },
		"AddKey":             func() error { return (&metadata.Root{}).AddKey(keys.Public{}) },
		"RemoveKey":          func() error { return (&metadata.Root{}).RemoveKey("") },
		"RenameKey":          func() error { return (&metadata.Root{}).RenameKey("", "x") },
		"Delegation":         func() error { _, err := (&metadata.Root{}).Delegation("root"); return err },
		"of targets":         func() error { _, err := (&metadata.Targets{}).Delegation("bins-0"); return err },
		"Put":                func() error { return (&metadata.Delegations{}).Put(role, nil, nil) },
		"Remove":             func() error { return (&metadata.Delegations{}).Remove("x") },
		"CheckDelegations":   func() error { return metadata.CheckDelegations(nil, nil, root) },
		"of no root":         func() error { return metadata.CheckDelegations(&rstuf.Delegations{}, nil, nil) },
		"zero delegation":    func() error { return metadata.Delegation{}.Verify(doc).Err() },
		"zero verification":  func() error { return metadata.Verification{}.Err() },
		"chain":              func() error { return metadata.VerifyRootChain(nil) },
		"NewRoot":            func() error { _, err := metadata.NewRoot(nil, 1, keys.Public{}, time.Time{}); return err },
	} {
		assert.NotPanics(t, func() { assert.Error(t, do(), name) }, name)
	}
	assert.NotPanics(t, func() {
		fresh := &metadata.Root{}
		assert.NoError(t, fresh.AddKey(p.alice.Public()))
		assert.NoError(t, fresh.SetOnlineKey(p.online.Public()))
		assert.NoError(t, (&metadata.Root{}).SetThreshold(1))
	})
}

func TestBinsOutOfRange(t *testing.T) {
	t.Parallel()
	bins, err := metadata.NewHashBins(1024)
	require.NoError(t, err)
	assert.Equal(t, "bins-3ff", bins.Name(1023))
	for _, i := range []int{-1, 1024, 5000} {
		assert.PanicsWithValue(t, fmt.Sprintf("metadata: there is no hash bin %d of 1024", i), func() { bins.Name(i) })
	}
	assert.Panics(t, func() { metadata.HashBins{}.Name(0) })
	assert.Panics(t, func() { metadata.HashBins{}.Bin("x") })
}

func TestReplaceOnlineKey(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	old, next := p.root(t), p.root(t).Next()
	fresh := tuftest.Key(t, "fresh").Public()
	require.NoError(t, next.SetOnlineKey(fresh))

	// The old online key stands there by another id.
	other := otherwise(t, p.online.Public())
	dan := tuftest.Key(t, "dan").Public()
	d := &metadata.Delegations{
		Keys: map[string]rstuf.Key{other.ID(): other.Key(), dan.ID(): dan.Key()},
		Roles: []rstuf.DelegatedRole{
			{Name: "pub", KeyIDs: []string{other.ID()}, Threshold: 1, Paths: []string{"*"}},
			{Name: "dev", KeyIDs: []string{dan.ID()}, Threshold: 1, Paths: []string{"*"}},
		},
	}
	before := d.Clone()
	theirs := p.root(t).Next()
	require.NoError(t, theirs.SetOnlineKey(dan))
	_, err := d.ReplaceOnlineKey(old, theirs)
	assert.ErrorContains(t, err, "is a key of the role dev")
	assert.Equal(t, before, d, "nothing is changed")

	names, err := d.ReplaceOnlineKey(old, next)
	require.NoError(t, err)
	assert.Equal(t, []string{"pub"}, names)
	assert.Equal(t, []string{fresh.ID()}, d.Roles[0].KeyIDs)
	assert.Equal(t, before.Roles[1], d.Roles[1])
	assert.Equal(t, map[string]rstuf.Key{fresh.ID(): fresh.Key(), dan.ID(): dan.Key()}, d.Keys)

	bins, err := metadata.NewHashBins(4)
	require.NoError(t, err)
	d = &metadata.Delegations{Keys: map[string]rstuf.Key{other.ID(): other.Key()}, Succinct: bins.SuccinctRoles(other.ID())}
	names, err = d.ReplaceOnlineKey(old, next)
	require.NoError(t, err)
	assert.Len(t, names, 4)
	assert.Equal(t, []string{fresh.ID()}, d.Succinct.KeyIDs)
	assert.Equal(t, map[string]rstuf.Key{fresh.ID(): fresh.Key()}, d.Keys)
	_, err = d.ReplaceOnlineKey(nil, next)
	assert.Error(t, err)
}

// TestExpiresForGoTUF holds what docs/clients.md says of go-tuf: it reads the
// other forms of a date, but encodes them anew before it verifies.
func TestExpiresForGoTUF(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for text, verifies := range map[string]bool{
		"2036-01-02T03:04:05Z":      true,
		"2036-01-02T03:04:05.5Z":    true,
		"2036-01-02T05:04:05+02:00": true,
		"2036-01-02T03:04:05.50Z":   false,
		"2036-01-02T03:04:05+00:00": false,
	} {
		doc := parse(t, strings.Replace(string(tuftest.Document(t, p.root(t)).Bytes()), expires.Format(time.RFC3339), text, 1))
		require.NoError(t, doc.Sign(t.Context(), p.alice))
		require.NoError(t, doc.Sign(t.Context(), p.bob))
		by, err := metadata.RootSigners(doc)
		require.NoError(t, err)
		assert.NoError(t, by[0].Verify(doc).Err(), text)
		theirs, err := tuf.Root().FromBytes(doc.Bytes())
		require.NoError(t, err, text)
		assert.Equal(t, verifies, theirs.VerifyDelegate("root", theirs) == nil, text)
	}
}
