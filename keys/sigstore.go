package keys

import (
	"fmt"
	"sync/atomic"
)

// A SigstoreVerifier checks a Sigstore bundle over a message: that whoever could
// log in as identity at issuer signed it, both equal to the letter. It gives
// [ErrBadSignature] if the bundle is wrong, and [ErrUnverifiable] if what it
// trusts does not tell.
type SigstoreVerifier func(identity, issuer string, message, bundle []byte) error

var sigstoreVerifier atomic.Pointer[SigstoreVerifier]

// RegisterSigstore makes Sigstore keys [Public.Verifiable] in this program:
// their signatures count wherever documents are verified. A program calls it
// once, at its start, with what it was configured to trust; package
// example.org/rstuf/keys/sigstore makes such a verifier of a trusted root. It
// panics if there is one already, or the verifier is nil.
func RegisterSigstore(verify SigstoreVerifier) {
	if verify == nil || !sigstoreVerifier.CompareAndSwap(nil, &verify) {
		panic("keys: RegisterSigstore: there is a verifier already, or this one is nil")
	}
}

// IsSigstore reports whether the key is an identity of Sigstore, whose signatures
// are bundles.
func (p Public) IsSigstore() bool {
	return p.id != "" && p.key.KeyType == KeyTypeSigstore && p.key.Scheme == SchemeFulcio
}

func (p Public) verifySigstore(message, bundle []byte) error {
	verify := sigstoreVerifier.Load()
	if verify == nil {
		return fmt.Errorf("key %s (%s/%s): %w: %w", p, p.key.KeyType, p.key.Scheme, ErrUnverifiable, ErrNoSigstore)
	}
	if err := (*verify)(p.key.Value["identity"], p.key.Value["issuer"], message, bundle); err != nil {
		return fmt.Errorf("key %s: %w", p, err)
	}
	return nil
}
