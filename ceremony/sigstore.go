package ceremony

import (
	"maps"
	"slices"

	"example.org/rstuf"
	"example.org/rstuf/keys"
)

// sigstoreReaders says who counts the signatures of Sigstore keys. Package health
// has the same of each client, and a test of it compares the two.
const sigstoreReaders = "of TUF clients only python-tuf counts such signatures, if the program registers the key type, else it refuses the document; " +
	"go-tuf 2.4 verifies no role that has a Sigstore key; tough refuses the document; tuf-js passes over such signatures, and misses a threshold that needs one"

// reviewSigstore says before anybody signs whom Sigstore keys lock out.
func (d *Draft) reviewSigstore(r *Review) {
	var all []rstuf.Key
	for _, signers := range d.signers {
		all = slices.AppendSeq(all, maps.Values(signers.Keys))
	}
	if d.bootstrap != nil && d.bootstrap.Settings.Roles.Delegations != nil {
		all = slices.AppendSeq(all, maps.Values(d.bootstrap.Settings.Roles.Delegations.Keys))
	}
	i := slices.IndexFunc(all, func(k rstuf.Key) bool { return k.KeyType == keys.KeyTypeSigstore })
	if i < 0 {
		return
	}
	r.warn("it has a Sigstore key: %s", sigstoreReaders)
	if key, err := keys.FromKey(all[i]); err == nil && !key.Verifiable() {
		r.warn("signatures of Sigstore keys do not count here: %v", keys.ErrNoSigstore)
	}
}
