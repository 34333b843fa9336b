package gotuf

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"

	"github.com/sigstore/sigstore/pkg/signature"

	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// Signer makes the signer that go-tuf's Metadata.Sign takes. It signs whole
// messages by the scheme of its key; of the options the context counts. For a P-384
// key go-tuf computes an id that is no one's: it takes every ECDSA key for P-256.
func Signer(s keys.Signer) (signature.Signer, error) {
	switch {
	case s == nil:
		return nil, errors.New("gotuf: there is no signer")
	case s.Public().Crypto() == nil:
		return nil, fmt.Errorf("gotuf: the key %s is of no kind that go-tuf knows", s.Public())
	}
	return signer{s}, nil
}

type signer struct{ keys.Signer }

// PublicKey implements signature.Signer.
func (s signer) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return s.Public().Crypto(), nil
}

// SignMessage implements signature.Signer.
func (s signer) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	ctx := context.Background()
	for _, opt := range opts {
		opt.ApplyContext(&ctx)
	}
	text, err := io.ReadAll(io.LimitReader(message, metadata.MaxSize+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("gotuf: read the message: %w", err)
	case len(text) > metadata.MaxSize:
		return nil, fmt.Errorf("gotuf: the message has more than %d bytes", metadata.MaxSize)
	}
	return s.Sign(ctx, text)
}
