package keys

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"sync"
)

// Private is a private key held in memory, a [Signer]. However it is printed,
// logged or encoded, only its public half shows. Close it when done.
type Private struct {
	pub       Public
	encrypted bool
	// secret is shared by the copies that WithName makes, so that closing
	// one closes all.
	secret *secret
}

// secret holds the key itself; key is nil once it is closed. The key is behind
// a function because reflection cannot look into one: fmt, for a verb that
// does not fit, and the dumps of test tools print unexported fields without
// asking any method.
type secret struct {
	mu  sync.RWMutex
	key func() crypto.Signer
}

// newPrivate takes a key of Go's crypto packages; it is the one place that
// decides which private keys are supported.
func newPrivate(key crypto.PrivateKey, name string) (*Private, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w key type %T: use ed25519, ecdsa, rsa or ml-dsa", ErrUnsupported, key)
	}
	if k, ok := signer.(*ed25519.PrivateKey); ok { // the ssh package returns a pointer
		signer = *k
	}
	if k, ok := signer.(ed25519.PrivateKey); ok && !bytes.Equal(k, ed25519.NewKeyFromSeed(k.Seed())) {
		return nil, errHalves
	}
	pub, err := FromCrypto(signer.Public(), name)
	if err != nil {
		return nil, err
	}
	return &Private{pub: pub, secret: &secret{key: func() crypto.Signer { return signer }}}, nil
}

// Public is the public half.
func (p Private) Public() Public { return p.pub }

// Encrypted reports whether the file that the key was loaded from was
// encrypted. If it was not and the user gave a password, he believes
// something about that file that is not so: warn him.
func (p Private) Encrypted() bool { return p.encrypted }

// WithName returns the same key with another display name. The two share the
// secret: closing one closes both.
func (p Private) WithName(name string) *Private {
	p.pub = p.pub.WithName(name)
	return &p
}

// Sign signs the message; see [Signer]. After Close it gives [ErrClosed].
func (p Private) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return NewSignerFunc(p.pub, p.sign).Sign(ctx, message)
}

func (p Private) sign(_ context.Context, message []byte) ([]byte, error) {
	var sig []byte
	err := p.use(func(key crypto.Signer) (err error) {
		sig, err = signCrypto(key, p.pub, message)
		return err
	})
	return sig, err
}

// use calls f with the key unless it is closed, and holds off Close meanwhile.
func (p Private) use(f func(crypto.Signer) error) error {
	if p.secret == nil {
		return ErrClosed
	}
	p.secret.mu.RLock()
	defer p.secret.mu.RUnlock()
	if p.secret.key == nil {
		return ErrClosed
	}
	return f(p.secret.key())
}

// Close overwrites the secret numbers and makes the key unusable. Copies that
// Go's runtime or its crypto packages made of them are out of reach, and so are
// the numbers of an ML-DSA key, which its package keeps to itself.
// It always returns nil.
func (p Private) Close() error {
	if p.secret == nil {
		return nil
	}
	p.secret.mu.Lock()
	defer p.secret.mu.Unlock()
	if p.secret.key != nil {
		wipe(p.secret.key())
		p.secret.key = nil
	}
	return nil
}

// wipe overwrites the secret numbers of a key.
func wipe(key crypto.Signer) {
	switch k := key.(type) {
	case ed25519.PrivateKey:
		clear(k)
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 there is no other way to overwrite it
		wipeInts(k.D)
	case *rsa.PrivateKey:
		wipeInts(append(k.Primes, k.D, k.Precomputed.Dp, k.Precomputed.Dq, k.Precomputed.Qinv)...)
	}
}

func wipeInts(numbers ...*big.Int) {
	for _, n := range numbers {
		if n != nil {
			clear(n.Bits())
		}
	}
}

// String shows the public half.
func (p Private) String() string { return "private key of " + p.pub.String() + ", redacted" }

// GoString is String: %#v shows no more.
func (p Private) GoString() string { return p.String() }

// Format is String for every verb and flag, so that no verb reaches the
// fields.
func (p Private) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is String, for log/slog.
func (p Private) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText is String: encoding/json, XML and YAML show no more.
func (p Private) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
