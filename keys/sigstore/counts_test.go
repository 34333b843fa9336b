package sigstore_test

import (
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf"
	"example.org/rstuf/bootstrap"
	"example.org/rstuf/ceremony"
	"example.org/rstuf/client"
	"example.org/rstuf/health"
	"example.org/rstuf/keys"
	"example.org/rstuf/keys/sigstore"
	"example.org/rstuf/keys/sigstore/sigstoretest"
	"example.org/rstuf/metadata"
	"example.org/rstuf/repository"
	"example.org/rstuf/service"
)

// trusts is what this program trusts: a test at a time says.
var trusts atomic.Pointer[sigstore.Verifier]

func init() {
	keys.RegisterSigstore(func(identity, issuer string, message, bundle []byte) error {
		return trusts.Load().Verify(identity, issuer, message, bundle)
	})
}

// signerOf is an identity that can sign, and is trusted from now on.
func signerOf(t testing.TB, instance *sigstoretest.Instance, identity string) keys.Signer {
	verifier := verifierOf(t, instance)
	trusts.Store(verifier)
	token := instance.Token(sigstoretest.Claims{Issuer: issuer, Subject: "1", Email: identity})
	signer, err := sigstore.NewSigner(keys.Sigstore(identity, issuer, identity), verifier, configOf(instance, token))
	require.NoError(t, err)
	return signer
}

func generate(t testing.TB, name string) *keys.Private {
	key, err := keys.Generate(keys.Ed25519, name)
	require.NoError(t, err)
	return key
}

// TestCounts: in a root that a Sigstore identity signs, its signature counts once,
// in the form of securesystemslib, and not for another version.
func TestCounts(t *testing.T) {
	instance := newInstance(t)
	signer := signerOf(t, instance, carol)
	alice, online := generate(t, "alice"), generate(t, "online")
	require.True(t, signer.Public().Verifiable())
	made := func(days int) (*metadata.Document, metadata.Delegation) {
		body, err := metadata.NewRoot([]keys.Public{alice.Public(), signer.Public()}, 2, online.Public(), time.Now().AddDate(0, 0, days))
		require.NoError(t, err)
		doc, err := metadata.New(body)
		require.NoError(t, err)
		by, err := metadata.RootSigners(doc)
		require.NoError(t, err)
		return doc, by[0]
	}
	doc, by := made(10)
	require.NoError(t, doc.SignFor(t.Context(), signer, by))
	require.Error(t, by.Verify(doc).Err())
	require.NoError(t, doc.SignFor(t.Context(), alice, by))
	require.NoError(t, by.Verify(doc).Err(), "a file and an identity reach the threshold together")
	require.NoError(t, doc.CheckSignatures(by))

	sig := doc.Signatures()[0]
	var inside struct {
		MessageSignature struct{ Signature string }
	}
	require.NoError(t, json.Unmarshal(sig.Bundle, &inside))
	assert.Equal(t, inside.MessageSignature.Signature, sig.Sig, "base64, as securesystemslib writes it")

	other, otherBy := made(11)
	assert.ErrorIs(t, other.AddSignatureFor(sig, otherBy), keys.ErrBadSignature, "replayed")
	assert.NoError(t, doc.AddSignatureFor(rstuf.Signature{KeyID: sig.KeyID, Bundle: sig.Bundle}, by), "an empty sig beside a bundle")
	assert.ErrorIs(t, doc.AddSignatureFor(rstuf.Signature{KeyID: sig.KeyID, Sig: "AAAA", Bundle: sig.Bundle}, by), keys.ErrBadSignature)
	_, err := metadata.NewRoot([]keys.Public{alice.Public()}, 1, signer.Public(), time.Now())
	assert.Error(t, err, "never an online key")
}

// TestCountsOnce: an identity in two key objects, with a bundle for each.
func TestCountsOnce(t *testing.T) {
	instance := newInstance(t)
	signer := signerOf(t, instance, carol)
	object := signer.Public().Key()
	object.Value["note"] = "of another id"
	alias, err := keys.FromKey(object)
	require.NoError(t, err)
	require.NotEqual(t, signer.Public().ID(), alias.ID())
	alice, online := generate(t, "alice"), generate(t, "online")
	body, err := metadata.NewRoot([]keys.Public{signer.Public(), alice.Public()}, 2, online.Public(), time.Now().AddDate(0, 0, 9))
	require.NoError(t, err)
	doc, err := metadata.New(body)
	require.NoError(t, err)
	signatures := []rstuf.Signature{}
	bundles := map[string]bool{}
	for _, key := range []keys.Public{signer.Public(), alias} {
		bundle, err := signer.Sign(t.Context(), doc.Canonical())
		require.NoError(t, err)
		bundles[string(bundle)] = true
		signatures = append(signatures, rstuf.Signature{KeyID: key.ID(), Bundle: bundle})
	}
	require.Len(t, bundles, 2)
	data, err := json.Marshal(map[string]any{"signed": json.RawMessage(doc.Canonical()), "signatures": signatures})
	require.NoError(t, err)
	twice, err := metadata.Parse(data)
	require.NoError(t, err)
	by := metadata.Delegation{
		Role: rstuf.RoleRoot, Threshold: 2, KeyIDs: []string{signer.Public().ID(), alias.ID(), alice.Public().ID()},
		Keys: map[string]rstuf.Key{signer.Public().ID(): signer.Public().Key(), alias.ID(): alias.Key(), alice.Public().ID(): alice.Public().Key()},
	}
	verified := by.Verify(twice)
	assert.Len(t, verified.Signed, 1)
	assert.Len(t, verified.Invalid, 1, "it is good, and by the same key")
	assert.Error(t, verified.Err(), "two bundles of one identity are one signature")
	by.Threshold = 1
	assert.NoError(t, by.Verify(twice).Err())
}

