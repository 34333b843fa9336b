package health

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"example.org/rstuf"
	"example.org/rstuf/internal/canonical"
	"example.org/rstuf/internal/rules"
	"example.org/rstuf/keys"
	"example.org/rstuf/metadata"
)

// The names of the clients.
const (
	pythonTUF = "python-tuf"
	goTUF     = "go-tuf"
	tufJS     = "tuf-js"
	tough     = "tough"
)

// A tufClient is what is known of a TUF client, from its source.
type tufClient struct {
	name, release string
	// The sizes in bytes that it takes of files whose length nothing tells, as it
	// is configured by default.
	root, timestamp, snapshot, targets int64
	// key tells what becomes of a key, and why if it does not count.
	key func(id string, key rstuf.Key) (keyUse, string)
	// file tells what becomes of an artifact, and why if it is lost.
	file func(metadata.TargetFile) (fileUse, string)
	// delegates tells why it can't read a role that delegates so; empty if it can.
	delegates func(*metadata.Delegations) string
	// slow tells why it takes long over roles that delegate so; empty if it does
	// not.
	slow func(*metadata.Delegations) string
	// misses tells why it finds none of a role's artifacts; empty if it does.
	misses func(rstuf.DelegatedRole) string
	// eager: it reads all roles at the start, and one that it can't read is the
	// end.
	eager bool
}

// keyUse is what a client makes of a key.
type keyUse int

const (
	keyCounts     keyUse = iota
	keyRegistered        // it counts in some programs, as the note says
	keyIgnored           // its signatures count for nothing
	keyBreaksRole        // a role that it may sign can't be verified
	keyBreaksFile        // a file that it stands in can't be read
)

// fileUse is what a client makes of an artifact.
type fileUse int

const (
	fileWorks      fileUse = iota
	fileLost               // it can't be downloaded
	fileBreaksRole         // the role that lists it can't be read
)

// tufClients are the clients of which docs/clients.md tells.
var tufClients = []tufClient{
	{
		name: pythonTUF, release: "7.0.1", root: 512_000, timestamp: 16_384, snapshot: 2_000_000, targets: 5_000_000,
		key: pythonKey, file: pythonFile,
	},
	{
		name: goTUF, release: "2.4.2", root: 512_000, timestamp: 16_384, snapshot: 2_000_000, targets: 5_000_000,
		key: goKey, file: goFile, misses: goMisses,
	},
	{
		name: tufJS, release: "4.1.0", root: 512_000, timestamp: 16_384, snapshot: 2_000_000, targets: 5_000_000,
		key: jsKey, file: jsFile, slow: jsSlow,
	},
	{
		name: tough, release: "0.24.0", root: 1 << 20, timestamp: 1 << 20, snapshot: 1 << 20, targets: 10 << 20,
		key: toughKey, file: toughFile, delegates: toughDelegates, eager: true,
	},
}

// limit is how large a document of a type may be for the client.
func (c *tufClient) limit(documentType string) int64 {
	switch documentType {
	case rstuf.RoleRoot:
		return c.root
	case rstuf.RoleTimestamp:
		return c.timestamp
	case rstuf.RoleSnapshot:
		return c.snapshot
	}
	return c.targets
}

// isCommon tells whether all clients know keys of this kind.
func isCommon(k rstuf.Key) bool {
	switch k.Scheme {
	case keys.SchemeEd25519:
		return k.KeyType == keys.KeyTypeEd25519
	case keys.SchemeECDSAP256:
		return k.KeyType == keys.KeyTypeECDSA || k.KeyType == k.Scheme
	case keys.SchemeRSAPSS256:
		return k.KeyType == keys.KeyTypeRSA
	}
	return false
}

func isP384(k rstuf.Key) bool {
	return k.Scheme == keys.SchemeECDSAP384 && (k.KeyType == keys.KeyTypeECDSA || k.KeyType == k.Scheme)
}

func isMLDSA(k rstuf.Key) bool {
	return k.KeyType == keys.KeyTypeMLDSA && slices.Contains([]string{keys.SchemeMLDSA44, keys.SchemeMLDSA65, keys.SchemeMLDSA87}, k.Scheme)
}

const unknownKind = "it does not know the key type"

// pythonKey: securesystemslib has a table of types and schemes, in which Sigstore's
// is left out, and refuses a document with any other key.
func pythonKey(_ string, k rstuf.Key) (keyUse, string) {
	switch {
	case isCommon(k), isP384(k), slices.Contains(pythonSchemes[k.KeyType], k.Scheme):
		return keyCounts, ""
	case isMLDSA(k):
		return keyRegistered, "with securesystemslib 1.6 and cryptography 48 or newer, which deployed RSTUF workers lack, else it refuses the whole document"
	case k.KeyType == keys.KeyTypeSigstore:
		return keyRegistered, "with securesystemslib's sigstore extra and the key type registered, else it refuses the whole document"
	}
	return keyBreaksFile, "it refuses a document with a key type or scheme that it does not know"
}

