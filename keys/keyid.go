package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
)

// KeyID is the key's id in metadata, 64 lower-case hex digits: SHA-256 of the
// canonical JSON of {keytype, scheme, keyval}. Names, URIs and other fields of
// the key object are not covered, as RSTUF and securesystemslib have it.
// It works for any kind of key; only text that is not UTF-8 is an error.
func KeyID(k rstuf.Key) (string, error) {
	return hashKey(k, "")
}

// hashKey hashes the key's canonical form. hashAlgorithms is a canonical
// keyid_hash_algorithms member, or empty.
func hashKey(k rstuf.Key, hashAlgorithms string) (string, error) {
	for _, s := range []string{k.KeyType, k.Scheme} {
		if !utf8.ValidString(s) {
			return "", fmt.Errorf("key id: keytype or scheme is not UTF-8")
		}
	}
	buf := append([]byte("{"), hashAlgorithms...)
	buf = append(buf, `"keytype":`...)
	buf = canonical.AppendString(buf, k.KeyType)
	buf = append(buf, `,"keyval":{`...)
	for i, name := range slices.Sorted(maps.Keys(k.Value)) {
		if !utf8.ValidString(name) || !utf8.ValidString(k.Value[name]) {
			return "", fmt.Errorf("key id: keyval is not UTF-8")
		}
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = canonical.AppendString(buf, name)
		buf = append(buf, ':')
		buf = canonical.AppendString(buf, k.Value[name])
	}
	buf = append(buf, `},"scheme":`...)
	buf = canonical.AppendString(buf, k.Scheme)
	buf = append(buf, '}')
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:]), nil
}

// legacyKeyID is the id that the first generation of RSTUF gave the key. It
// also covers keyid_hash_algorithms, and an RSA key's PEM without the line
// feed at its end.
func legacyKeyID(k rstuf.Key) (string, error) {
	if k.KeyType == rstuf.KeyTypeRSA {
		k.Value = maps.Clone(k.Value)
		k.Value["public"] = strings.TrimSpace(k.Value["public"])
	}
	return hashKey(k, `"keyid_hash_algorithms":["sha256","sha512"],`)
}
