// Package keys holds the keys that sign TUF metadata: it makes, loads, saves
// and names them, and turns anything that can sign into a [Signer].
//
// Start with [Generate] for a new key, [Load] for a private key file in any
// format that RSTUF people have, [LoadPublic] for a public one, [FromKey] for a
// key object of a document. [NewSigner] takes a [crypto.Signer] (HSM, TPM),
// [NewSignerFunc] whatever else signs (ssh-agent, a service; packages vault, exec
// and kms below do so), and [OpenURI] the key URI that a root carries for its
// online key.
//
// What a package user can rely on:
//
//   - A key id is RSTUF's: SHA-256 of the canonical JSON of keytype, scheme
//     and keyval. Names and URIs never change it ([KeyID] has the details).
//   - Every signature is verified with the public key before it is returned.
//   - Secrets stay out of text: a [Private] prints, logs and encodes as
//     redacted, and no error quotes a password or key material.
//   - Bad input is an error, never a panic, and a file that asks for absurd
//     key derivation work is refused before the work is done.
//
// # Key types
//
// Ed25519, ECDSA on P-256 and P-384, RSA from 2048 bits (made with up to 4096,
// read with up to 8192), and ML-DSA-44, -65 and -87. RSA signs with PSS, SHA-256 and a salt of the
// digest's length; P-256 signs SHA-256 and P-384 SHA-384, both in ASN.1.
//
// P-384 is understood by the peers that matter: go-tuf v2 verifies
// ecdsa-sha2-nistp384, and so does Python's securesystemslib in every 1.x
// release. It signs with such a key from 1.5.0 on, and deployed RSTUF workers
// may carry an older one: use P-384 for root keys that sign elsewhere, not for
// an online key. P-521 is refused: go-tuf cannot verify it.
//
// ML-DSA is post-quantum, in the form of TAP 21 (a draft) and of securesystemslib
// from 1.6 on. Most TUF clients of today cannot read a document with such a key:
// docs/signers.md tells which, and what to do.
package keys
