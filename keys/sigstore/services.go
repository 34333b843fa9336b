package sigstore

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/digitorus/timestamp"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// services are what signing talks to. sigstore-go has clients of its own, which
// put answers into their errors and ignore the context.
type services struct {
	cfg                      Config
	client                   http.Client
	fulcio, rekor, timestamp *url.URL // timestamp may be nil
}

func newServices(cfg Config) (s services, err error) {
	if cfg.Token == nil {
		return s, errors.New("nothing gives a token")
	}
	cfg.Audience = cmp.Or(cfg.Audience, defaultAudience)
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	s.cfg, s.client = cfg, clientOf(cfg.HTTPClient)
	if s.fulcio, err = parseURL(cfg.Fulcio); err != nil {
		return s, fmt.Errorf("URL of Fulcio: %w", err)
	}
	if s.rekor, err = parseURL(cfg.Rekor); err != nil {
		return s, fmt.Errorf("URL of Rekor: %w", err)
	}
	if cfg.Timestamp == "" {
		return s, nil
	}
	if s.timestamp, err = parseURL(cfg.Timestamp); err != nil {
		return s, fmt.Errorf("URL of the timestamp authority: %w", err)
	}
	return s, nil
}

// certificate has Fulcio certify a key. That the key is ours it sees by a
// signature over the token's subject.
func (s services) certificate(ctx context.Context, token, subject string, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(subject))
	proof, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	type publicKey struct {
		Algorithm string `json:"algorithm"`
		Content   string `json:"content"`
	}
	var request struct {
		PublicKeyRequest struct {
			PublicKey         publicKey `json:"publicKey"`
			ProofOfPossession []byte    `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	request.PublicKeyRequest.PublicKey = publicKey{"ECDSA", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
	request.PublicKeyRequest.ProofOfPossession = proof
	type answer struct {
		Chain struct {
			Certificates []string `json:"certificates"`
		} `json:"chain"`
	}
	var answers struct {
		Embedded answer `json:"signedCertificateEmbeddedSct"`
		Detached answer `json:"signedCertificateDetachedSct"`
	}
	if err := s.postJSON(ctx, s.fulcio.JoinPath("api/v2/signingCert"), http.Header{"Authorization": {"Bearer " + token}}, request, &answers); err != nil {
		return nil, err
	}
	chain := append(answers.Embedded.Chain.Certificates, answers.Detached.Chain.Certificates...)
	if len(chain) == 0 {
		return nil, errNonsense
	}
	block, _ := pem.Decode([]byte(chain[0]))
	if block == nil {
		return nil, errNonsense
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, errNonsense
	}
	return leaf, nil
}

// checkCertificate wants a certificate of our key, identity and issuer, before
// anything is put into a log for ever.
func checkCertificate(leaf *x509.Certificate, key *ecdsa.PrivateKey, identity, issuer string) error {
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return errors.New("it is for another key than ours")
	}
	summary, err := certificate.SummarizeCertificate(leaf)
	if err != nil {
		return errNonsense
	}
	want, err := verify.NewShortCertificateIdentity(issuer, "", identity, "")
	if err != nil {
		return err
	}
	if want.Verify(summary) != nil {
		return fmt.Errorf("it is of %s at %s, and the key of %s at %s", shown(summary.SubjectAlternativeName), shown(summary.Issuer), shown(identity), shown(issuer))
	}
	return nil
}

// timestamp has the timestamp authority sign the time at which it saw a signature.
func (s services) stamp(ctx context.Context, signature []byte) ([]byte, error) {
	digest := sha256.Sum256(signature)
	request, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Certificates: true}).Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := s.exchange(ctx, http.MethodPost, s.timestamp, http.Header{"Content-Type": {"application/timestamp-query"}}, request)
	if err != nil {
		return nil, err
	}
	if _, err := timestamp.ParseResponse(answer); err != nil {
		return nil, errNonsense
	}
	return answer, nil
}

// logEntry puts a signature into Rekor's log.
func (s services) logEntry(ctx context.Context, leaf *x509.Certificate, digest, signature []byte) (*rekor.TransparencyLogEntry, error) {
	type content struct {
		Content []byte `json:"content"`
	}
	type hash struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"value"`
	}
	certificate := content{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})}
	request := map[string]any{"apiVersion": hashedRekord.Version, "kind": hashedRekord.Kind, "spec": map[string]any{
		"signature": map[string]any{"content": signature, "publicKey": certificate},
		"data":      map[string]any{"hash": hash{"sha256", hex.EncodeToString(digest)}},
	}}
	var answer map[string]logAnswer
	if err := s.postJSON(ctx, s.rekor.JoinPath("api/v1/log/entries"), http.Header{}, request, &answer); err != nil {
		return nil, err
	}
	if len(answer) != 1 {
		return nil, errNonsense
	}
	entry := slices.Collect(maps.Values(answer))[0]
	return entry.proto()
}

var hashedRekord = &rekor.KindVersion{Kind: "hashedrekord", Version: "0.0.1"}

// logAnswer is an entry as Rekor's API has it.
type logAnswer struct {
	Body           []byte `json:"body"`
	IntegratedTime int64  `json:"integratedTime"`
	LogID          string `json:"logID"`
	LogIndex       int64  `json:"logIndex"`
	Verification   struct {
		SignedEntryTimestamp []byte `json:"signedEntryTimestamp"`
		InclusionProof       struct {
			Checkpoint string   `json:"checkpoint"`
			Hashes     []string `json:"hashes"`
			LogIndex   int64    `json:"logIndex"`
			RootHash   string   `json:"rootHash"`
			TreeSize   int64    `json:"treeSize"`
		} `json:"inclusionProof"`
	} `json:"verification"`
}

// proto is the entry as a bundle has it. Whether it is right its verification tells.
func (a logAnswer) proto() (*rekor.TransparencyLogEntry, error) {
	proof := a.Verification.InclusionProof
	raw := make([][]byte, 0, len(proof.Hashes)+2)
	for _, text := range append([]string{a.LogID, proof.RootHash}, proof.Hashes...) {
		hash, err := hex.DecodeString(text)
		if err != nil || len(hash) == 0 {
			return nil, errNonsense
		}
		raw = append(raw, hash)
	}
	return &rekor.TransparencyLogEntry{
		LogIndex: a.LogIndex, LogId: &common.LogId{KeyId: raw[0]}, KindVersion: hashedRekord,
		IntegratedTime: a.IntegratedTime, CanonicalizedBody: a.Body,
		InclusionPromise: &rekor.InclusionPromise{SignedEntryTimestamp: a.Verification.SignedEntryTimestamp},
		InclusionProof: &rekor.InclusionProof{
			LogIndex: proof.LogIndex, RootHash: raw[1], TreeSize: proof.TreeSize, Hashes: raw[2:],
			Checkpoint: &rekor.Checkpoint{Envelope: proof.Checkpoint},
		},
	}, nil
}

func (s services) postJSON(ctx context.Context, u *url.URL, header http.Header, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	header.Set("Content-Type", "application/json")
	header.Set("Accept", "application/json")
	data, err := s.exchange(ctx, http.MethodPost, u, header, body)
	if err != nil {
		return err
	}
	if json.Unmarshal(data, answer) != nil {
		return errNonsense
	}
	return nil
}
