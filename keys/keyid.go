package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
//
// A Sigstore key is the exception: RSTUF covers an x-rstuf-key-name there too,
// which is the identity whatever the key is called afterwards. See
// [Public.HasID] for the other ids that documents may use.
//
// KeyID works for any kind of key; only text that is not UTF-8, or a keyval
// that has no canonical form, is an error.
func KeyID(k rstuf.Key) (string, error) {
	if k.KeyType == KeyTypeSigstore && k.Scheme == SchemeFulcio {
		return hashKey(k, "", `,"x-rstuf-key-name":`+string(canonical.AppendString(nil, k.Value["identity"])))
	}
	return hashKey(k, "", "")
}

// hashKey hashes the key's canonical form, with more canonical members before
// keytype and after scheme.
func hashKey(k rstuf.Key, before, after string) (string, error) {
	if !utf8.ValidString(k.KeyType) || !utf8.ValidString(k.Scheme) {
		return "", errors.New("key id: keytype or scheme is not UTF-8")
	}
	keyval, err := canonicalKeyval(k)
	if err != nil {
		return "", fmt.Errorf("key id: %w", err)
	}
	buf := append([]byte("{"), before...)
	buf = canonical.AppendString(append(buf, `"keytype":`...), k.KeyType)
	buf = append(append(buf, `,"keyval":`...), keyval...)
	buf = canonical.AppendString(append(buf, `,"scheme":`...), k.Scheme)
	buf = append(append(buf, after...), '}')
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:]), nil
}

// canonicalKeyval is the canonical form of keyval. One that holds more than
// strings, of a kind of key that is not known here, is among the extra fields.
func canonicalKeyval(k rstuf.Key) ([]byte, error) {
	if raw, ok := k.Extra["keyval"]; ok && k.Value == nil {
		return canonical.Transform(raw)
	}
	buf := []byte("{")
	for i, name := range slices.Sorted(maps.Keys(k.Value)) {
		if !utf8.ValidString(name) || !utf8.ValidString(k.Value[name]) {
			return nil, errors.New("keyval is not UTF-8")
		}
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(canonical.AppendString(buf, name), ':')
		buf = canonical.AppendString(buf, k.Value[name])
	}
	return append(buf, '}'), nil
}

// legacyKeyID is the id that the first generation of RSTUF gave the key. It
// also covers keyid_hash_algorithms, and an RSA key's PEM without the line
// feed at its end.
func legacyKeyID(k rstuf.Key) (string, error) {
	if k.KeyType == KeyTypeRSA {
		k.Value = maps.Clone(k.Value)
		k.Value["public"] = strings.TrimSpace(k.Value["public"])
	}
	return hashKey(k, `"keyid_hash_algorithms":["sha256","sha512"],`, "")
}
