package keys

import (
	"fmt"

	"filippo.io/mldsa/x509"
)

// Identity is a text that is the same for two keys if whoever signs with one
// can sign with the other: it stands for the public key itself, and for a
// Sigstore key for keytype, scheme, identity and issuer. A key of a kind that
// is not known here is its id. The zero key has none.
//
// Key ids are not that. They also depend on how the public value is written,
// such as the white space in a PEM, and on what else a keyval holds; other
// tools and the first generation of RSTUF name the same key by other ids.
func (p Public) Identity() string {
	switch {
	case p.id == "":
		return ""
	case p.key.KeyType == KeyTypeSigstore:
		return fmt.Sprintf("%q/%q: %q at %q", p.key.KeyType, p.key.Scheme, p.key.Value["identity"], p.key.Value["issuer"])
	case p.crypto == nil:
		return p.id
	}
	der, err := x509.MarshalPKIXPublicKey(p.crypto)
	if err != nil {
		return p.id
	}
	return string(der)
}

// Same reports whether both are one key, under whatever ids and names. The
// zero key is the same as none.
func (p Public) Same(other Public) bool {
	return p.id != "" && p.Identity() == other.Identity()
}
