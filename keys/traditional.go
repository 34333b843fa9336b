package keys

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// OpenSSL's traditional encryption of PKCS#1 and SEC 1 PEM (RFC 1423). Go
// deprecates it because it is weak and unauthenticated; these keys exist all
// the same, and are only read.

func isEncryptedPEM(block *pem.Block) bool {
	return x509.IsEncryptedPEMBlock(block) //lint:ignore SA1019 read only, see above
}

func parseTraditional(block *pem.Block) (container, error) {
	return container{encrypted: true, open: func(password []byte) (crypto.PrivateKey, error) {
		plain, err := x509.DecryptPEMBlock(block, password) //lint:ignore SA1019 read only, see above
		if errors.Is(err, x509.IncorrectPasswordError) {
			return nil, ErrPassword
		}
		if err != nil {
			return nil, fmt.Errorf("%w: the PEM's DEK-Info or its data is damaged, or its cipher unknown", ErrNotKey)
		}
		defer clear(plain)
		return parseDecrypted(plain)
	}}, nil
}
