package metadata

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
)

// Sign adds a signature, in place of one by the same key.
func (d *Document) Sign(ctx context.Context, signer keys.Signer) error {
	sig, err := signer.Sign(ctx, d.canonical)
	if err != nil {
		return fmt.Errorf("sign %s version %d: %w", d.typ, d.version, err)
	}
	return d.put(rstuf.Signature{KeyID: signer.Public().ID(), Sig: hex.EncodeToString(sig)})
}

// AddSignature adds a signature that somebody made elsewhere, in place of one
// by the same key id. It checks the signature first, and nothing is changed if
// it is wrong or cannot be checked (see [keys.ErrBadSignature] and
// [keys.ErrUnverifiable]).
func (d *Document) AddSignature(sig rstuf.Signature, key keys.Public) error {
	if key.Verifiable() && !key.HasID(sig.KeyID) {
		return fmt.Errorf("add signature to %s version %d: %w: it names the key %q, not %s", d.typ, d.version, keys.ErrBadSignature, quote.Cut(sig.KeyID, maxShown), key)
	}
	if err := verify(d.canonical, sig, key); err != nil {
		return fmt.Errorf("add signature to %s version %d: %w", d.typ, d.version, err)
	}
	return d.put(sig)
}

// verify checks one signature over a message.
func verify(message []byte, sig rstuf.Signature, key keys.Public) error {
	if !key.Verifiable() {
		return key.Verify(message, nil) // says what kind of key it is
	}
	raw, err := hex.DecodeString(sig.Sig)
	if err != nil {
		return fmt.Errorf("signature by key %s: %w: it is not hex", key, keys.ErrBadSignature)
	}
	return key.Verify(message, raw)
}

// put writes a signature into the list and into the file.
func (d *Document) put(sig rstuf.Signature) error {
	if sig.KeyID == "" {
		return fmt.Errorf("sign %s version %d: the signer has no key id", d.typ, d.version)
	}
	raw, err := json.Marshal(sig)
	if err != nil {
		return fmt.Errorf("signature by key %q: %w", sig.KeyID, err)
	}
	signatures := slices.Clone(d.signatures)
	i := slices.IndexFunc(signatures, func(s signature) bool { return s.KeyID == sig.KeyID })
	if i < 0 {
		signatures = append(signatures, signature{sig, raw})
	} else {
		signatures[i] = signature{sig, raw}
	}
	return d.setSignatures(signatures)
}

// setSignatures replaces the list of signatures in the file and leaves every
// other byte as it is. A file that could not be read again is an error, and
// nothing is changed.
func (d *Document) setSignatures(signatures []signature) error {
	var list bytes.Buffer
	list.WriteByte('[')
	for i, s := range signatures {
		if i > 0 {
			list.WriteByte(',')
		}
		list.Write(s.raw)
	}
	list.WriteByte(']')
	if size := len(d.raw) - (d.sigEnd - d.sigStart) + list.Len(); size > MaxSize {
		return fmt.Errorf("%s version %d with another signature has %d bytes and is too large, the most is %d", d.typ, d.version, size, MaxSize)
	}
	d.raw = slices.Concat(d.raw[:d.sigStart], list.Bytes(), d.raw[d.sigEnd:])
	d.sigEnd = d.sigStart + list.Len()
	d.signatures = signatures
	return nil
}
