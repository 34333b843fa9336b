// Package sigstore makes the signatures of Sigstore keys count: it checks bundles
// offline, against a trusted root that the program pins. A program registers a
// verifier once, at its start, and such signatures count in its drafts, services,
// repositories and reports:
//
//	verifier, err := sigstore.NewVerifier(trustedRoot) // the bytes of trusted_root.json
//	keys.RegisterSigstore(verifier.Verify)
//
// [NewSigner] signs as a Sigstore identity: with an OIDC token, such as a CI
// runner's, by the services that its [Config] names. Package sigstoretest is a
// Sigstore for tests.
//
// The package is a module of its own: it brings sigstore-go along.
package sigstore

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
)

// maxBundle bounds a bundle in bytes; usual ones have some 5,000.
const maxBundle = 128 << 10

// Verifier checks bundles with what one trusted root tells. It is safe for
// several goroutines.
type Verifier struct {
	trusted  *root.TrustedRoot
	verifier *verify.Verifier
}

// NewVerifier makes a verifier of a trusted root in JSON, the file
// trusted_root.json of a Sigstore instance. Bundles must be in one of its
// transparency logs, and their certificates in one of its certificate
// transparency logs if it has any. The time of a signature is that which a log or
// a timestamp authority has signed; the clock of this machine is not asked.
func NewVerifier(trustedRoot []byte) (*Verifier, error) {
	trusted, err := root.NewTrustedRootFromJSON(trustedRoot)
	if err != nil {
		return nil, fmt.Errorf("read Sigstore trusted root: %s", plain(err))
	}
	if len(trusted.FulcioCertificateAuthorities()) == 0 || len(trusted.RekorLogs()) == 0 {
		return nil, errors.New("read Sigstore trusted root: it needs a certificate authority and a transparency log")
	}
	options := []verify.VerifierOption{verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1)}
	if len(trusted.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	verifier, err := verify.NewVerifier(trusted, options...)
	if err != nil {
		return nil, fmt.Errorf("read Sigstore trusted root: %w", err)
	}
	return &Verifier{trusted, verifier}, nil
}

// Verify is a [keys.SigstoreVerifier]. The bundle must hold a signature over the
// message itself, not an attestation. A bundle of a certificate authority or log
// that the trusted root does not have is [keys.ErrUnverifiable].
func (v *Verifier) Verify(identity, issuer string, message, data []byte) error {
	if len(data) > maxBundle {
		return bad(fmt.Errorf("a bundle of %d bytes is too large, the most is %d", len(data), maxBundle))
	}
	b := new(bundle.Bundle)
	if err := b.UnmarshalJSON(data); errors.Is(err, bundle.ErrUnsupportedMediaType) {
		return unknown(err)
	} else if err != nil {
		return bad(err)
	}
	if b.GetMessageSignature() == nil {
		return bad(errors.New("the bundle holds an attestation, not a signature over the document"))
	}
	content, err := b.VerificationContent()
	if err != nil {
		return bad(err)
	}
	leaf := content.Certificate()
	if leaf == nil {
		return bad(errors.New("the bundle holds no certificate"))
	}
	if err := v.knows(b, leaf); err != nil {
		return err
	}
	want, err := verify.NewShortCertificateIdentity(issuer, "", identity, "")
	if err != nil {
		return bad(err)
	}
	if _, err := v.verifier.Verify(b, verify.NewPolicy(verify.WithArtifact(bytes.NewReader(message)), verify.WithCertificateIdentity(want))); err != nil {
		return bad(err)
	}
	return nil
}

// knows tells whether the trusted root has what a bundle rests on: the
// authority of its certificate, at whatever time, and a log of its entries.
func (v *Verifier) knows(b *bundle.Bundle, leaf *x509.Certificate) error {
	issued := false
	for _, ca := range v.trusted.FulcioCertificateAuthorities() {
		issued = issued || issuedBy(ca, leaf)
	}
	if !issued {
		return unknown(errors.New("its certificate is of an authority that is not in it"))
	}
	entries := b.GetVerificationMaterial().GetTlogEntries()
	for _, entry := range entries {
		if _, ok := v.trusted.RekorLogs()[hex.EncodeToString(entry.GetLogId().GetKeyId())]; ok {
			return nil
		}
	}
	if len(entries) == 0 {
		return bad(errors.New("it has no entry of a transparency log"))
	}
	return unknown(errors.New("its log entries are of logs that are not in it"))
}

// issuedBy tells whether an authority has signed a certificate, be it over or not.
func issuedBy(ca root.CertificateAuthority, leaf *x509.Certificate) bool {
	fulcio, ok := ca.(*root.FulcioCertificateAuthority)
	if !ok {
		return false
	}
	for _, parent := range append([]*x509.Certificate{fulcio.Root}, fulcio.Intermediates...) {
		if leaf.CheckSignatureFrom(parent) == nil {
			return true
		}
	}
	return false
}

// mostShown bounds, in bytes, what an error repeats of what sigstore-go says,
// which may hold text of the bundle.
const mostShown = 300

func bad(err error) error {
	return fmt.Errorf("%w: Sigstore: %s", keys.ErrBadSignature, plain(err))
}

func unknown(err error) error {
	return fmt.Errorf("%w: not with this trusted root of Sigstore: %s", keys.ErrUnverifiable, plain(err))
}

// plain is an error in one line. Protobuf's are written with odd spaces in some
// builds, so that nobody compares them.
func plain(err error) string {
	return quote.OneLine(strings.ReplaceAll(err.Error(), "\u00a0", " "), mostShown)
}
