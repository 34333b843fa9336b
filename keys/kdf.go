package keys

import (
	"crypto/pbkdf2"
	"fmt"
	"hash"

	"golang.org/x/crypto/scrypt"
)

// Bounds on the work that a key file may ask for before its password can be
// checked. They are several times what careful tools write, and keep a hostile
// file to a few seconds and a few hundred MiB.
const (
	maxPBKDF2Iterations = 5_000_000
	maxScryptMemory     = 256 << 20 // 128 * N * r bytes, and 128 * p * r as many again
	maxScryptWork       = 1 << 23   // N * r * p; N = 2^17, r = 8, p = 1 is 2^20
	maxBcryptRounds     = 500
)

func workError(kdf string, value any, limit any) error {
	return fmt.Errorf("%w: %s asks for %v, more than the %v that are accepted", ErrUnsupported, kdf, value, limit)
}

// A kdf derives a key of size bytes from a password; its parameters have been
// checked when it exists.
type kdf func(password []byte, size int) ([]byte, error)

func newPBKDF2(h func() hash.Hash, salt []byte, iterations int) (kdf, error) {
	if iterations < 1 {
		return nil, fmt.Errorf("%w: pbkdf2 with %d iterations", ErrNotKey, iterations)
	}
	if iterations > maxPBKDF2Iterations {
		return nil, workError("pbkdf2", iterations, fmt.Sprint(maxPBKDF2Iterations, " iterations"))
	}
	return func(password []byte, size int) ([]byte, error) {
		return pbkdf2.Key(h, string(password), salt, iterations, size)
	}, nil
}

func newScrypt(salt []byte, n, r, p int) (kdf, error) {
	if n < 2 || n&(n-1) != 0 || r < 1 || p < 1 {
		return nil, fmt.Errorf("%w: scrypt with N=%d r=%d p=%d, where N must be a power of two and r and p positive", ErrNotKey, n, r, p)
	}
	// Divisions, since the products may not fit.
	if max(n, p) > maxScryptMemory/128/r || n > maxScryptWork/r/p {
		return nil, workError("scrypt", fmt.Sprintf("N=%d r=%d p=%d", n, r, p),
			fmt.Sprintf("%d MiB and N*r*p=%d", maxScryptMemory>>20, maxScryptWork))
	}
	return func(password []byte, size int) ([]byte, error) {
		return scrypt.Key(password, salt, n, r, p, size)
	}, nil
}
