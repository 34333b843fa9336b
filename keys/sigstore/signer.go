package sigstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
)

const (
	defaultTimeout  = 30 * time.Second
	defaultAudience = "sigstore"
)

// Config says with what a signer signs. Fulcio, Rekor and Token must be set. A
// URL is an https one; http is taken for this machine alone.
type Config struct {
	// Fulcio is the URL of the certificate authority, such as
	// https://fulcio.sigstore.dev. It gets the token.
	Fulcio string
	// Rekor is the URL of the transparency log (its API of version 1), such as
	// https://rekor.sigstore.dev. The certificate, in which the identity is, stays
	// in it for all to read.
	Rekor string
	// Timestamp is the whole URL of a timestamp authority (RFC 3161); empty for
	// none: the time is that of the log then.
	Timestamp string
	// Token gives an OIDC token for an audience. It is asked for each signature,
	// since tokens live for minutes; see [RunnerToken].
	Token func(ctx context.Context, audience string) (string, error)
	// Audience is what a token must be made for; "sigstore" if empty.
	Audience string
	// Timeout bounds each exchange with a service; 30 seconds if zero.
	Timeout time.Duration
	// HTTPClient is used for all exchanges; redirects are never followed.
	HTTPClient *http.Client
}

// NewSigner makes a signer of a Sigstore key. For each signature it takes a token,
// has Fulcio certify a key that is made for it, puts the signature into Rekor's
// log, and returns the bundle after verifier has verified it. A token that is
// not of the key's identity and issuer, to the letter, is sent nowhere.
//
// No error holds the token or what a service has answered.
func NewSigner(key keys.Public, verifier *Verifier, cfg Config) (keys.Signer, error) {
	switch {
	case !key.IsSigstore():
		return nil, fmt.Errorf("new Sigstore signer: %w key %s: it is no Sigstore key", keys.ErrUnsupported, key)
	case verifier == nil:
		return nil, errors.New("new Sigstore signer: the verifier is nil")
	}
	s, err := newServices(cfg)
	if err != nil {
		return nil, fmt.Errorf("new Sigstore signer: %w", err)
	}
	return &signer{key, verifier, s}, nil
}

// Opener opens the URI sigstore:, with securesystemslib's ?ambient=true too. The
// key is the identity and issuer of the token that is to be had now: compare it
// with the key that you expect, as with any URI.
func Opener(verifier *Verifier, cfg Config) keys.URIOpener {
	return func(ctx context.Context, uri string, uriCfg keys.URIConfig) (keys.Signer, error) {
		if rest := strings.TrimPrefix(uri, "sigstore:"); rest != "" && rest != "?ambient=true" {
			return nil, fmt.Errorf("%w: want sigstore: alone: the token tells the identity, and nobody is led to a login page here", keys.ErrUnsupported)
		}
		s, err := newServices(cfg)
		if err != nil {
			return nil, err
		}
		_, who, err := s.token(ctx)
		if err != nil {
			return nil, err
		}
		name := uriCfg.Name
		if name == "" {
			name = who.identity
		}
		return NewSigner(keys.Sigstore(who.identity, who.issuer, name), verifier, cfg)
	}
}

type signer struct {
	key      keys.Public
	verifier *Verifier
	services
}

func (s *signer) Public() keys.Public { return s.key }

// Sign returns the bundle in JSON.
func (s *signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	bundle, err := s.sign(ctx, message)
	if err != nil {
		return nil, fmt.Errorf("sign with Sigstore key %s: %w", s.key, err)
	}
	return bundle, nil
}

func (s *signer) sign(ctx context.Context, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	value := s.key.Key().Value
	identity, issuer := value["identity"], value["issuer"]
	token, who, err := s.token(ctx)
	if err != nil {
		return nil, err
	}
	if who.identity != identity || who.issuer != issuer {
		return nil, fmt.Errorf("the token is of %s at %s, and the key of %s at %s: nothing was sent",
			shown(who.identity), shown(who.issuer), shown(identity), shown(issuer))
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf, err := s.certificate(ctx, token, who.subject, private)
	if err != nil {
		return nil, fmt.Errorf("certificate from Fulcio: %w", err)
	}
	if err := checkCertificate(leaf, private, identity, issuer); err != nil {
		return nil, fmt.Errorf("certificate from Fulcio: %w", err)
	}
	bundle, err := s.bundle(ctx, private, leaf, sha256.Sum256(message))
	if err != nil {
		return nil, err
	}
	if err := s.verifier.Verify(identity, issuer, message, bundle); err != nil {
		return nil, fmt.Errorf("what the services made is unusable: %w", err)
	}
	return bundle, nil
}

// bundle is a signature with what the services say of it.
func (s *signer) bundle(ctx context.Context, private *ecdsa.PrivateKey, leaf *x509.Certificate, digest [sha256.Size]byte) ([]byte, error) {
	signature, err := ecdsa.SignASN1(rand.Reader, private, digest[:])
	if err != nil {
		return nil, err
	}
	material := &protobundle.VerificationMaterial{
		Content: &protobundle.VerificationMaterial_Certificate{Certificate: &common.X509Certificate{RawBytes: leaf.Raw}},
	}
	if s.timestamp != nil {
		stamp, err := s.stamp(ctx, signature)
		if err != nil {
			return nil, fmt.Errorf("time from the timestamp authority: %w", err)
		}
		material.TimestampVerificationData = &protobundle.TimestampVerificationData{
			Rfc3161Timestamps: []*common.RFC3161SignedTimestamp{{SignedTimestamp: stamp}},
		}
	}
	entry, err := s.logEntry(ctx, leaf, digest[:], signature)
	if err != nil {
		return nil, fmt.Errorf("entry in Rekor's log: %w", err)
	}
	material.TlogEntries = []*rekor.TransparencyLogEntry{entry}
	return protojson.Marshal(&protobundle.Bundle{
		MediaType:            "application/vnd.dev.sigstore.bundle.v0.3+json",
		VerificationMaterial: material,
		Content: &protobundle.Bundle_MessageSignature{MessageSignature: &common.MessageSignature{
			MessageDigest: &common.HashOutput{Algorithm: common.HashAlgorithm_SHA2_256, Digest: digest[:]},
			Signature:     signature,
		}},
	})
}

// shown is a text of a token or key in an error.
func shown(text string) string { return quote.Word(quote.Cut(text, mostShown)) }
