package keys

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is. The error's text says which
// file or field, what was found there and what to do.
var (
	// ErrPassword: the password is wrong (or the encrypted part of the file
	// is damaged, which looks the same). Ask again.
	ErrPassword = errors.New("wrong password")
	// ErrPasswordNeeded: the key is encrypted and no password was offered.
	ErrPasswordNeeded = errors.New("the key is encrypted, a password is needed")
	// ErrNotKey: the data is not a key in any format known here.
	ErrNotKey = errors.New("not a key")
	// ErrNotPrivate: a public key or a certificate stands where a private
	// key belongs.
	ErrNotPrivate = errors.New("not a private key")
	// ErrUnsupported: a key, but of a type, curve, size, cipher or URI scheme
	// that is not supported.
	ErrUnsupported = errors.New("unsupported")
	// ErrBadSignature: the signature was not made by this key over this
	// message.
	ErrBadSignature = errors.New("signature does not verify")
	// ErrUnverifiable: this kind of key can be carried in metadata but its
	// signatures cannot be checked here (Sigstore keys, unknown types).
	ErrUnverifiable = errors.New("signatures of this kind of key cannot be verified here")
	// ErrNoSigstore: a program that has registered no verifier met a signature of
	// a Sigstore key. It comes with ErrUnverifiable.
	ErrNoSigstore = errors.New("this program has no Sigstore verifier, see docs/signers.md")
	// ErrNotAllowed: a URI of a scheme that [URIConfig.Schemes] leaves out.
	ErrNotAllowed = errors.New("not allowed here")
	// ErrClosed: the private key was closed.
	ErrClosed = errors.New("the private key is closed")
)

// errNoKey is the error of the zero [Public].
var errNoKey = errors.New("there is no key: it is empty")

// errHalves: a file's public and private halves are of different keys.
var errHalves = fmt.Errorf("%w: its public and private halves do not belong together", ErrNotKey)

// maxShown bounds, in bytes, what an error repeats of a stranger's file.
const maxShown = 60
