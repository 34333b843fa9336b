package metadata

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// verify checks one signature over a message.
func verify(message []byte, sig rstuf.Signature, key keys.Public) error {
	switch {
	case !key.Verifiable():
		return key.Verify(message, nil) // says what kind of key it is
	case key.IsSigstore():
		return verifyBundle(message, sig, key)
	}
	raw, err := hex.DecodeString(sig.Sig)
	if err != nil {
		return fmt.Errorf("signature by key %s: %w: it is not hex", key, keys.ErrBadSignature)
	}
	return key.Verify(message, raw)
}

// verifyBundle checks the signature of a Sigstore key: the bundle is what
// counts, and a "sig" beside it must be that of the bundle.
func verifyBundle(message []byte, sig rstuf.Signature, key keys.Public) error {
	if sig.Sig != "" {
		inside, err := newSignature(key, sig.Bundle)
		if err != nil || inside.Sig != sig.Sig {
			return fmt.Errorf("signature by key %s: %w: sig is not the signature in its bundle, in base64", key, keys.ErrBadSignature)
		}
	}
	return key.Verify(message, sig.Bundle)
}

// newSignature is a signer's raw signature in the form of metadata: hexadecimal,
// or for a Sigstore key the bundle, and in "sig" the signature that it holds in
// base64, as securesystemslib has it.
func newSignature(key keys.Public, raw []byte) (rstuf.Signature, error) {
	if !key.IsSigstore() {
		return rstuf.Signature{Sig: hex.EncodeToString(raw)}, nil
	}
	var bundle struct {
		MessageSignature struct {
			Signature []byte `json:"signature"`
		} `json:"messageSignature"`
	}
	if err := json.Unmarshal(raw, &bundle); err != nil || len(bundle.MessageSignature.Signature) == 0 {
		return rstuf.Signature{}, fmt.Errorf("signature by key %s: %w: %w", key, keys.ErrBadSignature, errNoMessageSignature)
	}
	return rstuf.Signature{Sig: base64.StdEncoding.EncodeToString(bundle.MessageSignature.Signature), Bundle: raw}, nil
}

var errNoMessageSignature = errors.New("the bundle holds no message signature")
