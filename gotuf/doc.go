// Package gotuf is for those who hold go-tuf's types
// (github.com/theupdateframework/go-tuf/v2): documents as its Metadata and back,
// signers as those that its Sign takes, and a fetcher for its updater.
//
// [Metadata] and [Document] refuse what would not be the same on the other side:
// go-tuf writes a document anew from its own types before it verifies or signs, so
// that whatever these do not hold, such as a date with a fraction, large integers
// in custom data or Sigstore's signatures, makes signatures void. White space and
// the order of fields are not kept; no signature covers them.
//
// [Signer] makes a sigstore signature.Signer of a [keys.Signer]; the reverse is
// NewSigner of package keys/kms. [NewFetcher] is the transport of package
// repository: bounded, retried, given up when it is too slow, with credentials
// for their own hosts alone.
//
// What go-tuf gives up where package repository does not is listed in
// docs/clients.md: with this fetcher its updater passes all of
// rstuftest.TestDownloader.
//
// This package brings along what go-tuf does, sigstore and a container registry
// among it. No other package of this module imports go-tuf.
package gotuf
