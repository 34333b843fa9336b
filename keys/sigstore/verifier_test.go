package sigstore

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"example.org/rstuf/keys"
)

const (
	carol  = "carol@example.com"
	issuer = "https://accounts.example.com"
)

var message = []byte(`{"_type":"root"}`)

// instance is a Sigstore in memory. Its certificates have no SCT, so its trusted
// root names no log of certificates.
func instance(t testing.TB) (*ca.VirtualSigstore, *Verifier) {
	virtual, err := ca.NewVirtualSigstore()
	require.NoError(t, err)
	return virtual, verifierOf(t, virtual, nil)
}

func verifierOf(t testing.TB, virtual *ca.VirtualSigstore, ct map[string]*root.TransparencyLog) *Verifier {
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, virtual.FulcioCertificateAuthorities(), rawIDs(t, ct), virtual.TimestampingAuthorities(), rawIDs(t, virtual.RekorLogs()))
	require.NoError(t, err)
	data, err := trusted.MarshalJSON()
	require.NoError(t, err)
	verifier, err := NewVerifier(data)
	require.NoError(t, err)
	return verifier
}

// rawIDs: the virtual instance has the ids of its logs in hexadecimal, and a
// trusted root in bytes.
func rawIDs(t testing.TB, logs map[string]*root.TransparencyLog) map[string]*root.TransparencyLog {
	for _, log := range logs {
		id, err := hex.DecodeString(string(log.ID))
		require.NoError(t, err)
		log.ID = id
	}
	return logs
}

// signed is a bundle of the virtual instance, whose log has the given time.
func signed(t testing.TB, virtual *ca.VirtualSigstore, identity, issuer string, message []byte, at time.Time) *protobundle.Bundle {
	entity, err := virtual.SignAtTime(identity, issuer, message, at)
	require.NoError(t, err)
	content, err := entity.VerificationContent()
	require.NoError(t, err)
	signature, err := entity.SignatureContent()
	require.NoError(t, err)
	entries, err := entity.TlogEntries()
	require.NoError(t, err)
	entry := entries[0].TransparencyLogEntry()
	body, err := base64.StdEncoding.DecodeString(entries[0].Body().(string))
	require.NoError(t, err)
	entry.CanonicalizedBody = body
	entry.KindVersion = &rekor.KindVersion{Kind: "hashedrekord", Version: "0.0.1"}
	promise, err := virtual.RekorSignPayload(tlog.RekorPayload{
		Body: entries[0].Body(), IntegratedTime: at.Unix(), LogIndex: entry.LogIndex, LogID: hex.EncodeToString(entry.LogId.KeyId),
	})
	require.NoError(t, err)
	entry.InclusionPromise = &rekor.InclusionPromise{SignedEntryTimestamp: promise}
	proof, err := virtual.GetInclusionProof(body)
	require.NoError(t, err)
	rootHash, err := hex.DecodeString(*proof.RootHash)
	require.NoError(t, err)
	entry.InclusionProof = &rekor.InclusionProof{
		LogIndex: *proof.LogIndex, RootHash: rootHash, TreeSize: *proof.TreeSize, Checkpoint: &rekor.Checkpoint{Envelope: *proof.Checkpoint},
	}
	return &protobundle.Bundle{
		MediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
		VerificationMaterial: &protobundle.VerificationMaterial{
			Content:     &protobundle.VerificationMaterial_Certificate{Certificate: &common.X509Certificate{RawBytes: content.Certificate().Raw}},
			TlogEntries: []*rekor.TransparencyLogEntry{entry},
		},
		Content: &protobundle.Bundle_MessageSignature{MessageSignature: &common.MessageSignature{
			MessageDigest: &common.HashOutput{Algorithm: common.HashAlgorithm_SHA2_256, Digest: signature.MessageSignatureContent().Digest()},
			Signature:     signature.Signature(),
		}},
	}
}

func encode(t testing.TB, b *protobundle.Bundle) []byte {
	data, err := protojson.Marshal(b)
	require.NoError(t, err)
	return data
}

// logTime is within the life of a certificate that is made now, which has begun by
// the log's whole seconds.
func logTime() time.Time { return time.Now().Add(5 * time.Minute) }

func TestVerify(t *testing.T) {
	virtual, verifier := instance(t)
	stranger, _ := instance(t)
	good := func() *protobundle.Bundle { return signed(t, virtual, carol, issuer, message, logTime()) }
	edit := func(change func(*protobundle.Bundle)) []byte {
		b := good()
		change(b)
		return encode(t, b)
	}
	require.NoError(t, verifier.Verify(carol, issuer, message, encode(t, good())))

	for name, test := range map[string]struct {
		bundle []byte
		want   error
	}{
		"other identity":            {encode(t, signed(t, virtual, "dan@example.com", issuer, message, logTime())), keys.ErrBadSignature},
		"identity in other letters": {encode(t, signed(t, virtual, "Carol@example.com", issuer, message, logTime())), keys.ErrBadSignature},
		"identity is a part":        {encode(t, signed(t, virtual, "x"+carol, issuer, message, logTime())), keys.ErrBadSignature},
		"other issuer":              {encode(t, signed(t, virtual, carol, issuer+"/", message, logTime())), keys.ErrBadSignature},
		"other document":            {encode(t, signed(t, virtual, carol, issuer, []byte("other"), logTime())), keys.ErrBadSignature},
		"certificate over":          {encode(t, signed(t, virtual, carol, issuer, message, time.Now().Add(30*time.Minute))), keys.ErrBadSignature},
		"before the certificate":    {encode(t, signed(t, virtual, carol, issuer, message, time.Now().Add(-30*time.Minute))), keys.ErrBadSignature},
		"no log entry":              {edit(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries = nil }), keys.ErrBadSignature},
		"log time altered":          {edit(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].IntegratedTime++ }), keys.ErrBadSignature},
		"entry of another": {edit(func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries = good().VerificationMaterial.TlogEntries
		}), keys.ErrBadSignature},
		"another instance":   {encode(t, signed(t, stranger, carol, issuer, message, logTime())), keys.ErrUnverifiable},
		"another log":        {edit(func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].LogId.KeyId[0] ^= 1 }), keys.ErrUnverifiable},
		"another media type": {edit(func(b *protobundle.Bundle) { b.MediaType = "application/vnd.dev.sigstore.bundle.v9.0+json" }), keys.ErrUnverifiable},
		"nothing":            {nil, keys.ErrBadSignature},
		"garbage":            {[]byte(`{"x":1}`), keys.ErrBadSignature},
		"huge":               {append(encode(t, good()), strings.Repeat(" ", maxBundle)...), keys.ErrBadSignature},
	} {
		err := verifier.Verify(carol, issuer, message, test.bundle)
		require.ErrorIs(t, err, test.want, name)
		assert.NotContains(t, err.Error(), "\n", name)
	}

	withCT := verifierOf(t, virtual, virtual.CTLogs())
	assert.ErrorIs(t, withCT.Verify(carol, issuer, message, encode(t, good())), keys.ErrBadSignature, "a certificate without the SCT that the trusted root asks for")
	_, err := NewVerifier([]byte("{}"))
	assert.Error(t, err)
}

func FuzzVerify(f *testing.F) {
	virtual, verifier := instance(f)
	f.Add(encode(f, signed(f, virtual, carol, issuer, message, logTime())))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"tlogEntries":[{}]},"messageSignature":{}}`))
	f.Add([]byte(`{"dsseEnvelope":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := verifier.Verify(carol, issuer, []byte("never signed"), data); err == nil {
			t.Fatal("a bundle over another message verifies")
		}
	})
}