// pythonSchemes are further kinds of securesystemslib 1.6, by type. This module
// can't verify them.
var pythonSchemes = map[string][]string{
	keys.KeyTypeECDSA: {"ecdsa-sha2-nistp521"},
	keys.KeyTypeRSA:   {"rsassa-pss-sha384", "rsassa-pss-sha512", "rsa-pkcs1v15-sha256", "rsa-pkcs1v15-sha384", "rsa-pkcs1v15-sha512"},
}

func goKey(_ string, k rstuf.Key) (keyUse, string) {
	if isCommon(k) || isP384(k) && k.KeyType == keys.KeyTypeECDSA {
		return keyCounts, ""
	}
	return keyBreaksRole, unknownKind + ", and verifies no role that has such a key"
}

func jsKey(_ string, k rstuf.Key) (keyUse, string) {
	switch {
	case isCommon(k):
		return keyCounts, ""
	case isP384(k):
		return keyIgnored, "it hashes with SHA-256 where P-384 signs SHA-384"
	}
	return keyIgnored, unknownKind
}

// toughKey: its released versions compute each key id anew, over all fields of the
// key object.
func toughKey(id string, k rstuf.Key) (keyUse, string) {
	switch {
	case isP384(k):
		return keyBreaksFile, "it knows P-256 alone, and refuses the whole document"
	case !isCommon(k):
		return keyBreaksFile, "it refuses the whole document"
	case !strings.EqualFold(id, idOverAll(k)):
		return keyBreaksFile, "it counts every field of a key into the key id, such as the name that RSTUF gives keys, and refuses the whole document"
	}
	return keyCounts, ""
}

// idOverAll is the key id over every field of a key object.
func idOverAll(k rstuf.Key) string {
	data, err := json.Marshal(k)
	if err == nil {
		data, err = canonical.Transform(data)
	}
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

const (
	noHashes   = "it can't read a role with an artifact that has no hashes"
	oddDigest  = "it can't read a role with a digest that is not lower-case hex"
	oddLength  = "it can't read a role with such a length"
	maxInteger = 1<<53 - 1 // that a program in JavaScript tells from the next
)

func pythonFile(f metadata.TargetFile) (fileUse, string) {
	switch {
	case len(f.Hashes) == 0:
		return fileBreaksRole, noHashes
	case f.Length < 0:
		return fileBreaksRole, oddLength
	}
	for algorithm := range f.Hashes {
		if !rules.KnownHash(strings.ToLower(algorithm)) {
			return fileLost, "it must know every hash of an artifact"
		}
	}
	return fileWorks, ""
}

func goFile(f metadata.TargetFile) (use fileUse, why string) {
	if len(f.Hashes) == 0 {
		return fileBreaksRole, noHashes
	}
	for algorithm, digest := range f.Hashes {
		if !rules.IsLowerHex(digest) {
			return fileBreaksRole, oddDigest
		}
		if algorithm != "sha256" && algorithm != "sha512" {
			use, why = fileLost, "it knows sha256 and sha512, and must know every hash of an artifact"
		}
	}
	return use, why
}

// jsHashes are those of Node's crypto module that metadata may name.
var jsHashes = []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512"}

func jsFile(f metadata.TargetFile) (fileUse, string) {
	if f.Length < 0 || f.Length > maxInteger {
		return fileBreaksRole, oddLength
	}
	for algorithm := range f.Hashes {
		if !slices.Contains(jsHashes, strings.ToLower(algorithm)) {
			return fileLost, "it must know every hash of an artifact, and does not know blake2b"
		}
	}
	return fileWorks, ""
}

func toughFile(f metadata.TargetFile) (fileUse, string) {
	switch digest, ok := f.Hashes["sha256"]; {
	case !ok:
		return fileBreaksRole, "it can't read a role with an artifact that has no sha256"
	case !rules.IsLowerHex(digest):
		return fileBreaksRole, oddDigest
	case f.Length < 0:
		return fileBreaksRole, oddLength
	}
	return fileWorks, ""
}

func goMisses(role rstuf.DelegatedRole) string {
	if len(role.PathHashPrefixes) > 0 {
		return "it compares path hash prefixes in base64, and finds nothing by them"
	}
	return ""
}

// jsSlow: 8 ms at 256 roles, 0.2 s at 1,024, 7 s at 4,096.
func jsSlow(d *metadata.Delegations) string {
	roles := len(d.Roles)
	if d.Succinct != nil {
		if bins, err := d.Succinct.Bins(); err == nil {
			roles = bins.Count()
		}
	}
	if roles <= 1024 {
		return ""
	}
	return fmt.Sprintf("it takes seconds to read a snapshot of %d roles: its time grows with their square", roles)
}

func toughDelegates(d *metadata.Delegations) string {
	if d.Succinct != nil {
		return "it does not know succinct_roles"
	}
	for _, role := range d.Roles {
		if role.ExpirePolicy != 0 || len(role.Extra) > 0 {
			return "it drops fields of delegations that it does not know, such as RSTUF's x-rstuf-expire-policy, before it verifies"
		}
	}
	return ""
}

// tooLarge says that a file has more bytes than the client takes.
func (c *tufClient) tooLarge(size int) string {
	return fmt.Sprintf("its file has %d bytes, more than %s takes", size, c.name)
}