// TestRepository: identities sign the first root, the next one and a delegated
// role of an embedded service over its API, beside files; whoever reads it counts
// them, and whoever trusts another Sigstore does not.
func TestRepository(t *testing.T) {
	ctx := t.Context()
	instance := newInstance(t)
	alice, eve, online := generate(t, "alice"), generate(t, "eve"), generate(t, "online")
	carolSigns, danSigns := signerOf(t, instance, carol), signerOf(t, instance, "dan@example.com")

	draft, err := ceremony.New(ceremony.Policy{
		RootKeys: []keys.Public{alice.Public(), carolSigns.Public(), generate(t, "spare").Public()}, Threshold: 2, OnlineKey: online.Public(),
		Delegations: []ceremony.Role{{Name: "dev", Paths: []string{"dev/*"}, Keys: []keys.Public{danSigns.Public(), eve.Public()}, Threshold: 2, Days: 30}},
	})
	require.NoError(t, err)
	require.ErrorIs(t, draft.Sign(ctx, danSigns), ceremony.ErrNotSigner)
	require.NoError(t, draft.Sign(ctx, carolSigns))
	file := filepath.Join(t.TempDir(), "draft.json")
	require.NoError(t, draft.Save(file))
	draft, err = ceremony.LoadDraft(file)
	require.NoError(t, err)
	require.Len(t, draft.Status().Document.Signed, 1)
	assert.NotContains(t, draft.Review(time.Now()).String(), keys.ErrNoSigstore.Error())
	first := draft.Document()

	dir := t.TempDir()
	embedded, err := service.Open(ctx, service.Config{Dir: dir, OnlineKeys: []keys.Signer{online}, UnsafeNoSync: true})
	require.NoError(t, err)
	defer func() { assert.NoError(t, embedded.Close(ctx)) }()
	server, files := httptest.NewServer(embedded.Handler()), httptest.NewServer(embedded.MetadataHandler())
	defer server.Close()
	defer files.Close()
	api, err := client.New(server.URL, client.Config{})
	require.NoError(t, err)

	sent, err := bootstrap.Run(ctx, api, draft.Payload())
	require.NoError(t, err)
	require.Len(t, sent.Signed.Signed, 1, "an identity alone starts it")
	sign := func(role string, trusted *metadata.Document, signers ...keys.Signer) ceremony.Sent {
		t.Helper()
		drafts, err := ceremony.Pending(ctx, api)
		require.NoError(t, err)
		for _, d := range drafts {
			if d.Role() == role {
				require.NoError(t, d.Pin(trusted))
				for _, s := range signers {
					require.NoError(t, d.Sign(ctx, s))
				}
				sent, err := d.Send(ctx, api)
				require.NoError(t, err)
				return sent
			}
		}
		t.Fatalf("%s does not wait for signatures", role)
		return ceremony.Sent{}
	}
	require.True(t, sign(rstuf.RoleRoot, first, alice).Complete)
	require.NoError(t, draft.Sign(ctx, alice))
	first = draft.Document()
	require.False(t, sign("dev", first, eve).Complete)
	require.True(t, sign("dev", first, danSigns).Complete, "a delegation, over the API")

	next, err := ceremony.Next(ctx, first, ceremony.Change{Days: 200})
	require.NoError(t, err)
	require.NoError(t, next.Sign(ctx, alice))
	task, err := api.UpdateMetadata(ctx, next.Update().Metadata[rstuf.RoleRoot])
	require.NoError(t, err)
	_, err = task.Wait(ctx)
	require.ErrorIs(t, err, rstuf.ErrSignaturesPending)
	require.True(t, sign(rstuf.RoleRoot, first, carolSigns).Complete, "the next root, over the API")

	reader, err := repository.New(repository.Config{MetadataURL: files.URL, AllowExpiredUnsafe: true}, repository.TrustRoot(first.Bytes()))
	require.NoError(t, err)
	roots, err := reader.Roots(ctx)
	require.NoError(t, err)
	require.Len(t, roots, 2)
	report := health.Examine(ctx, health.Config{Reader: reader, API: api})
	assert.Len(t, report.Roots[1].Signed, 2)
	assert.Len(t, report.Roots[1].SignedBefore, 2)
	for _, role := range report.Roles {
		if role.Name == "dev" {
			assert.Len(t, role.Signed, 2)
			assert.True(t, role.Verified)
		}
	}
	assert.Empty(t, report.Pending)

	trusts.Store(verifierOf(t, newInstance(t)))
	_, err = repository.New(repository.Config{MetadataURL: files.URL}, repository.TrustRoot(first.Bytes()))
	assert.ErrorIs(t, err, metadata.ErrThreshold, "whoever trusts another Sigstore misses the threshold")
}
