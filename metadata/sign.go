package metadata

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/internal/quote"
	"example.org/rstuf/keys"
)

var errNoSigner = errors.New("sign: there is no signer: it is nil")

// Sign adds a signature under the key's own id, in place of one by the same id.
// Where a root or a targets role names the key, [Document.SignFor] signs under
// the ids that stand there.
func (d *Document) Sign(ctx context.Context, signer keys.Signer) error {
	if signer == nil {
		return errNoSigner
	}
	return d.SignAs(ctx, signer, signer.Public().ID())
}

// SignAs signs once and adds the signature under each of the ids, in place of
// those by the same ids. It does not ask whose ids they are.
func (d *Document) SignAs(ctx context.Context, signer keys.Signer, ids ...string) error {
	switch {
	case d.empty():
		return errEmptyDocument
	case signer == nil:
		return errNoSigner
	case len(ids) == 0 || slices.Contains(ids, ""):
		return fmt.Errorf("sign %s version %d: the signer has no key id", d.typ, d.version)
	}
	sig, err := signer.Sign(ctx, d.canonical)
	if err != nil {
		return fmt.Errorf("sign %s version %d: %w", d.typ, d.version, err)
	}
	made, err := newSignature(signer.Public(), sig)
	if err != nil {
		return fmt.Errorf("sign %s version %d: %w", d.typ, d.version, err)
	}
	return d.put(made, ids...)
}

// SignFor signs for roles, such as the old and the new root ([RootSigners]):
// once, and the signature is added under every id that the key has in one of
// them. A key that has none there is [ErrNotSigner]. The signature is checked
// before it is added.
func (d *Document) SignFor(ctx context.Context, signer keys.Signer, by ...Delegation) error {
	switch {
	case d.empty():
		return errEmptyDocument
	case signer == nil:
		return errNoSigner
	}
	ids := signerIDs(signer.Public(), by)
	if len(ids) == 0 {
		return fmt.Errorf("sign %s version %d with key %s: %w", d.typ, d.version, signer.Public(), ErrNotSigner)
	}
	sig, err := signer.Sign(ctx, d.canonical)
	if err != nil {
		return fmt.Errorf("sign %s version %d: %w", d.typ, d.version, err)
	}
	made, err := newSignature(signer.Public(), sig)
	if err != nil {
		return fmt.Errorf("sign %s version %d: %w", d.typ, d.version, err)
	}
	made.KeyID = ids[0]
	return d.AddSignatureFor(made, by...)
}

// AddSignature adds a signature that somebody made elsewhere, in place of one
// by the same key id. It checks the signature first, and nothing is changed if
// it is wrong or cannot be checked (see [keys.ErrBadSignature] and
// [keys.ErrUnverifiable]).
func (d *Document) AddSignature(sig rstuf.Signature, key keys.Public) error {
	if d.empty() {
		return errEmptyDocument
	}
	if key.Verifiable() && !key.HasID(sig.KeyID) {
		return fmt.Errorf("add signature to %s version %d: %w: it names the key %q, not %s", d.typ, d.version, keys.ErrBadSignature, quote.Cut(sig.KeyID, maxShown), key)
	}
	if err := verify(d.canonical, sig, key); err != nil {
		return fmt.Errorf("add signature to %s version %d: %w", d.typ, d.version, err)
	}
	return d.put(sig, sig.KeyID)
}

// AddSignatureFor adds a signature that somebody made elsewhere for roles, as
// [Document.SignFor] would have: by a key of one of them, named by an id that
// it has there, and under every id that it has. It is checked first, and
// nothing is changed if it is wrong ([keys.ErrBadSignature]), cannot be checked
// ([keys.ErrUnverifiable]) or is by another key ([ErrNotSigner]).
func (d *Document) AddSignatureFor(sig rstuf.Signature, by ...Delegation) error {
	if d.empty() {
		return errEmptyDocument
	}
	key, err := signerKey(sig.KeyID, by)
	if err == nil {
		err = verify(d.canonical, sig, key)
	}
	if err != nil {
		return fmt.Errorf("add signature to %s version %d: %w", d.typ, d.version, err)
	}
	return d.put(sig, signerIDs(key, by)...)
}

// CheckSignatures checks that every signature of a document is right and by a
// key of one of these roles ([ErrNotSigner], [keys.ErrBadSignature]). Those
// that cannot be checked ([keys.ErrUnverifiable]), such as those of Sigstore in a
// program that has no verifier for them, pass. It does not ask
// whether there are enough, or any: see [Delegation.Verify].
func (d *Document) CheckSignatures(by ...Delegation) error {
	if d.empty() {
		return errEmptyDocument
	}
	for _, sig := range d.Signatures() {
		key, err := signerKey(sig.KeyID, by)
		if err == nil {
			err = verify(d.canonical, sig, key)
		}
		if err != nil && !errors.Is(err, keys.ErrUnverifiable) {
			return fmt.Errorf("signatures of %s version %d: %w", d.typ, d.version, err)
		}
	}
	return nil
}

// put writes a signature into the list and into the file, under each id.
func (d *Document) put(sig rstuf.Signature, ids ...string) error {
	signatures := slices.Clone(d.signatures)
	for _, id := range ids {
		sig.KeyID = id
		raw, err := json.Marshal(sig)
		if err != nil {
			return fmt.Errorf("signature by key %q: %w", id, err)
		}
		i := slices.IndexFunc(signatures, func(s signature) bool { return s.KeyID == id })
		if i < 0 {
			signatures = append(signatures, signature{sig, raw})
		} else {
			signatures[i] = signature{sig, raw}
		}
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
